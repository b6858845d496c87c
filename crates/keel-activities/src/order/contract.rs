//! The activities by name: each implements a contract of `keel-types` and says how it may be retried.
#![allow(missing_docs, reason = "the macro's markers do not take over the docs of the methods")]

use std::sync::Arc;

use keel_types::activity::{self as contract, Closing, DecisionRecord, IgnoredRecord, OpenedOrder};
use keel_types::input::OrderInput;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};

use super::{OrderActivities, open};
use crate::store::Owner;

/// The run that asks; none for an activity without a workflow.
fn owner(ctx: &ActivityContext) -> Option<Owner> {
    let info = ctx.info();
    Some(Owner::new(info.workflow_id.as_ref()?, info.workflow_run_id.as_ref()?))
}

#[activities]
impl OrderActivities {
    /// Writes or reads the order and takes ownership of it for this run.
    ///
    /// Key: the order id. Timeout: short; may ask Temporal once about another run. Retried: store and
    /// Temporal faults. Final: `ORDER_NOT_FOUND`, `ORDER_INVALID`, `ORDER_IN_PROGRESS`.
    #[activity(definition = contract::OpenOrder)]
    pub async fn open_order(
        self: Arc<Self>,
        ctx: ActivityContext,
        input: OrderInput,
    ) -> Result<OpenedOrder, ActivityError> {
        let is_running = |workflow_id: String| open::is_running(ctx.clone(), workflow_id);
        self.open(&input, owner(&ctx), is_running).await
    }

    /// Records the decision that counts: the first one, unless that was lost with its workflow task and its run
    /// decides otherwise.
    ///
    /// Key: the order id. Timeout: short, store only. Retried: store faults.
    #[activity(definition = contract::RecordDecision)]
    pub async fn record_decision(
        self: Arc<Self>,
        ctx: ActivityContext,
        record: DecisionRecord,
    ) -> Result<(), ActivityError> {
        self.decide(&record, owner(&ctx)).await
    }

    /// Appends decisions without effect to the audit, each once.
    ///
    /// Key: the order id and the decision with its time. Timeout: short, store only. Retried: store faults.
    #[activity(definition = contract::RecordIgnored)]
    pub async fn record_ignored(
        self: Arc<Self>,
        ctx: ActivityContext,
        record: IgnoredRecord,
    ) -> Result<(), ActivityError> {
        self.ignore(&record, owner(&ctx)).await
    }

    /// Reminds the approver: one row in the audit of each run, and a line in the log.
    ///
    /// Key: the order id and the run. Timeout: short, store only. Retried: store faults.
    #[activity(definition = contract::RemindApprover)]
    pub async fn remind_approver(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.remind(&order_id, owner(&ctx)).await
    }

    /// Step 1: promises the pieces of every line, or of none.
    ///
    /// Key: `<order>:reserveInventory`. Timeout: short, store only. Retried: store faults. Final:
    /// `OUT_OF_STOCK`.
    #[activity(definition = contract::ReserveInventory)]
    pub async fn reserve_inventory(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.reserve(&order_id, owner(&ctx)).await
    }

    /// Step 2: takes the order's total.
    ///
    /// Key: `<order>:chargePayment`. Timeout: above `payments.timeout`. Retried: store and provider faults.
    /// Final: `PAYMENT_DECLINED`.
    #[activity(definition = contract::ChargePayment)]
    pub async fn charge_payment(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.charge(&order_id, owner(&ctx)).await
    }

    /// Step 3: books the courier.
    ///
    /// Key: `<order>:bookShipment`. Timeout: above `courier.timeout`. Retried: store and provider faults.
    /// Final: `SHIPMENT_REFUSED`.
    #[activity(definition = contract::BookShipment)]
    pub async fn book_shipment(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.book(&order_id, owner(&ctx)).await
    }

    /// Step 4: the reserved pieces leave and the order is completed, in one transaction.
    ///
    /// Key: `<order>:processApprovedOrder`. Timeout: short, store only. Retried: store faults. Final: the
    /// type of the step that is missing, `ORDER_CANCELLED` for an order that is closed.
    #[activity(definition = contract::ProcessApprovedOrder)]
    pub async fn process_approved_order(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.complete(&order_id, owner(&ctx)).await
    }

    /// Undoes step 1, or forbids it if it did not come yet. A completed order keeps its steps.
    ///
    /// Key: `<order>:releaseInventory`. Timeout: short, store only. Retried: store faults.
    #[activity(definition = contract::ReleaseInventory)]
    pub async fn release_inventory(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.release(&order_id, owner(&ctx)).await
    }

    /// Undoes step 2, or forbids it if it did not come yet. A completed order keeps its steps.
    ///
    /// Key: `<order>:refundPayment`. Timeout: above `payments.timeout`. Retried: store and provider faults,
    /// without end: money is at stake.
    #[activity(definition = contract::RefundPayment)]
    pub async fn refund_payment(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.refund(&order_id, owner(&ctx)).await
    }

    /// Undoes step 3, or forbids it if it did not come yet. A completed order keeps its steps.
    ///
    /// Key: `<order>:cancelShipment`. Timeout: above `courier.timeout`. Retried: store and provider faults,
    /// without end.
    #[activity(definition = contract::CancelShipment)]
    pub async fn cancel_shipment(
        self: Arc<Self>,
        ctx: ActivityContext,
        order_id: String,
    ) -> Result<(), ActivityError> {
        self.cancel(&order_id, owner(&ctx)).await
    }

    /// Makes the order final with an outcome other than completion; the first outcome stays.
    ///
    /// Key: the order id. Timeout: short, store only. Retried: store faults. Final: `INPUT_INVALID` for a
    /// status that does not end an order.
    #[activity(definition = contract::CloseOrder)]
    pub async fn close_order(
        self: Arc<Self>,
        ctx: ActivityContext,
        closing: Closing,
    ) -> Result<(), ActivityError> {
        self.close(&closing, owner(&ctx)).await
    }
}
