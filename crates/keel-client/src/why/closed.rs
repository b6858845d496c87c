//! How a closed run ended, and why.

use keel_types::failure::FailureType;
use keel_types::names::workflow;
use serde_json::json;
use temporalio_common::protos::temporal::api::failure::v1::{Failure, failure::FailureInfo};
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;

use super::evidence::Evidence;
use super::{FindingKind, Report, shell};
use crate::run::{RunFailure, RunStatus};
use crate::subject::{Kind, Subject};

pub(super) fn explain(evidence: &Evidence, report: &mut Report) {
    let status = evidence.status();
    match evidence.tail.last_event().and_then(|event| event.attributes.as_ref()) {
        Some(Attributes::WorkflowExecutionCompletedEventAttributes(_)) => {
            ended(report, "it completed".to_owned());
            report.advise("Nothing.", None);
        }
        Some(Attributes::WorkflowExecutionFailedEventAttributes(end)) => {
            failed(end.failure.as_ref(), report);
        }
        Some(Attributes::WorkflowExecutionTimedOutEventAttributes(_)) => {
            ended(report, "it ran longer than it was allowed to, and the server ended it".to_owned());
        }
        Some(Attributes::WorkflowExecutionTerminatedEventAttributes(end)) => {
            let why = if end.reason.is_empty() { "no reason was given" } else { &end.reason };
            ended(report, format!("{} terminated it: {why}", end.identity));
        }
        Some(Attributes::WorkflowExecutionCanceledEventAttributes(_)) => {
            let by = evidence.tail.cancel_request().map_or_else(
                || "it was cancelled".to_owned(),
                |(who, why)| {
                    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
                    format!("{} asked to cancel it{why}", if who.is_empty() { "somebody" } else { &who })
                },
            );
            ended(report, format!("{by}; the workflow cleaned up and ended"));
            report.advise("Nothing.", None);
        }
        Some(Attributes::WorkflowExecutionContinuedAsNewEventAttributes(end)) => {
            ended(report, format!("run {} carries on", end.new_execution_run_id));
            report.advise(
                "Look at the newest run:",
                Some(format!("keel why {}", shell(&evidence.workflow_id))),
            );
        }
        _ => ended(report, format!("it is {}; its last events are not to be had", status.word())),
    }
    if let Some(remedy) = subject(evidence).and_then(|subject| subject.after(status)) {
        report.advise(remedy, None);
    } else if status.is_from_outside() {
        report.advise("It could not clean up. Look at what it had done, then start it again.", None);
    }
    if matches!(status, RunStatus::Failed | RunStatus::TimedOut | RunStatus::Terminated) {
        report.advise("Read the whole history:", report.temporal("workflow show"));
    }
}

fn ended(report: &mut Report, text: String) {
    report.find(FindingKind::Ended, text, json!({}));
}

fn failed(failure: Option<&Failure>, report: &mut Report) {
    let Some(failure) = failure else { return ended(report, "it failed and does not say why".to_owned()) };
    let essence = RunFailure::of(failure);
    report.find(
        FindingKind::Ended,
        format!("it failed: {essence}"),
        json!({"type": essence.kind, "message": essence.message}),
    );
    let mut current = Some(failure);
    while let Some(this) = current {
        let (what, details) = link(this);
        report.find(FindingKind::Failure, what, details);
        current = this.cause.as_deref();
    }
    match essence.kind.as_deref().and_then(FailureType::parse) {
        Some(kind) => report.advise(format!("{kind}: {}", kind.advice()), None),
        None => report.advise("The message is the workflow's own; its code says what it means.", None),
    }
}

/// One failure of the chain, in words and as data.
fn link(failure: &Failure) -> (String, serde_json::Value) {
    let message = &failure.message;
    match &failure.failure_info {
        Some(FailureInfo::ActivityFailureInfo(info)) => {
            let name = info.activity_type.as_ref().map(|kind| kind.name.as_str()).unwrap_or_default();
            let retry = info.retry_state().as_str_name().trim_start_matches("RETRY_STATE_");
            let text = format!("activity {name} on worker {}: {message} ({retry})", info.identity);
            (
                text,
                json!({"activity": name, "worker": info.identity, "retryState": retry, "message": message}),
            )
        }
        Some(FailureInfo::ApplicationFailureInfo(info)) => {
            let kind = &info.r#type;
            let text = if kind.is_empty() { message.clone() } else { format!("{kind}: {message}") };
            let final_word = if info.non_retryable { " (not retried)" } else { "" };
            (
                format!("{text}{final_word}"),
                json!({"type": kind, "message": message, "nonRetryable": info.non_retryable}),
            )
        }
        Some(FailureInfo::TimeoutFailureInfo(info)) => {
            let kind = info.timeout_type().as_str_name().trim_start_matches("TIMEOUT_TYPE_");
            (format!("timeout {kind}: {message}"), json!({"timeout": kind, "message": message}))
        }
        Some(FailureInfo::ChildWorkflowExecutionFailureInfo(info)) => {
            let id = info.workflow_execution.as_ref().map(|run| run.workflow_id.as_str()).unwrap_or_default();
            (format!("child workflow {id}: {message}"), json!({"workflowId": id, "message": message}))
        }
        _ => (message.clone(), json!({"message": message})),
    }
}

/// The order, task or dataset that Keel's own client runs under this workflow id.
fn subject(evidence: &Evidence) -> Option<Subject> {
    let (kind, prefix) = match evidence.workflow_type.as_str() {
        workflow::INTERACTIVE_ORDER => (Kind::Order, "order-"),
        workflow::TRACKABLE => (Kind::Task, "task-"),
        workflow::DATASET => (Kind::Dataset, "dataset-"),
        _ => return None,
    };
    Some(Subject::new(kind, evidence.workflow_id.strip_prefix(prefix)?))
}
