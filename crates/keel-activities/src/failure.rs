//! The one way a failure of an activity gets its type: whether it is retried follows from the type.

use std::time::Duration;

use keel_types::failure::FailureType;
use temporalio_common::ActivityError;
use temporalio_common::error::{ApplicationErrorCategory, ApplicationFailure};

/// A failure of type `kind`: final for a refusal, retried for a fault.
pub(crate) fn application(kind: FailureType, message: String) -> ActivityError {
    build(kind, message, None)
}

/// A fault of type `kind` that asks to be retried no sooner than after `delay`.
pub(crate) fn application_after(kind: FailureType, message: String, delay: Duration) -> ActivityError {
    build(kind, message, Some(delay))
}

/// What an activity answers that ends because its worker stops: the next attempt comes at once, on another worker if
/// there is one, and nothing counts as failed.
#[must_use]
pub fn worker_stopping(message: String) -> ActivityError {
    build(FailureType::WorkerStopping, message, Some(HAND_OVER))
}

/// A delay of zero would mean that the retry policy decides.
const HAND_OVER: Duration = Duration::from_millis(1);

fn build(kind: FailureType, message: String, delay: Option<Duration>) -> ActivityError {
    // A refusal is an expected answer, an attempt that is put off has its cause counted elsewhere, a stop is routine: none
    // of them must count as an error of the worker.
    let category = if kind.is_retryable() && !kind.is_put_off() {
        ApplicationErrorCategory::Unspecified
    } else {
        ApplicationErrorCategory::Benign
    };
    let failure = ApplicationFailure::builder(message)
        .type_name(kind.as_str().to_owned())
        .non_retryable(!kind.is_retryable())
        .maybe_next_retry_delay(delay)
        .category(category)
        .build();
    ActivityError::Application(Box::new(failure))
}

/// `error` and everything that caused it, in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        // Some libraries repeat the cause in their own message.
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
