//! Everything that is looked at, gathered in a bounded number of calls.

use std::collections::BTreeSet;
use std::time::SystemTime;

use keel_types::names::{dataset_workflow_id, order_workflow_id, search_attribute, task_workflow_id};
use keel_types::progress::iso;
use temporalio_client::WorkflowExecutionStatus;
use temporalio_client::tonic::Code;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkflowExecutionRequest, DescribeWorkflowExecutionResponse,
};

use super::tail::Tail;
use crate::caller::Caller;
use crate::error::{Attempt, CallError};
use crate::queue::{QueueView, TaskKind};
use crate::run::RunStatus;

/// More queues than this are not looked at.
const MOST_QUEUES: usize = 6;

pub(super) struct Evidence {
    pub(super) workflow_id: String,
    pub(super) run_id: String,
    pub(super) workflow_type: String,
    pub(super) task_queue: String,
    pub(super) started_at: Option<String>,
    pub(super) closed_at: Option<String>,
    pub(super) raw: DescribeWorkflowExecutionResponse,
    pub(super) tail: Tail,
    pub(super) queues: Vec<QueueView>,
}

impl Evidence {
    pub(super) async fn gather(caller: &Caller, id: &str) -> Result<Option<Self>, CallError> {
        // People know an order by its own id.
        let ids = [id.to_owned(), order_workflow_id(id), task_workflow_id(id), dataset_workflow_id(id)];
        for workflow_id in ids {
            if let Some(raw) = describe(caller, &workflow_id).await? {
                return Self::of(caller, workflow_id, raw).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn of(
        caller: &Caller,
        workflow_id: String,
        raw: DescribeWorkflowExecutionResponse,
    ) -> Result<Self, CallError> {
        let info = raw.workflow_execution_info.clone().unwrap_or_default();
        let run_id = info.execution.map(|execution| execution.run_id).unwrap_or_default();
        let execution = WorkflowExecution { workflow_id: workflow_id.clone(), run_id: run_id.clone() };
        let tail = Tail::read(caller, execution).await?;
        let mut evidence = Self {
            workflow_id,
            run_id,
            workflow_type: info.r#type.map(|kind| kind.name).unwrap_or_default(),
            task_queue: info.task_queue,
            started_at: at(info.start_time),
            closed_at: at(info.close_time),
            raw,
            tail,
            queues: Vec::new(),
        };
        if !evidence.status().is_closed() {
            for (kind, name) in evidence.queue_names().into_iter().take(MOST_QUEUES) {
                evidence.queues.push(caller.queue(&name, kind).await?);
            }
        }
        Ok(evidence)
    }

    pub(super) fn status(&self) -> RunStatus {
        let status = self.raw.workflow_execution_info.as_ref().map(|info| info.status());
        status.map_or(RunStatus::Unknown, |status| WorkflowExecutionStatus::from(status).into())
    }

    /// The queue of one kind, if it was looked at.
    pub(super) fn queue(&self, kind: TaskKind, name: &str) -> Option<&QueueView> {
        self.queues.iter().find(|queue| queue.kind == kind && queue.name == name)
    }

    /// The queue an activity's tasks go to: the run's own, unless its history says otherwise.
    pub(super) fn activity_queue(&self, activity_id: &str) -> &str {
        self.tail.activity_queue(activity_id).unwrap_or(&self.task_queue)
    }

    /// Search attribute `OrderStatus`.
    pub(super) fn order_status(&self) -> Option<String> {
        let info = self.raw.workflow_execution_info.as_ref()?;
        let fields = &info.search_attributes.as_ref()?.indexed_fields;
        serde_json::from_slice(&fields.get(search_attribute::ORDER_STATUS)?.data).ok()
    }

    fn queue_names(&self) -> BTreeSet<(TaskKind, String)> {
        let workflow = (TaskKind::Workflow, self.task_queue.clone());
        let activities = self.raw.pending_activities.iter();
        let activities = activities
            .map(|activity| (TaskKind::Activity, self.activity_queue(&activity.activity_id).to_owned()));
        std::iter::once(workflow).chain(activities).collect()
    }
}

async fn describe(
    caller: &Caller,
    workflow_id: &str,
) -> Result<Option<DescribeWorkflowExecutionResponse>, CallError> {
    let execution = WorkflowExecution { workflow_id: workflow_id.to_owned(), run_id: String::new() };
    let message = DescribeWorkflowExecutionRequest {
        namespace: caller.namespace().to_owned(),
        execution: Some(execution),
    };
    let attempt = Attempt::about(format!("describe workflow `{workflow_id}`"));
    let mut service = caller.client().connection().workflow_service();
    let call = service.describe_workflow_execution(caller.request(message));
    match caller.bounded(attempt, call).await {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(CallError::Server { code: Code::NotFound, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A time of the server as text.
pub(super) fn at<T>(time: Option<T>) -> Option<String>
where
    SystemTime: TryFrom<T>,
{
    time.and_then(|time| SystemTime::try_from(time).ok()).map(iso)
}
