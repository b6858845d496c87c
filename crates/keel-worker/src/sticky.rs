//! The sticky queue of an SDK worker: the server's line for runs whose state this worker has in memory.
//!
//! While it is polled the server hands it every next task of those runs. When the worker leaves, it must be retired first,
//! or tasks wait in it for a worker that is gone. The SDK keeps its name to itself, but it stands in the history of every
//! run that used it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use temporalio_client::grpc::WorkflowService;
use temporalio_client::tonic::Request;
use temporalio_client::{Client, NamespacedClient};
use temporalio_common::protos::coresdk::workflow_activation::{
    WorkflowActivation, workflow_activation_job::Variant,
};
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueKind;
use temporalio_common::protos::temporal::api::history::v1::{History, history_event::Attributes};
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryReverseRequest;

/// Events from a run's end among which its last workflow tasks are.
const LAST_EVENTS: i32 = 30;
/// Runs that are asked about. A run tells the name only once it has come back to this worker.
const RECENT: usize = 16;

/// The runs that one SDK worker has in memory.
#[derive(Debug, Default)]
pub(crate) struct Sticky {
    runs: Mutex<Runs>,
}

#[derive(Debug, Default)]
struct Runs {
    /// Workflow id by run id.
    cached: HashMap<String, String>,
    /// Those that last had something to do, the last one first.
    recent: VecDeque<WorkflowExecution>,
    /// The queue's name, once it is known.
    queue: Option<String>,
}

impl Sticky {
    /// Learns from what the SDK gives to a workflow.
    pub(crate) fn note(&self, activation: &WorkflowActivation) {
        let mut runs = self.runs();
        let run_id = &activation.run_id;
        for job in &activation.jobs {
            match &job.variant {
                Some(Variant::InitializeWorkflow(start)) => {
                    runs.cached.insert(run_id.clone(), start.workflow_id.clone());
                }
                Some(Variant::RemoveFromCache(_)) => {
                    runs.cached.remove(run_id);
                    return;
                }
                _ => {}
            }
        }
        if runs.queue.is_none() {
            runs.went_on(run_id);
        }
    }

    /// Whether the worker has runs in memory, for which tasks may come to the queue.
    pub(crate) fn is_used(&self) -> bool {
        !self.runs().cached.is_empty()
    }

    /// The queue's name; `None` if the server has not used it yet, as far as can be seen.
    pub(crate) async fn queue(&self, client: &Client) -> Option<String> {
        let recent = {
            let runs = self.runs();
            if runs.queue.is_some() {
                return runs.queue.clone();
            }
            runs.recent.clone()
        };
        for run in recent {
            if let Some(queue) = queue_of(run, client).await {
                let mut runs = self.runs();
                runs.recent = VecDeque::new();
                runs.queue = Some(queue.clone());
                return Some(queue);
            }
        }
        None
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        // Nothing in here panics between two changes that belong together.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn went_on(&mut self, run_id: &str) {
        let Some(workflow_id) = self.cached.get(run_id).cloned() else { return };
        self.recent.retain(|run| run.run_id != run_id);
        self.recent.push_front(WorkflowExecution { workflow_id, run_id: run_id.to_owned() });
        self.recent.truncate(RECENT);
    }
}

async fn queue_of(run: WorkflowExecution, client: &Client) -> Option<String> {
    let question = GetWorkflowExecutionHistoryReverseRequest {
        namespace: client.namespace(),
        execution: Some(run),
        maximum_page_size: LAST_EVENTS,
        ..Default::default()
    };
    let mut service = client.clone();
    match WorkflowService::get_workflow_execution_history_reverse(&mut service, Request::new(question)).await
    {
        Ok(answer) => sticky_queue(&answer.into_inner().history?, &client.identity()),
        Err(status) => {
            tracing::debug!(error = %status, "the name of the sticky queue was not found");
            None
        }
    }
}

/// The newest sticky queue of a worker called `identity`, in a history that begins with the newest event.
fn sticky_queue(history: &History, identity: &str) -> Option<String> {
    history.events.iter().find_map(|event| {
        let Some(Attributes::WorkflowTaskScheduledEventAttributes(task)) = &event.attributes else {
            return None;
        };
        let queue = task.task_queue.as_ref()?;
        // The SDK puts a dash and something random behind the identity.
        let mine = queue.name.strip_prefix(identity).is_some_and(|rest| rest.starts_with('-'));
        (queue.kind() == TaskQueueKind::Sticky && mine).then(|| queue.name.clone())
    })
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::enums::v1::TaskQueueKind;
    use temporalio_common::protos::temporal::api::history::v1::{
        History, HistoryEvent, WorkflowTaskScheduledEventAttributes, history_event::Attributes,
    };
    use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;

    use super::sticky_queue;

    fn scheduled(name: &str, kind: TaskQueueKind) -> HistoryEvent {
        let task_queue = TaskQueue { name: name.to_owned(), kind: kind.into(), normal_name: String::new() };
        HistoryEvent {
            attributes: Some(Attributes::WorkflowTaskScheduledEventAttributes(
                WorkflowTaskScheduledEventAttributes { task_queue: Some(task_queue), ..Default::default() },
            )),
            ..Default::default()
        }
    }

    #[test]
    fn the_newest_sticky_queue_of_this_worker_counts() {
        let history = History {
            events: vec![
                HistoryEvent::default(),
                scheduled("orders", TaskQueueKind::Normal),
                scheduled("other-1", TaskQueueKind::Sticky),
                scheduled("me-2", TaskQueueKind::Sticky),
                scheduled("me-1", TaskQueueKind::Sticky),
            ],
        };
        assert_eq!(sticky_queue(&history, "me").as_deref(), Some("me-2"));
        assert_eq!(sticky_queue(&history, "nobody"), None);
        assert_eq!(sticky_queue(&history, "m"), None, "another one whose name is longer");
    }
}
