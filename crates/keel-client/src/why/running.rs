//! What an open run waits for.

use std::time::Duration;

use keel_types::names::{handler, workflow};
use keel_types::progress::iso;
use keel_types::state::{OrderState, OrderStatus};
use serde_json::json;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::workflowservice::v1::QueryWorkflowRequest;

use super::evidence::Evidence;
use super::{FindingKind, Report, activity, shell, task};
use crate::caller::Caller;
use crate::error::Attempt;
use crate::queue::TaskKind;
use crate::run::RunStatus;

/// How long a worker may take to tell an order's deadline, which is only a courtesy.
const ASK_WORKER_FOR: Duration = Duration::from_secs(3);

pub(super) async fn explain(caller: &Caller, evidence: &Evidence, report: &mut Report) {
    if evidence.status() == RunStatus::Paused {
        report.find(FindingKind::Paused, "the run is paused by an operator".to_owned(), json!({}));
        report.advise("Let it go on:", report.temporal("workflow unpause"));
    }
    let queue = evidence.queue(TaskKind::Workflow, &evidence.task_queue);
    let is_polled = queue.is_none_or(crate::queue::QueueView::is_polled);
    if let Some(queue) = queue.filter(|queue| !queue.is_polled()) {
        task::no_worker(queue, report);
    }
    if let Some(pending) = &evidence.raw.pending_workflow_task {
        task::explain(evidence, pending, report);
    }
    for pending in &evidence.raw.pending_activities {
        activity::explain(evidence, pending, report);
    }
    if is_open_order(evidence) {
        decision(caller, evidence, is_polled, report).await;
    }
    others(evidence, report);
    if report.findings.iter().all(|finding| finding.kind == FindingKind::NoWorker) {
        message(evidence, report);
    }
}

/// Timers, children and operations of other services.
fn others(evidence: &Evidence, report: &mut Report) {
    for timer in evidence.tail.open_timers() {
        let what = timer.summary.clone().unwrap_or_else(|| format!("timer {}", timer.id));
        let fires = timer.fires.map(iso);
        let when = fires.as_deref().map(|fires| format!(" at {fires}")).unwrap_or_default();
        let details = json!({"timerId": timer.id, "firesAt": fires, "summary": timer.summary});
        report.find(FindingKind::Timer, format!("a timer runs: {what}{when}"), details);
    }
    for child in &evidence.raw.pending_children {
        let (id, kind) = (&child.workflow_id, &child.workflow_type_name);
        let details = json!({"workflowId": id, "workflowType": kind});
        report.find(FindingKind::Child, format!("it waits for its child {id} ({kind})"), details);
        report.advise("See why the child does not get on:", Some(format!("keel why {}", shell(id))));
    }
    for operation in &evidence.raw.pending_nexus_operations {
        let text = format!(
            "it waits for operation {} of service {} (attempt {})",
            operation.operation, operation.service, operation.attempt
        );
        report.find(FindingKind::Nexus, text, json!({"attempt": operation.attempt}));
    }
}

/// An order that nobody has decided on, and whose own work is done for now.
fn is_open_order(evidence: &Evidence) -> bool {
    evidence.workflow_type == workflow::INTERACTIVE_ORDER
        && evidence.order_status().as_deref() == Some(OrderStatus::Pending.as_str())
        && evidence.raw.pending_activities.is_empty()
        && evidence.raw.pending_workflow_task.is_none()
}

async fn decision(caller: &Caller, evidence: &Evidence, is_polled: bool, report: &mut Report) {
    let state = if is_polled { ask_order(caller, evidence).await } else { None };
    let deadline = state.as_ref().and_then(|state| state.deadline.clone());
    let until = deadline.as_deref().map(|at| format!(", until {at}")).unwrap_or_default();
    let text = format!("it waits for somebody to approve or reject the order{until}");
    report.find(FindingKind::Decision, text, json!({"deadline": deadline}));
    match evidence.workflow_id.strip_prefix("order-") {
        Some(id) => {
            let id = shell(id);
            let approve = format!("keel order approve {id} --by YOU@COMPANY");
            report.advise("Somebody decides:", Some(approve));
            report.advise("or:", Some(format!("keel order reject {id} --reason WHY")));
        }
        None => {
            let signal = "workflow signal --name approve --input '\"YOU@COMPANY\"'";
            report.advise("Somebody decides:", report.temporal(signal));
        }
    }
}

/// The order's own state, if a worker tells it in time.
async fn ask_order(caller: &Caller, evidence: &Evidence) -> Option<OrderState> {
    let caller = caller.within(ASK_WORKER_FOR);
    let message = QueryWorkflowRequest {
        namespace: caller.namespace().to_owned(),
        execution: Some(WorkflowExecution {
            workflow_id: evidence.workflow_id.clone(),
            run_id: evidence.run_id.clone(),
        }),
        query: Some(WorkflowQuery { query_type: handler::GET_STATE.to_owned(), ..WorkflowQuery::default() }),
        ..QueryWorkflowRequest::default()
    };
    let attempt = Attempt::about("ask for the order's state".to_owned());
    let mut service = caller.client().connection().workflow_service();
    let answer = caller.bounded(attempt, service.query_workflow(caller.request(message))).await.ok()?;
    let payload = answer.into_inner().query_result?.payloads.into_iter().next()?;
    serde_json::from_slice(&payload.data).ok()
}

/// Nothing is pending that the server could see.
fn message(evidence: &Evidence, report: &mut Report) {
    let last = evidence.tail.last_event().map(|event| {
        let kind = event.event_type().as_str_name().trim_start_matches("EVENT_TYPE_").to_owned();
        format!(
            "; its last event is {kind}{}",
            super::evidence::at(event.event_time).map(|at| format!(" at {at}")).unwrap_or_default()
        )
    });
    let text = format!(
        "it waits for something that only its code knows, such as a signal or an update{}",
        last.unwrap_or_default()
    );
    report.find(FindingKind::Message, text, json!({}));
    report.advise("Ask the workflow where it stands:", report.temporal("workflow stack"));
    report.advise("Read the whole history:", report.temporal("workflow show"));
}
