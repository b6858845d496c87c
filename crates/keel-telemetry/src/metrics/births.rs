//! Series that must be there before their first event.
//!
//! A counter that is born at 1 has no increase: an alert on "any" would sleep through the first failure. So the series
//! that alerts ask for begin at zero, as soon as the labels they share with a busier series are known.

use metrics::{Counter, Key, Label};

use super::instrument::Handle;

const CODES: &[&str] = &["NOT_FOUND", "RESOURCE_EXHAUSTED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE"];

const WORKFLOW_REASONS: &[&str] =
    &["NonDeterminismError", "WorkflowError", "GrpcMessageTooLarge", "PayloadsTooLarge", "RequestTooLarge"];

/// What a worker is bound to ask of the server sooner or later.
const OPERATIONS: &[&str] = &[
    "RespondWorkflowTaskCompleted",
    "RespondWorkflowTaskFailed",
    "RespondActivityTaskCompleted",
    "RespondActivityTaskFailed",
    "RecordActivityTaskHeartbeat",
];

/// When a series `of` is born, `kin` is born with the same labels, once for each of `values` of one more label.
struct Kin {
    of: &'static str,
    kin: &'static str,
    label: &'static str,
    values: &'static [&'static str],
}

const KIN: [Kin; 4] = [
    Kin {
        of: "temporal_request_total",
        kin: "temporal_request_failure_total",
        label: "status_code",
        values: CODES,
    },
    Kin {
        of: "temporal_long_request_total",
        kin: "temporal_long_request_failure_total",
        label: "status_code",
        values: CODES,
    },
    Kin {
        of: "temporal_workflow_task_execution_latency_seconds",
        kin: "temporal_workflow_task_execution_failed_total",
        label: "failure_reason",
        values: WORKFLOW_REASONS,
    },
    Kin {
        of: "temporal_activity_execution_latency_seconds",
        kin: "temporal_activity_execution_failed_total",
        label: "failure_reason",
        values: &["ActivityError"],
    },
];

/// Born once for each worker, with its namespace and task queue.
const WORKER: &str = "temporal_worker_start_total";

/// What the births of series need to know about the program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Births {
    /// The workflow types it runs.
    pub(super) workflow_types: &'static [&'static str],
}

impl Births {
    /// Brings the kin of a new series into the world.
    pub(super) fn attend(self, name: &str, labels: &[Label]) {
        for kin in KIN.iter().filter(|kin| kin.of == name) {
            for value in kin.values {
                Counter::register(&key(kin.kin, labels, kin.label, value)).increment(0);
            }
        }
        if name == WORKER {
            self.attend_worker(labels);
        }
    }

    fn attend_worker(self, labels: &[Label]) {
        for workflow_type in self.workflow_types {
            let labels = with(labels, "workflow_type", workflow_type);
            for reason in WORKFLOW_REASONS {
                let failed = "temporal_workflow_task_execution_failed_total";
                Counter::register(&key(failed, &labels, "failure_reason", reason)).increment(0);
            }
        }
        // These calls carry the namespace alone.
        let namespace: Vec<Label> =
            labels.iter().filter(|label| label.key() == "namespace").cloned().collect();
        for operation in OPERATIONS {
            let key = key("temporal_request_total", &namespace, "operation", operation);
            self.attend(key.name(), &with(&namespace, "operation", operation));
            Counter::register(&key).increment(0);
        }
    }
}

fn key(name: &'static str, labels: &[Label], label: &'static str, value: &'static str) -> Key {
    Key::from_parts(name, with(labels, label, value))
}

/// In the order in which the meter sorts them, so that both find the same series.
fn with(labels: &[Label], label: &'static str, value: &'static str) -> Vec<Label> {
    let mut labels = labels.to_vec();
    labels.push(Label::new(label, value));
    labels.sort();
    labels
}
