//! Why a provider was not set up, not asked, or did not do what it was asked.

use std::time::Duration;

/// Why a client of a provider cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The settings are wrong.
    #[error("{}", .0.join("; "))]
    Options(Vec<String>),
    /// The TLS set-up of this machine cannot be read.
    #[error("cannot set up HTTP for the {provider} provider: check this machine's certificate store")]
    Http {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What the HTTP library says.
        #[source]
        source: reqwest::Error,
    },
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It understood and refused; it will refuse again.
    #[error("the {provider} provider refused {operation} for order {order_id}: {message}")]
    Refused {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it was asked.
        operation: &'static str,
        /// The order.
        order_id: String,
        /// Its reason.
        message: String,
    },
    /// It is away, slow or broken; whether it did what it was asked is not known.
    #[error(
        "the {provider} provider did not answer {operation} at {url}: {what}; check it and `{provider}.url`"
    )]
    Unavailable {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it was asked.
        operation: &'static str,
        /// Where, without credentials.
        url: String,
        /// What was seen instead of an answer.
        what: String,
        /// How long it asks to wait, or when to try again because its circuit is open by now.
        retry_after: Option<Duration>,
        /// What the HTTP library says.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// It answered something that is not the protocol.
    #[error(
        "the {provider} provider answered {operation} at {url} with something else: {what}; \
         check that `{provider}.url` points to the provider"
    )]
    Protocol {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it was asked.
        operation: &'static str,
        /// Where, without credentials.
        url: String,
        /// What it answered, shortened.
        what: String,
        /// When to try again, if its circuit is open by now.
        retry_after: Option<Duration>,
    },
    /// It was not asked: too many calls failed or were slow.
    #[error(
        "the {provider} provider was not asked for {operation}: its circuit is open because {why}; the next attempt is \
         due in {retry_after:.1?}"
    )]
    CircuitOpen {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it would have been asked.
        operation: &'static str,
        /// What opened the circuit.
        why: String,
        /// When to try again: when the circuit lets trials through, and a random while more.
        retry_after: Duration,
    },
    /// It was not asked: this process already makes as many calls as it may.
    #[error(
        "the {provider} provider was not asked for {operation}: {limit} calls of this worker are in flight \
         (`{provider}.max_in_flight`); the next attempt is due in {retry_after:.1?}"
    )]
    Busy {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it would have been asked.
        operation: &'static str,
        /// The setting.
        limit: usize,
        /// When to try again.
        retry_after: Duration,
    },
}

impl ProviderError {
    /// How long to wait before the next attempt, where there is a reason to say so.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { .. } => None,
            Self::Unavailable { retry_after, .. } | Self::Protocol { retry_after, .. } => *retry_after,
            Self::CircuitOpen { retry_after, .. } | Self::Busy { retry_after, .. } => Some(*retry_after),
        }
    }

    /// A fault that is not to be repeated before `delay`.
    pub(super) fn not_before(mut self, delay: Option<Duration>) -> Self {
        if let Self::Unavailable { retry_after, .. } | Self::Protocol { retry_after, .. } = &mut self {
            *retry_after = (*retry_after).max(delay);
        }
        self
    }
}
