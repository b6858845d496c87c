//! What an error of the store or a provider becomes outside.

use keel_types::failure::FailureType;
use keel_types::state::SagaStep;
use temporalio_sdk::activities::ActivityError;

use crate::failure::{application, application_after, chain};
use crate::provider::ProviderError;
use crate::store::{StoreError, refusal_of};

/// The failure of an activity that only uses the store.
pub(super) fn of_store(error: &StoreError) -> ActivityError {
    let kind = match error {
        StoreError::Refused(refusal) => refusal.failure_type(),
        StoreError::Unavailable { .. } | StoreError::TimedOut { .. } | StoreError::Damaged { .. } => {
            FailureType::StoreUnavailable
        }
    };
    application(kind, chain(error))
}

/// The failure of an activity that asked a provider to do `step` or to undo it.
pub(super) fn of_provider(step: SagaStep, error: &ProviderError) -> ActivityError {
    let kind = match error {
        ProviderError::Refused { .. } => refusal_of(step),
        ProviderError::Unavailable { .. } => FailureType::ProviderUnavailable,
        ProviderError::Protocol { .. } => FailureType::ProviderProtocol,
        ProviderError::CircuitOpen { .. } => FailureType::ProviderCircuitOpen,
        ProviderError::Busy { .. } => FailureType::ProviderBusy,
    };
    match error.retry_after() {
        Some(delay) => application_after(kind, chain(error), delay),
        None => application(kind, chain(error)),
    }
}
