//! How a run fails: one conversion from what an activity reported to what the run says.

use keel_types::failure::FailureType;
use keel_types::state::OrderFailure;
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::{ActivityExecutionError, WorkflowTermination};

/// A run that ends as failed, with a stable type that nobody retries.
pub(crate) fn failed(kind: FailureType, message: impl Into<String>) -> WorkflowTermination {
    ApplicationFailure::builder(message.into())
        .type_name(kind.as_str().to_owned())
        .non_retryable(true)
        .build()
        .into()
}

/// Why an activity did not succeed.
pub(crate) enum StepError {
    /// Its cancellation was asked for and is confirmed.
    Cancelled,
    /// The step was refused: it certainly had no effect.
    Refused(OrderFailure),
    /// The step failed; whether it had an effect is not known.
    InDoubt(OrderFailure),
}

impl From<ActivityExecutionError> for StepError {
    fn from(error: ActivityExecutionError) -> Self {
        if matches!(error, ActivityExecutionError::Cancelled(_)) {
            return Self::Cancelled;
        }
        let failure = describe(&error);
        match failure.kind {
            Some(kind) if !kind.is_retryable() => Self::Refused(failure),
            _ => Self::InDoubt(failure),
        }
    }
}

impl StepError {
    /// The run's end for workflows that undo nothing themselves.
    pub(crate) fn into_termination(self) -> WorkflowTermination {
        match self {
            Self::Cancelled => WorkflowTermination::cancelled(),
            Self::Refused(failure) | Self::InDoubt(failure) => {
                failed(failure.kind.unwrap_or(FailureType::StepFailed), failure.message)
            }
        }
    }

    /// The failure alone, for activities that cancellation cannot reach.
    pub(crate) fn into_failure(self) -> OrderFailure {
        match self {
            Self::Cancelled => OrderFailure {
                kind: Some(FailureType::StepFailed),
                message: "the activity was cancelled although it is detached".to_owned(),
            },
            Self::Refused(failure) | Self::InDoubt(failure) => failure,
        }
    }
}

/// The first application failure in the chain of causes says the most. An activity's failure has it as a cause, a local
/// activity's is it; timeouts carry the last attempt's as theirs.
fn describe(error: &ActivityExecutionError) -> OrderFailure {
    let mut message = error.to_string();
    let mut failure = error.failure();
    while let Some(current) = failure {
        if let Some(application) = current.maybe_application_failure() {
            return OrderFailure {
                kind: FailureType::parse(&application.r#type),
                message: current.message.clone(),
            };
        }
        message.clone_from(&current.message);
        failure = current.cause.as_deref();
    }
    OrderFailure { kind: None, message }
}
