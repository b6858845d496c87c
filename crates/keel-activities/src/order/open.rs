//! Opening an order: who may work on it, and where an earlier run left it.

use std::time::Duration;

use keel_types::activity::{OpenedOrder, Outcome};
use keel_types::failure::FailureType;
use keel_types::input::OrderInput;
use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::{RpcOptions, UntypedWorkflow, WorkflowDescribeOptions, WorkflowExecutionStatus};
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use super::OrderActivities;
use super::failing::of_store;
use crate::failure::{application, chain};
use crate::store::{Opening, OrderRecord, Owner, Refusal, StepState, StoreError};

/// Times an order may change hands while we ask about its holder.
const TRIES: usize = 3;
/// Longest wait for Temporal's answer about another run.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

impl OrderActivities {
    /// Opens the order for `owner`; `is_running` tells whether the workflow with an id still runs.
    pub(super) async fn open<F>(
        &self,
        input: &OrderInput,
        owner: Option<Owner>,
        is_running: impl Fn(String) -> F + Send + Sync,
    ) -> Result<OpenedOrder, ActivityError>
    where
        F: Future<Output = Result<bool, ActivityError>> + Send,
    {
        let opening = match input {
            OrderInput::Id(id) => Opening::Id(id),
            OrderInput::Order(order) => Opening::Order(order),
            OrderInput::Invalid(problems) => {
                let message = format!("invalid order: {}", problems.join("; "));
                return Err(application(FailureType::OrderInvalid, message));
            }
        };
        let mut take_from = None;
        for _ in 0..TRIES {
            match self.store.open(opening, owner.as_ref(), take_from.as_ref()).await {
                Ok(record) => return Ok(self.opened(record)),
                Err(StoreError::Refused(Refusal::Held { order_id, holder })) => {
                    let asked = take_from.as_ref() == Some(&holder);
                    let same = owner.as_ref().is_some_and(|owner| owner.workflow_id == holder.workflow_id);
                    // Asked and still refused, or held by a newer run of our own workflow: we lost the order
                    // for good.
                    if asked || same || is_running(holder.workflow_id.clone()).await? {
                        return Err(of_store(&Refusal::Held { order_id, holder }.into()));
                    }
                    take_from = Some(holder);
                }
                Err(error) => return Err(of_store(&error)),
            }
        }
        let message = "the order changes hands again and again: wait until one workflow keeps it".to_owned();
        Err(application(FailureType::OrderInProgress, message))
    }

    fn opened(&self, record: OrderRecord) -> OpenedOrder {
        let outcome = record
            .status
            .is_final()
            .then(|| Outcome { status: record.status, failure: record.failure.clone() });
        // What is undone needs no undoing; what is being undone does, and so does what may have been done.
        let open = record.steps.iter().filter(|step| step.state != StepState::Undone);
        OpenedOrder {
            started_steps: open.map(|step| step.step).collect(),
            order: record.order,
            rule: self.rule.clone(),
            outcome,
            decision: record.decision,
        }
    }
}

/// Whether the newest run of a workflow runs.
pub(super) async fn is_running(ctx: ActivityContext, workflow_id: String) -> Result<bool, ActivityError> {
    let fault = |what: String| {
        let message = format!("cannot ask Temporal whether workflow {workflow_id} runs: {what}");
        application(FailureType::ProviderUnavailable, message)
    };
    let handle = ctx.client().get_workflow_handle::<UntypedWorkflow>(&workflow_id);
    let rpc = RpcOptions::builder().timeout(DESCRIBE_TIMEOUT).build();
    let options = WorkflowDescribeOptions::builder().rpc_options(rpc).build();
    match tokio::time::timeout(DESCRIBE_TIMEOUT, handle.describe(options)).await {
        Ok(Ok(description)) => Ok(description.status() == WorkflowExecutionStatus::Running),
        Ok(Err(WorkflowInteractionError::NotFound(_))) => Ok(false),
        Ok(Err(error)) => Err(fault(chain(&error))),
        Err(_) => Err(fault(format!("no answer within {DESCRIBE_TIMEOUT:?}"))),
    }
}

#[cfg(test)]
mod tests;
