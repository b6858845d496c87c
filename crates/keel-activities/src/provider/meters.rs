//! What a provider's calls look like in `/metrics`. The handles are made once; without a recorder they cost nothing.

use std::time::Duration;

use keel_types::names::metric;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

use super::breaker::CircuitState;
use super::error::ProviderError;

/// How a call ended, as its label has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ok,
    Refused,
    Unavailable,
    Protocol,
    /// It succeeded, and took longer than `breaker.slow_call`.
    Slow,
}

impl Outcome {
    const ALL: [Self; 5] = [Self::Ok, Self::Refused, Self::Unavailable, Self::Protocol, Self::Slow];

    /// What an answer is; whether it was slow is not known here.
    pub(super) const fn of<A>(answer: &Result<A, ProviderError>) -> Self {
        match answer {
            Ok(_) => Self::Ok,
            Err(ProviderError::Refused { .. }) => Self::Refused,
            Err(ProviderError::Protocol { .. }) => Self::Protocol,
            Err(_) => Self::Unavailable,
        }
    }

    /// Whether the provider did not do its part. A refusal is an answer like any other.
    pub(super) const fn is_failure(self) -> bool {
        matches!(self, Self::Unavailable | Self::Protocol)
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
            Self::Protocol => "protocol",
            Self::Slow => "slow",
        }
    }
}

/// The series of one provider.
#[derive(Debug)]
pub(super) struct Meters {
    state: Gauge,
    transitions: [Counter; 3],
    open: Counter,
    full: Counter,
    in_flight: Gauge,
    calls: Vec<(&'static str, [Histogram; 5])>,
}

impl Meters {
    /// The series of `provider`, whose calls are `operations`.
    pub(super) fn new(provider: &'static str, operations: &[&'static str]) -> Self {
        let rejected =
            |reason| counter!(metric::PROVIDER_REJECTED_TOTAL, "provider" => provider, "reason" => reason);
        let series = |operation| {
            Outcome::ALL.map(|outcome| {
                let outcome = outcome.as_str();
                histogram!(metric::PROVIDER_CALL_SECONDS, "provider" => provider, "operation" => operation, "outcome" => outcome)
            })
        };
        Self {
            state: gauge!(metric::BREAKER_STATE, "provider" => provider),
            transitions: CircuitState::ALL.map(
                |to| counter!(metric::BREAKER_TRANSITIONS_TOTAL, "provider" => provider, "to" => to.as_str()),
            ),
            open: rejected("open"),
            full: rejected("full"),
            in_flight: gauge!(metric::PROVIDER_IN_FLIGHT, "provider" => provider),
            calls: operations.iter().map(|operation| (*operation, series(*operation))).collect(),
        }
    }

    /// The circuit is in this state from the start.
    pub(super) fn begins(&self, state: CircuitState) {
        self.state.set(f64::from(state.level()));
        self.in_flight.set(0.0);
    }

    /// The circuit changed.
    pub(super) fn changed(&self, to: CircuitState) {
        self.state.set(f64::from(to.level()));
        self.transitions[usize::from(to.level())].increment(1);
    }

    /// A call was not made because the circuit is open.
    pub(super) fn rejected_open(&self) {
        self.open.increment(1);
    }

    /// A call was not made because too many are in flight.
    pub(super) fn rejected_full(&self) {
        self.full.increment(1);
    }

    /// A call begins.
    pub(super) fn entered(&self) {
        self.in_flight.increment(1.0);
    }

    /// A call ended or was given up.
    pub(super) fn left(&self) {
        self.in_flight.decrement(1.0);
    }

    /// A call ended like this.
    pub(super) fn called(&self, operation: &'static str, outcome: Outcome, took: Duration) {
        if let Some((_, series)) = self.calls.iter().find(|(name, _)| *name == operation) {
            series[outcome as usize].record(took.as_secs_f64());
        }
    }
}
