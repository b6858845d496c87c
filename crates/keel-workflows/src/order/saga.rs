//! Fulfilment: four steps forward, and the way back.
//!
//! A step that was refused certainly had no effect; any other failure leaves it in doubt, and it is undone with the rest.
//! Undoing runs in reverse and detached: cancelling the run cannot reach it. Undoing what never happened is harmless.

use temporalio_common::ActivityDefinition;
use temporalio_sdk::{ActivityExecutionError, ActivityOptions};

use keel_types::activity::{
    BookShipment, CancelShipment, ChargePayment, ProcessApprovedOrder, RefundPayment, ReleaseInventory,
    ReserveInventory,
};
use keel_types::failure::FailureType;
use keel_types::names::activity as name;
use keel_types::state::{OrderFailure, SagaStep};

use super::{Ctx, order_options};
use crate::failure::StepError;
use crate::log;

/// How the way forward ended.
pub(super) enum SagaEnd {
    Completed,
    Cancelled,
    Failed(OrderFailure),
}

/// One order's fulfilment.
pub(super) struct Saga<'a> {
    ctx: &'a Ctx,
    order_id: &'a str,
    /// Steps that had or may have had an effect, in the order they ran.
    to_undo: Vec<SagaStep>,
}

impl<'a> Saga<'a> {
    /// A fulfilment that knows which steps an earlier run may have done.
    pub(super) fn new(ctx: &'a Ctx, order_id: &'a str, started: &[SagaStep]) -> Self {
        let mut to_undo = started.to_vec();
        to_undo.sort_unstable();
        Self { ctx, order_id, to_undo }
    }

    /// Runs the steps in order until one fails or the run is cancelled.
    pub(super) async fn run(&mut self) -> SagaEnd {
        for step in SagaStep::ALL {
            if self.ctx.cancellation_token().is_cancelled() {
                return SagaEnd::Cancelled;
            }
            self.ctx.state_mut(|s| s.desk.step_started(step.as_str()));
            match self.forward(step).await {
                Ok(()) => {
                    self.may_have_happened(step);
                    self.ctx.state_mut(|s| s.desk.step_done(step));
                }
                Err(StepError::Refused(failure)) => return SagaEnd::Failed(failure),
                Err(StepError::InDoubt(failure)) if !self.ctx.cancellation_token().is_cancelled() => {
                    self.may_have_happened(step);
                    let kind = failure.kind.or(Some(FailureType::StepFailed));
                    return SagaEnd::Failed(OrderFailure { kind, ..failure });
                }
                // An attempt that fails after the cancellation is not repeated, and ends the step with its own failure.
                Err(StepError::InDoubt(_) | StepError::Cancelled) => {
                    self.may_have_happened(step);
                    return SagaEnd::Cancelled;
                }
            }
        }
        SagaEnd::Completed
    }

    /// Undoes every step that may have had an effect, last first.
    pub(super) async fn compensate(&mut self) {
        while let Some(step) = self.to_undo.pop() {
            let undone = match step {
                SagaStep::ReserveInventory => self.undo(ReleaseInventory, name::RELEASE_INVENTORY).await,
                SagaStep::ChargePayment => self.undo(RefundPayment, name::REFUND_PAYMENT).await,
                SagaStep::BookShipment => self.undo(CancelShipment, name::CANCEL_SHIPMENT).await,
                // The commit point: it is never given up, so there is never a reason to undo it.
                SagaStep::ProcessApprovedOrder => continue,
            };
            match undone {
                Ok(()) => self.ctx.state_mut(|s| s.desk.step_undone(step)),
                Err(error) => {
                    log::warning!(self.ctx, order_id = self.order_id, %step, %error, "a step could not be undone");
                }
            }
        }
    }

    async fn forward(&self, step: SagaStep) -> Result<(), StepError> {
        let options = order_options(self.ctx);
        let done = match step {
            SagaStep::ReserveInventory => self.execute(ReserveInventory, options.step()).await,
            SagaStep::ChargePayment => self.execute(ChargePayment, options.step()).await,
            SagaStep::BookShipment => self.execute(BookShipment, options.step()).await,
            SagaStep::ProcessApprovedOrder => {
                self.execute(ProcessApprovedOrder, options.detached_step()).await
            }
        };
        done.map_err(StepError::from)
    }

    async fn undo<A>(&self, activity: A, step: &str) -> Result<(), ActivityExecutionError>
    where
        A: ActivityDefinition<Input = String, Output = ()>,
    {
        self.ctx.state_mut(|s| s.desk.step_started(step));
        self.execute(activity, order_options(self.ctx).detached_step()).await
    }

    async fn execute<A>(&self, activity: A, options: ActivityOptions) -> Result<(), ActivityExecutionError>
    where
        A: ActivityDefinition<Input = String, Output = ()>,
    {
        self.ctx.execute_activity(activity, self.order_id.to_owned(), options).await
    }

    fn may_have_happened(&mut self, step: SagaStep) {
        if !self.to_undo.contains(&step) {
            self.to_undo.push(step);
        }
    }
}
