//! The last events of a history, newest first.

use std::collections::HashSet;
use std::time::SystemTime;

use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::enums::v1::WorkflowTaskFailedCause;
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::history::v1::history_event::Attributes;
use temporalio_common::protos::temporal::api::workflowservice::v1::GetWorkflowExecutionHistoryReverseRequest;

use crate::caller::Caller;
use crate::error::{Attempt, CallError};

const PAGE: i32 = 250;
const MOST_PAGES: usize = 4;

pub(super) struct Tail {
    events: Vec<HistoryEvent>,
    /// Whether there are no older events.
    pub(super) is_whole: bool,
}

/// A timer that has not fired.
pub(super) struct OpenTimer {
    pub(super) id: String,
    pub(super) fires: Option<SystemTime>,
    /// What the workflow says it is for.
    pub(super) summary: Option<String>,
}

/// Why a workflow task failed.
pub(super) struct TaskFailure {
    pub(super) is_nondeterminism: bool,
    pub(super) cause: String,
    pub(super) message: String,
    pub(super) worker: String,
}

impl Tail {
    pub(super) async fn read(caller: &Caller, execution: WorkflowExecution) -> Result<Self, CallError> {
        let mut tail = Self { events: Vec::new(), is_whole: false };
        let mut next_page_token = Vec::new();
        for _ in 0..MOST_PAGES {
            let message = GetWorkflowExecutionHistoryReverseRequest {
                namespace: caller.namespace().to_owned(),
                execution: Some(execution.clone()),
                maximum_page_size: PAGE,
                next_page_token: std::mem::take(&mut next_page_token),
            };
            let attempt = Attempt::about(format!("read the history of `{}`", execution.workflow_id));
            let mut service = caller.client().connection().workflow_service();
            let call = service.get_workflow_execution_history_reverse(caller.request(message));
            let answer = caller.bounded(attempt, call).await?.into_inner();
            tail.events.extend(answer.history.unwrap_or_default().events);
            next_page_token = answer.next_page_token;
            if next_page_token.is_empty() {
                tail.is_whole = true;
                break;
            }
        }
        Ok(tail)
    }

    /// The events' attributes, newest first.
    pub(super) fn attributes(&self) -> impl Iterator<Item = &Attributes> {
        self.events.iter().filter_map(|event| event.attributes.as_ref())
    }

    pub(super) fn last_event(&self) -> Option<&HistoryEvent> {
        self.events.first()
    }

    pub(super) fn open_timers(&self) -> Vec<OpenTimer> {
        let mut over = HashSet::new();
        let mut open = Vec::new();
        for event in &self.events {
            match &event.attributes {
                Some(Attributes::TimerFiredEventAttributes(fired)) => {
                    over.insert(fired.started_event_id);
                }
                Some(Attributes::TimerCanceledEventAttributes(cancelled)) => {
                    over.insert(cancelled.started_event_id);
                }
                Some(Attributes::TimerStartedEventAttributes(started)) if !over.contains(&event.event_id) => {
                    let begun = event.event_time.and_then(|time| SystemTime::try_from(time).ok());
                    let length =
                        started.start_to_fire_timeout.and_then(|d| std::time::Duration::try_from(d).ok());
                    open.push(OpenTimer {
                        id: started.timer_id.clone(),
                        fires: begun.zip(length).and_then(|(begun, length)| begun.checked_add(length)),
                        summary: summary(event),
                    });
                }
                _ => {}
            }
        }
        open.sort_by_key(|timer| timer.fires);
        open
    }

    pub(super) fn activity_queue(&self, activity_id: &str) -> Option<&str> {
        self.attributes().find_map(|attributes| match attributes {
            Attributes::ActivityTaskScheduledEventAttributes(scheduled)
                if scheduled.activity_id == activity_id =>
            {
                scheduled.task_queue.as_ref().map(|queue| queue.name.as_str())
            }
            _ => None,
        })
    }

    /// The last failure of a workflow task since one succeeded. The server records only the first of a row.
    pub(super) fn task_failure(&self) -> Option<TaskFailure> {
        for attributes in self.attributes() {
            match attributes {
                Attributes::WorkflowTaskCompletedEventAttributes(_) => return None,
                Attributes::WorkflowTaskFailedEventAttributes(failed) => {
                    let failure = failed.failure.clone().unwrap_or_default();
                    return Some(TaskFailure {
                        is_nondeterminism: failed.cause() == WorkflowTaskFailedCause::NonDeterministicError
                            || failure.message.contains("TMPRL1100"),
                        cause: failed
                            .cause()
                            .as_str_name()
                            .trim_start_matches("WORKFLOW_TASK_FAILED_CAUSE_")
                            .to_owned(),
                        message: failure.message,
                        worker: failed.identity.clone(),
                    });
                }
                Attributes::WorkflowTaskTimedOutEventAttributes(timed_out) => {
                    let kind = timed_out.timeout_type().as_str_name().trim_start_matches("TIMEOUT_TYPE_");
                    return Some(TaskFailure {
                        is_nondeterminism: false,
                        cause: format!("TIMED_OUT_{kind}"),
                        message: "no worker answered in time".to_owned(),
                        worker: String::new(),
                    });
                }
                _ => {}
            }
        }
        None
    }

    /// Who asked for the run to be cancelled, and why.
    pub(super) fn cancel_request(&self) -> Option<(String, String)> {
        self.attributes().find_map(|attributes| match attributes {
            Attributes::WorkflowExecutionCancelRequestedEventAttributes(request) => {
                Some((request.identity.clone(), request.cause.clone()))
            }
            _ => None,
        })
    }
}

fn summary(event: &HistoryEvent) -> Option<String> {
    let payload = event.user_metadata.as_ref()?.summary.as_ref()?;
    serde_json::from_slice(&payload.data).ok()
}
