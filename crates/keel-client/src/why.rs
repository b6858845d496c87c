//! Why a run does not get on, or how it ended: what the server knows, in words, with the next step.
//!
//! Works for every workflow, Keel's own and others: it reads the run's description, the last events of its history and its
//! task queues, and asks no worker but for the deadline of an order that waits for a decision.

mod activity;
mod closed;
mod evidence;
mod running;
mod tail;
mod task;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::caller::Caller;
use crate::error::CallError;
use crate::queue::QueueView;
use crate::run::RunStatus;
use evidence::Evidence;

/// What is known of one run.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The workflow id.
    pub workflow_id: String,
    /// The run.
    pub run_id: String,
    /// The workflow's type.
    pub workflow_type: String,
    /// Where the run stands.
    pub status: RunStatus,
    /// The task queue it is on.
    pub task_queue: String,
    /// When it started, ISO-8601 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    /// When it ended, ISO-8601 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<String>,
    /// What it waits for, what failed, how it ended; what holds it up most comes first.
    pub findings: Vec<Finding>,
    /// What to do next.
    pub next: Vec<Next>,
    /// The queues its tasks go to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<QueueView>,
    /// Whether all events were read; only the last thousand are.
    pub whole_history_read: bool,
}

/// One thing that was found.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What kind of thing.
    pub kind: FindingKind,
    /// A sentence for people.
    pub text: String,
    /// The figures in it, for programs.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum FindingKind {
    /// Nobody takes tasks from a queue that the run needs.
    NoWorker,
    /// The run, or an activity of it, is paused by an operator.
    Paused,
    /// A workflow task fails again and again.
    WorkflowTaskFailing,
    /// A workflow task waits for a worker.
    WorkflowTaskQueued,
    /// A worker works on a workflow task.
    WorkflowTaskRunning,
    /// An activity failed and waits for its next attempt.
    ActivityRetrying,
    /// An activity waits for a worker.
    ActivityQueued,
    /// A worker works on an activity.
    ActivityRunning,
    /// Tasks pile up in a queue.
    Backlog,
    /// An order waits for somebody to decide.
    Decision,
    /// A timer runs.
    Timer,
    /// A child workflow runs.
    Child,
    /// An operation of another service runs.
    Nexus,
    /// Nothing that the server can see: a signal, an update, a condition in the code.
    Message,
    /// It ended, and how.
    Ended,
    /// One failure of the chain that ended it, outermost first.
    Failure,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Next {
    /// In words.
    pub text: String,
    /// A command to paste.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

impl Caller {
    /// Explains the latest run of a workflow; `None` if there is none of this id, and no order, task or dataset of it
    /// either. `flags` are the flags by which the `temporal` command line finds the same server, for commands to paste.
    ///
    /// # Errors
    /// [`CallError`] when the server does not answer or refuses.
    pub async fn why(&self, id: &str, flags: &str) -> Result<Option<Why>, CallError> {
        let Some(evidence) = Evidence::gather(self, id).await? else { return Ok(None) };
        let mut report = Report::new(&evidence, flags);
        if evidence.status().is_closed() {
            closed::explain(&evidence, &mut report);
        } else {
            running::explain(self, &evidence, &mut report).await;
        }
        Ok(Some(report.finish(&evidence)))
    }
}

/// The explanation as it grows.
struct Report {
    findings: Vec<Finding>,
    next: Vec<Next>,
    /// ` --workflow-id ID` and how to find the server, for commands of `temporal`.
    target: String,
}

impl Report {
    fn new(evidence: &Evidence, flags: &str) -> Self {
        let target = format!(" --workflow-id {}{flags}", shell(&evidence.workflow_id));
        Self { findings: Vec::new(), next: Vec::new(), target }
    }

    fn find(&mut self, kind: FindingKind, text: String, details: Value) {
        let details = match details {
            Value::Object(details) => details,
            _ => Map::new(),
        };
        self.findings.push(Finding { kind, text, details });
    }

    /// Advises; the same advice only once.
    fn advise(&mut self, text: impl Into<String>, command: Option<String>) {
        let next = Next { text: text.into(), command };
        if !self.next.contains(&next) {
            self.next.push(next);
        }
    }

    fn temporal(&self, command: &str) -> Option<String> {
        Some(format!("temporal {command}{}", self.target))
    }

    fn finish(self, evidence: &Evidence) -> Why {
        Why {
            workflow_id: evidence.workflow_id.clone(),
            run_id: evidence.run_id.clone(),
            workflow_type: evidence.workflow_type.clone(),
            status: evidence.status(),
            task_queue: evidence.task_queue.clone(),
            started_at: evidence.started_at.clone(),
            closed_at: evidence.closed_at.clone(),
            findings: self.findings,
            next: self.next,
            queues: evidence.queues.clone(),
            whole_history_read: evidence.tail.is_whole,
        }
    }
}

/// An id as a shell takes it.
fn shell(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/@".contains(c);
    if !id.is_empty() && id.chars().all(plain) {
        id.to_owned()
    } else {
        format!("'{}'", id.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn commands_can_be_pasted() {
        assert_eq!(super::shell("order-ORDER-1"), "order-ORDER-1");
        assert_eq!(super::shell("it's $x"), r"'it'\''s $x'");
    }
}
