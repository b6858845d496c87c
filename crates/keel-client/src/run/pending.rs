//! Activities that run or wait, and why they do not get on.

use std::time::SystemTime;

use keel_types::dataset::DatasetProgress;
use keel_types::progress::iso;
use serde::Serialize;
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;

use super::RunFailure;

/// An activity that runs or waits for its next attempt.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PendingActivity {
    /// The activity's type.
    pub name: String,
    /// 1 for the first attempt.
    pub attempt: i32,
    /// Why the attempt before failed; one string, `TYPE: message`, as JSON.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_text")]
    pub last_failure: Option<RunFailure>,
    /// When the attempt starts, ISO-8601 UTC; absent once it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
    /// How far a dataset activity is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<DatasetProgress>,
}

impl PendingActivity {
    pub(super) fn of(info: &PendingActivityInfo) -> Self {
        let first = info.heartbeat_details.as_ref().and_then(|details| details.payloads.first());
        Self {
            name: info.activity_type.as_ref().map(|kind| kind.name.clone()).unwrap_or_default(),
            attempt: info.attempt,
            last_failure: info.last_failure.as_ref().map(RunFailure::of),
            next_attempt_at: info
                .next_attempt_schedule_time
                .and_then(|time| SystemTime::try_from(time).ok())
                .map(iso),
            heartbeat: first.and_then(|payload| serde_json::from_slice(&payload.data).ok()),
        }
    }
}

/// The last failure of an activity that has attempts left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastFailure {
    /// The activity's type.
    pub activity: String,
    /// Why the attempt before failed.
    #[serde(flatten)]
    pub failure: RunFailure,
    /// The attempt that runs now or comes next; the one before it failed.
    pub attempt: i32,
    /// When that attempt starts, ISO-8601 UTC; absent once it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
}

impl std::fmt::Display for LastFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { activity, failure, attempt, next_attempt_at } = self;
        write!(f, "{activity} failed in attempt {}: {failure}; attempt {attempt} ", attempt - 1)?;
        match next_attempt_at {
            Some(at) => write!(f, "comes at {at}"),
            None => f.write_str("is under way"),
        }
    }
}

fn as_text<S: serde::Serializer>(failure: &Option<RunFailure>, serializer: S) -> Result<S::Ok, S::Error> {
    match failure {
        Some(failure) => serializer.collect_str(failure),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::{LastFailure, RunFailure};

    #[test]
    fn a_failing_activity_says_what_comes_next() {
        let failure = RunFailure { kind: Some("STORE_UNAVAILABLE".to_owned()), message: "gone".to_owned() };
        let next_attempt_at = Some("2026-11-22T10:20:30.000Z".to_owned());
        let last = LastFailure { activity: "chargePayment".to_owned(), failure, attempt: 3, next_attempt_at };
        assert_eq!(
            last.to_string(),
            "chargePayment failed in attempt 2: STORE_UNAVAILABLE: gone; attempt 3 comes at 2026-11-22T10:20:30.000Z"
        );
        assert_eq!(
            serde_json::to_value(&last).unwrap(),
            serde_json::json!({
                "activity": "chargePayment", "type": "STORE_UNAVAILABLE", "message": "gone", "attempt": 3,
                "nextAttemptAt": "2026-11-22T10:20:30.000Z",
            })
        );
    }
}
