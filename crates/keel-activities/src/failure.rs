//! The one way an activity of this crate fails: with a type from the table and its retry rule.

use keel_types::failure::FailureType;
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

/// An activity failure of type `kind`; faults may be retried, refusals may not.
pub(crate) fn application(kind: FailureType, message: String) -> ActivityError {
    let failure = ApplicationFailure::builder(message)
        .type_name(kind.as_str().to_owned())
        .non_retryable(!kind.is_retryable())
        .build();
    ActivityError::Application(Box::new(failure))
}
