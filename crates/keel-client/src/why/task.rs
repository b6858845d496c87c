//! The next step of the workflow itself: whether a worker takes it, and whether the code survives it.

use serde_json::json;
use temporalio_common::protos::temporal::api::enums::v1::PendingWorkflowTaskState;
use temporalio_common::protos::temporal::api::workflow::v1::PendingWorkflowTaskInfo;

use super::evidence::{Evidence, at};
use super::tail::TaskFailure;
use super::{FindingKind, Report};
use crate::queue::{QueueView, TaskKind};

/// Explains a pending workflow task.
pub(super) fn explain(evidence: &Evidence, task: &PendingWorkflowTaskInfo, report: &mut Report) {
    let since = at(task.original_scheduled_time.or(task.scheduled_time)).unwrap_or_default();
    let details = json!({"attempt": task.attempt, "since": since});
    if task.attempt > 1 {
        return failing(task.attempt, evidence.tail.task_failure().as_ref(), report);
    }
    if task.state() == PendingWorkflowTaskState::Started {
        let text = format!("a worker works on the workflow's next step, since {since}");
        return report.find(FindingKind::WorkflowTaskRunning, text, details);
    }
    let text = format!("the workflow's next step waits for a worker, since {since}");
    report.find(FindingKind::WorkflowTaskQueued, text, details);
    if let Some(queue) = evidence.queue(TaskKind::Workflow, &evidence.task_queue) {
        backlog(queue, report);
    }
}

fn failing(attempt: i32, failure: Option<&TaskFailure>, report: &mut Report) {
    let Some(failure) = failure else {
        let text = format!("the workflow's next step fails again and again (attempt {attempt})");
        report.find(FindingKind::WorkflowTaskFailing, text, json!({"attempt": attempt}));
        return report.advise("Read the cause in the worker's log.", None);
    };
    let TaskFailure { is_nondeterminism, cause, message, worker } = failure;
    let by = if worker.is_empty() { String::new() } else { format!(" on worker {worker}") };
    let text =
        format!("the workflow's next step fails again and again (attempt {attempt}{by}): {cause}: {message}");
    let details = json!({
        "attempt": attempt, "cause": cause, "message": message, "worker": worker,
        "nonDeterminism": is_nondeterminism,
    });
    report.find(FindingKind::WorkflowTaskFailing, text, details);
    if *is_nondeterminism {
        report.advise(
            "The deployed workflow code does not fit what this run has already done. Deploy the build that it ran on, \
             or one that is patched for it; the run then goes on by itself and nothing is lost.",
            None,
        );
        let reset = "workflow reset --type LastWorkflowTask --reason 'after a changed workflow'";
        report.advise(
            "Only if the old code is gone: go back to the last step that worked. What ran after it runs again.",
            report.temporal(reset),
        );
    } else if cause.starts_with("TIMED_OUT") {
        report.advise(
            "A worker took the step and did not answer: look whether workers die (memory) or have no CPU left.",
            None,
        );
    } else {
        report.advise(
            "The workflow's code fails. Read the worker's log, mend the code and deploy it; the run then goes on by \
             itself.",
            None,
        );
    }
    report.advise("Read the whole history:", report.temporal("workflow show"));
}

/// Says that nobody polls a queue that is needed.
pub(super) fn no_worker(queue: &QueueView, report: &mut Report) {
    let name = &queue.name;
    let last = queue.pollers.first().map_or_else(
        || "nobody has asked in the last five minutes".to_owned(),
        |poller| format!("the last to ask was {}, {} s ago", poller.identity, poller.seen_seconds_ago),
    );
    let text = format!("no worker takes {} tasks from task queue {name}: {last}", queue.kind.word());
    report.find(FindingKind::NoWorker, text, json!({"taskQueue": name, "tasks": queue.kind.word()}));
    report.advise(
        "Start a worker on this queue, or see why those that should poll it do not. What was accepted waits for it.",
        Some(format!("keel-worker --set worker.task_queue={}", super::shell(name))),
    );
}

/// Says that tasks pile up, if they do.
pub(super) fn backlog(queue: &QueueView, report: &mut Report) {
    // One task that waits is the very one we look at.
    if queue.backlog <= 1 || !queue.is_polled() {
        return;
    }
    let QueueView { name, backlog, backlog_age_seconds, added_per_second, dispatched_per_second, .. } = queue;
    let text = format!(
        "about {backlog} {} tasks wait in task queue {name}, the oldest for {backlog_age_seconds:.0} s ({added_per_second:.1}/s come, \
         {dispatched_per_second:.1}/s go)",
        queue.kind.word()
    );
    report.find(FindingKind::Backlog, text, json!({"taskQueue": name, "backlog": backlog}));
    report.advise(
        "The workers do not keep up: start more of them, or raise worker.max_concurrent_activities and \
         worker.max_concurrent_workflows.",
        Some("keel doctor".to_owned()),
    );
}
