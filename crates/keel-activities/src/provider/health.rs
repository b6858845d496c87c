//! What a provider looks like from here, for `/health`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use serde::Serialize;

use super::breaker::{CircuitState, Counts};
use super::guard::Guard;

/// A look at one provider of this process, from anywhere. Clones look at the same.
#[derive(Clone, Debug)]
pub struct ProviderHealth(pub(super) Arc<Guard>);

/// A provider at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProviderSnapshot {
    /// State of its circuit breaker.
    pub circuit: CircuitState,
    /// Whether the breaker is enabled; if not, it stays closed.
    pub breaker_enabled: bool,
    /// Seconds since it entered this state.
    pub for_seconds: u64,
    /// Seconds until trials pass; 0 unless it is open. An open circuit turns half-open with the next call after that.
    pub open_for_seconds: u64,
    /// Why it is not closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// How often it opened since the process began.
    pub openings: u64,
    /// Calls made since the process began.
    pub asked: u64,
    /// Calls not made since the process began, because the circuit was open or too many were under way.
    pub turned_away: u64,
    /// The calls in the sliding window.
    pub window: Counts,
    /// Calls under way.
    pub in_flight: usize,
    /// Most calls at once.
    pub max_in_flight: usize,
}

impl ProviderHealth {
    /// `payments` or `courier`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.0.name
    }

    /// How the provider is now.
    #[must_use]
    pub fn snapshot(&self) -> ProviderSnapshot {
        let now = Instant::now();
        let circuit = self.0.circuit();
        let breaker = &circuit.breaker;
        ProviderSnapshot {
            circuit: breaker.state(),
            breaker_enabled: self.0.options().enabled,
            for_seconds: now.saturating_duration_since(breaker.since()).as_secs(),
            open_for_seconds: breaker.open_for(now).as_secs(),
            why: circuit.why.clone(),
            openings: breaker.openings(),
            asked: self.0.asked.load(Ordering::Relaxed),
            turned_away: self.0.turned_away.load(Ordering::Relaxed),
            window: breaker.counts(now),
            in_flight: self.0.bulkhead.in_flight(),
            max_in_flight: self.0.bulkhead.limit(),
        }
    }
}
