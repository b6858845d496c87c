//! Letting a run begin again on another build.

use futures::StreamExt;
use temporalio_client::{
    UntypedWorkflow, WorkflowExecutionInfo, WorkflowFetchHistoryOptions, WorkflowHandle,
};
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use temporalio_common::protos::temporal::api::workflow::v1::PostResetOperation;
use temporalio_common::protos::temporal::api::workflow::v1::post_reset_operation::{
    UpdateWorkflowOptions, Variant,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::ResetWorkflowExecutionRequest;

use super::super::Fleet;
use super::super::patience::Patience;
use super::{Fate, MASK, Run, is_over};
use crate::error::{Attempt, CallError, Sorted};

impl Fleet {
    /// Ends the run and starts it again with the same input, its signals and its updates, on `to`.
    pub(super) async fn start_over(
        &self,
        run: &Run,
        to: &str,
        patience: &mut Patience,
    ) -> Result<Fate, CallError> {
        let sent = patience.retry(|| self.reset(run, to)).await;
        match sent {
            Ok(true) => Ok(Fate::Reset),
            Ok(false) => Ok(Fate::Unproven("no worker has taken a step of it yet".to_owned())),
            Err(error) if is_over(&error) => Ok(Fate::Ended),
            Err(error) => Err(error),
        }
    }

    async fn reset(&self, run: &Run, to: &str) -> Result<bool, CallError> {
        let Some(first) = self.first_task(run).await? else { return Ok(false) };
        let mut options = UpdateWorkflowOptions {
            workflow_execution_options: Some(self.pinned_to(to)),
            update_mask: Some(Default::default()),
        };
        options.update_mask.get_or_insert_default().paths.push(MASK.to_owned());
        let message = ResetWorkflowExecutionRequest {
            namespace: self.caller.namespace().to_owned(),
            workflow_execution: Some(run.execution()),
            reason: format!("build {to} cannot replay what the build before it did"),
            workflow_task_finish_event_id: first,
            // The same for every attempt, so that a lost answer does not reset twice.
            request_id: format!("move-{}-{to}", run.run),
            post_reset_operations: vec![PostResetOperation {
                variant: Some(Variant::UpdateWorkflowOptions(options)),
            }],
            identity: self.caller.client().connection().identity().to_owned(),
            ..Default::default()
        };
        let mut service = self.caller.client().connection().workflow_service();
        let call = service.reset_workflow_execution(self.caller.request(message));
        let attempt = Attempt::about(format!("let run `{}` begin again on build `{to}`", run.id));
        self.caller.bounded(attempt, call).await.map(|_| true)
    }

    /// The event with which the first workflow task ended.
    async fn first_task(&self, run: &Run) -> Result<Option<i64>, CallError> {
        let info = WorkflowExecutionInfo::builder()
            .namespace(self.caller.namespace())
            .workflow_id(&run.id)
            .run_id(&run.run)
            .build();
        let handle: WorkflowHandle<_, UntypedWorkflow> =
            WorkflowHandle::new(self.caller.client().clone(), info);
        let options = WorkflowFetchHistoryOptions::builder().rpc_options(self.caller.rpc()).build();
        let mut history = handle.fetch_history(options);
        let ends = [
            EventType::WorkflowTaskCompleted as i32,
            EventType::WorkflowTaskFailed as i32,
            EventType::WorkflowTaskTimedOut as i32,
        ];
        while let Some(event) = history.next().await {
            let attempt = Attempt::about(format!("read the history of `{}`", run.id));
            let event = event.map_err(|error| error.sorted(attempt))?;
            if ends.contains(&event.event_type) {
                return Ok(Some(event.event_id));
            }
        }
        Ok(None)
    }
}
