//! What Temporal itself knows of a run: its status, its pending activities, how it ended.

mod pending;

use std::time::SystemTime;

use keel_types::dataset::DatasetProgress;
use keel_types::progress::iso;
use keel_types::state::OrderStatus;
use serde::Serialize;
use temporalio_client::errors::WorkflowGetResultError;
use temporalio_client::{WorkflowExecutionDescription, WorkflowExecutionStatus};
use temporalio_common::protos::temporal::api::failure::v1::{Failure, failure::FailureInfo};

use crate::caller::{CUSTOMER_ID, ORDER_HASH, ORDER_STATUS, TASK_STEP};

pub use pending::{LastFailure, PendingActivity};

/// Where a run stands for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RunStatus {
    /// It runs, or waits for a worker.
    Running,
    /// It returned a result.
    Completed,
    /// It returned a failure.
    Failed,
    /// It ended because it was cancelled.
    Cancelled,
    /// An operator ended it from outside.
    Terminated,
    /// It took longer than it was allowed to.
    TimedOut,
    /// A newer run carries on.
    ContinuedAsNew,
    /// An operator paused it.
    Paused,
    /// The server says something this client does not know.
    Unknown,
}

impl RunStatus {
    /// Whether nothing can happen in this run any more.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        !matches!(self, Self::Running | Self::Paused | Self::Unknown)
    }

    /// Whether the run was ended by somebody else than its workflow, which had no chance to clean up.
    #[must_use]
    pub const fn is_from_outside(self) -> bool {
        matches!(self, Self::Terminated | Self::TimedOut)
    }

    /// Where an order stands whose run is in this status and whose workflow or search attribute says `reported`. What
    /// is reported stays behind when the run ends without a last word: how the run ended then decides.
    #[must_use]
    pub fn order_status(self, reported: Option<&str>) -> Option<String> {
        let end = match self {
            Self::Running | Self::Paused | Self::Unknown => return reported.map(str::to_owned),
            Self::Failed => {
                let last_word =
                    reported.filter(|text| OrderStatus::parse(text).is_some_and(OrderStatus::is_final));
                last_word.unwrap_or("failed")
            }
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Terminated => "terminated",
            Self::TimedOut => "timedOut",
            Self::ContinuedAsNew => "continuedAsNew",
        };
        Some(end.to_owned())
    }

    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Terminated => "terminated",
            Self::TimedOut => "timed out",
            Self::ContinuedAsNew => "continued as new",
            Self::Paused => "paused",
            Self::Unknown => "unknown",
        }
    }
}

impl From<WorkflowExecutionStatus> for RunStatus {
    fn from(status: WorkflowExecutionStatus) -> Self {
        match status {
            WorkflowExecutionStatus::Running => Self::Running,
            WorkflowExecutionStatus::Completed => Self::Completed,
            WorkflowExecutionStatus::Failed => Self::Failed,
            WorkflowExecutionStatus::Canceled => Self::Cancelled,
            WorkflowExecutionStatus::Terminated => Self::Terminated,
            WorkflowExecutionStatus::TimedOut => Self::TimedOut,
            WorkflowExecutionStatus::ContinuedAsNew => Self::ContinuedAsNew,
            WorkflowExecutionStatus::Paused => Self::Paused,
            _ => Self::Unknown,
        }
    }
}

/// What the server says about a run, with or without a worker.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunInfo {
    /// The workflow id.
    pub workflow_id: String,
    /// This run's id.
    pub run_id: String,
    /// Where it stands.
    pub status: RunStatus,
    /// The task queue it is on.
    pub task_queue: String,
    /// When it started, ISO-8601 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended, ISO-8601 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// Search attribute `OrderStatus`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order_status: Option<String>,
    /// Search attribute `CustomerId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Search attribute `TaskStep`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_step: Option<String>,
    /// Activities that run or wait.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub activities: Vec<PendingActivity>,
    /// Memo `orderHash`: the content the order was placed with; see [`crate::orders`].
    #[serde(skip)]
    pub(crate) order_hash: Option<String>,
}

impl RunInfo {
    pub(crate) fn of_description(description: &WorkflowExecutionDescription) -> Self {
        let attributes = description.search_attributes();
        let text = |time: Option<SystemTime>| time.map(iso);
        Self {
            workflow_id: description.id().to_owned(),
            run_id: description.run_id().to_owned(),
            status: description.status().into(),
            task_queue: description.task_queue().to_owned(),
            started_at: text(description.start_time()),
            closed_at: text(description.close_time()),
            order_status: attributes.get(&ORDER_STATUS),
            customer_id: attributes.get(&CUSTOMER_ID),
            task_step: attributes.get(&TASK_STEP),
            activities: description.raw().pending_activities.iter().map(PendingActivity::of).collect(),
            // A memo that cannot be read was not written by this client.
            order_hash: description.memo().get(ORDER_HASH).ok().flatten(),
        }
    }

    /// The bytes and rows of the pending dataset activity, from its last heartbeat.
    #[must_use]
    pub fn heartbeat(&self) -> Option<DatasetProgress> {
        self.activities.iter().find_map(|activity| activity.heartbeat)
    }

    /// Why the pending activity does not get on, if an attempt of it failed. `None` once the run is closed: then no
    /// attempt follows, although the server may still show one.
    #[must_use]
    pub fn last_failure(&self) -> Option<LastFailure> {
        if self.status.is_closed() {
            return None;
        }
        self.activities.iter().find_map(|activity| {
            Some(LastFailure {
                activity: activity.name.clone(),
                failure: activity.last_failure.clone()?,
                attempt: activity.attempt,
                next_attempt_at: activity.next_attempt_at.clone(),
            })
        })
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// A closed status.
    pub status: RunStatus,
    /// What a completed run returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<String>,
    /// Why a failed run failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<RunFailure>,
}

/// Why a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RunFailure {
    /// The stable failure type, such as `ORDER_REJECTED`; see docs/failures.md.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The message for people.
    pub message: String,
}

impl Outcome {
    pub(crate) const fn completed(result: String) -> Self {
        Self { status: RunStatus::Completed, result: Some(result), failure: None }
    }

    /// The outcome an error stands for, unless it is about the call itself.
    pub(crate) fn of_error(error: WorkflowGetResultError) -> Result<Self, WorkflowGetResultError> {
        let ended = |status| Ok(Self { status, result: None, failure: None });
        match error {
            WorkflowGetResultError::Failed(failure) => {
                let failure = Some(RunFailure::of(failure.failure()));
                Ok(Self { status: RunStatus::Failed, result: None, failure })
            }
            WorkflowGetResultError::Cancelled { .. } => ended(RunStatus::Cancelled),
            WorkflowGetResultError::Terminated { .. } => ended(RunStatus::Terminated),
            WorkflowGetResultError::TimedOut => ended(RunStatus::TimedOut),
            WorkflowGetResultError::ContinuedAsNew => ended(RunStatus::ContinuedAsNew),
            other => Err(other),
        }
    }

    /// Whether the run did what it was for.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == RunStatus::Completed
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.result, &self.failure) {
            (Some(result), _) => f.write_str(result),
            (None, Some(failure)) => write!(f, "{failure}"),
            (None, None) => f.write_str(self.status.word()),
        }
    }
}

impl RunFailure {
    /// The first failure along the causes that has a type; the outer ones of an activity only wrap it.
    pub(crate) fn of(failure: &Failure) -> Self {
        let mut current = Some(failure);
        while let Some(this) = current {
            if let Some(FailureInfo::ApplicationFailureInfo(info)) = &this.failure_info
                && !info.r#type.is_empty()
            {
                return Self { kind: Some(info.r#type.clone()), message: this.message.clone() };
            }
            current = this.cause.as_deref();
        }
        Self { kind: None, message: failure.message.clone() }
    }
}

impl std::fmt::Display for RunFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.kind {
            Some(kind) => write!(f, "{kind}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::failure::v1::{
        ApplicationFailureInfo, Failure, failure::FailureInfo,
    };

    use super::{Outcome, RunFailure, RunStatus};

    fn application(kind: &str, message: &str, cause: Option<Failure>) -> Failure {
        Failure {
            message: message.to_owned(),
            cause: cause.map(Box::new),
            failure_info: Some(FailureInfo::ApplicationFailureInfo(ApplicationFailureInfo {
                r#type: kind.to_owned(),
                ..Default::default()
            })),
            ..Default::default()
        }
    }

    #[test]
    fn the_type_is_found_below_wrappers() {
        let inner = application("OUT_OF_STOCK", "no MUG left", None);
        let wrapped = Failure {
            message: "activity failed".to_owned(),
            cause: Some(Box::new(inner)),
            ..Default::default()
        };
        assert_eq!(RunFailure::of(&wrapped).to_string(), "OUT_OF_STOCK: no MUG left");
        let plain = application("", "boom", None);
        assert_eq!(RunFailure::of(&plain).to_string(), "boom");
    }

    #[test]
    fn the_end_of_a_run_has_the_last_word_on_its_order() {
        let check = |run: RunStatus, reported, expected| {
            assert_eq!(run.order_status(reported).as_deref(), expected, "{run:?} {reported:?}");
        };
        check(RunStatus::Running, Some("pending"), Some("pending"));
        check(RunStatus::Running, None, None);
        check(RunStatus::Completed, Some("approved"), Some("completed"));
        check(RunStatus::Failed, Some("rejected"), Some("rejected"));
        check(RunStatus::Failed, Some("pending"), Some("failed"));
        check(RunStatus::Failed, None, Some("failed"));
        check(RunStatus::Cancelled, Some("compensating"), Some("cancelled"));
        check(RunStatus::Terminated, Some("approved"), Some("terminated"));
        check(RunStatus::TimedOut, Some("pending"), Some("timedOut"));
    }

    #[test]
    fn outcomes_read_like_sentences_and_like_data() {
        let done = Outcome::completed("Order O completed successfully!".to_owned());
        assert!(done.is_success());
        assert_eq!(done.to_string(), "Order O completed successfully!");
        let failure = RunFailure { kind: Some("ORDER_REJECTED".to_owned()), message: "no".to_owned() };
        let failed = Outcome { status: RunStatus::Failed, result: None, failure: Some(failure) };
        assert_eq!(
            serde_json::to_value(&failed).unwrap(),
            serde_json::json!({"status": "failed", "failure": {"type": "ORDER_REJECTED", "message": "no"}})
        );
    }
}
