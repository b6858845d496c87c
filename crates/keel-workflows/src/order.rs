//! `interactiveOrderWorkflow`: a person decides, then the order is fulfilled or refused.
//!
//! Id: Keel's client uses `order-<id>`. Signals `approve`, `reject`; update `decide`; query `getState`.
//! Sequence: open (local activity) -> wait for a decision, with a reminder at half time and a deadline -> record it ->
//! [`saga`] or refusal -> close. Adding, removing or reordering a command needs a patch (`ctx.patched`).
#![expect(
    missing_docs,
    reason = "the macro makes constants of the handlers that carry no docs; the module does"
)]

mod desk;
mod saga;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use temporalio_common::data_converters::RawValue;
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::workflows::select;
use temporalio_sdk::{
    CancellableFuture, SyncWorkflowContext, TimerOptions, WorkflowContext, WorkflowContextView,
    WorkflowResult, WorkflowTermination,
};

use keel_types::activity::{
    CloseOrder, Closing, DecisionRecord, IgnoredRecord, OpenOrder, OpenedOrder, Outcome, RecordDecision,
    RecordIgnored, RemindApprover,
};
use keel_types::decision::{DecideRequest, Verdict};
use keel_types::failure::FailureType;
use keel_types::input::OrderInput;
use keel_types::names::{handler, search_attribute, workflow};
use keel_types::progress::iso;
use keel_types::state::{OrderFailure, OrderState, OrderStatus};

use crate::failure::{StepError, failed};
use crate::input;
use crate::log;
use crate::options::{OrderOptions, WorkflowOptions};
use crate::time::{now, or_epoch};
use desk::Desk;
use saga::{Saga, SagaEnd};

const STATUS: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attribute::ORDER_STATUS);
const CUSTOMER: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attribute::CUSTOMER_ID);

/// One order.
#[workflow]
pub struct InteractiveOrderWorkflow {
    options: Arc<WorkflowOptions>,
    desk: Desk,
}

type Ctx = WorkflowContext<InteractiveOrderWorkflow>;

/// How the wait for a decision ended.
enum Waited {
    Decided,
    Expired,
    Cancelled,
}

#[workflow_methods(factory_only)]
impl InteractiveOrderWorkflow {
    #[run(name = workflow::INTERACTIVE_ORDER)]
    pub async fn run(ctx: &mut WorkflowContext<Self>, raw: RawValue) -> WorkflowResult<String> {
        let started = now(ctx);
        let input = match read_input(ctx, raw) {
            Ok(input) => input,
            Err(failure) => return refuse(ctx, failure),
        };
        let opened = match open(ctx, input).await {
            Ok(opened) => opened,
            Err(failure) => return refuse(ctx, failure),
        };
        if let Some(outcome) = &opened.outcome {
            return repeat(ctx, &opened, outcome).await;
        }
        accept(ctx, &opened, started);
        let order_id = &opened.order.order_id;
        // The desk is closed in the same breath as the wait ends: whatever arrives later cannot count any more.
        let outcome = match wait_for_decision(ctx, order_id, started).await {
            Waited::Expired => close_desk(ctx, expired(ctx)),
            Waited::Cancelled => undo_left_over(ctx, &opened, close_desk(ctx, cancelled())).await,
            Waited::Decided => carry_out(ctx, &opened).await,
        };
        finish(ctx, order_id, &outcome).await;
        conclude(order_id, &outcome)
    }

    #[signal(name = handler::APPROVE)]
    pub fn approve(&mut self, ctx: &mut SyncWorkflowContext<Self>, payload: RawValue) {
        let by = input::text(payload, ctx.payload_converter());
        self.desk.receive(Verdict::Approve, by, or_epoch(ctx.workflow_time()));
    }

    #[signal(name = handler::REJECT)]
    pub fn reject(&mut self, ctx: &mut SyncWorkflowContext<Self>, payload: RawValue) {
        let reason = input::text(payload, ctx.payload_converter());
        self.desk.receive(Verdict::Reject, reason, or_epoch(ctx.workflow_time()));
    }

    #[update_validator(decide)]
    pub fn validate_decide(
        &self,
        _ctx: &WorkflowContextView,
        request: &DecideRequest,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        self.desk.objection(request).map_or(Ok(()), |why| Err(why.into()))
    }

    #[update(name = handler::DECIDE)]
    pub async fn decide(
        ctx: &mut WorkflowContext<Self>,
        request: DecideRequest,
    ) -> Result<OrderState, Box<dyn Error + Send + Sync>> {
        // An update may arrive with the start, before the order is read; only then does this wait.
        ctx.wait_condition(|s| s.desk.is_open()).await?;
        let at = now(ctx);
        ctx.state_mut(|s| s.desk.decide(&request, at))?;
        Ok(ctx.state(|s| s.desk.state().clone()))
    }

    #[query(name = handler::GET_STATE)]
    pub fn get_state(&self, _ctx: &WorkflowContextView) -> OrderState {
        self.desk.state().clone()
    }
}

impl InteractiveOrderWorkflow {
    /// A fresh run with these options.
    #[must_use]
    pub fn new(options: Arc<WorkflowOptions>) -> Self {
        Self { options, desk: Desk::default() }
    }
}

fn read_input(ctx: &mut Ctx, raw: RawValue) -> Result<OrderInput, OrderFailure> {
    let input = match input::json(raw, ctx.payload_converter()) {
        Ok(value) => OrderInput::from_json(&value),
        Err(problem) => OrderInput::Invalid(vec![problem]),
    };
    if let OrderInput::Invalid(problems) = &input {
        return Err(OrderFailure {
            kind: Some(FailureType::OrderInvalid),
            message: format!("invalid order: {}", problems.join("; ")),
        });
    }
    let order_id = input.order_id().unwrap_or_default().to_owned();
    ctx.state_mut(|s| s.desk.name(order_id));
    Ok(input)
}

async fn open(ctx: &Ctx, input: OrderInput) -> Result<OpenedOrder, OrderFailure> {
    let options = order_options(ctx).record();
    ctx.execute_local_activity(OpenOrder, input, options)
        .await
        .map_err(|error| StepError::from(error).into_failure())
}

/// Ends a run that never had an order to work on.
fn refuse(ctx: &Ctx, failure: OrderFailure) -> WorkflowResult<String> {
    ctx.state_mut(|s| s.desk.failed(failure.clone()));
    publish(ctx, OrderStatus::Failed);
    Err(failed(failure.kind.unwrap_or(FailureType::StepFailed), failure.message))
}

/// Ends a run of an order that had ended before, with the recorded outcome and no new effect.
async fn repeat(ctx: &Ctx, opened: &OpenedOrder, outcome: &Outcome) -> WorkflowResult<String> {
    let order_id = &opened.order.order_id;
    ctx.state_mut(|s| s.desk.set_status(outcome.status));
    ctx.state_mut(|s| s.desk.open(opened, String::new()));
    ctx.upsert_search_attributes([CUSTOMER.value_set(opened.order.customer_id.clone())]);
    record_ignored(ctx, order_id).await;
    if let Some(failure) = &outcome.failure {
        ctx.state_mut(|s| s.desk.failed(failure.clone()));
    }
    publish(ctx, outcome.status);
    if outcome.status == OrderStatus::Cancelled {
        return Err(failed(
            FailureType::OrderCancelled,
            format!("Order {order_id} had been cancelled before"),
        ));
    }
    conclude(order_id, outcome)
}

/// Nothing that arrives from now on can change how the order ends.
fn close_desk(ctx: &Ctx, outcome: Outcome) -> Outcome {
    ctx.state_mut(|s| s.desk.set_status(outcome.status));
    outcome
}

fn accept(ctx: &Ctx, opened: &OpenedOrder, started: SystemTime) {
    let deadline = iso(started + order_options(ctx).deadline);
    ctx.state_mut(|s| s.desk.open(opened, deadline));
    ctx.upsert_search_attributes([
        CUSTOMER.value_set(opened.order.customer_id.clone()),
        STATUS.value_set(OrderStatus::Pending.to_string()),
    ]);
    describe(ctx);
    log::info!(ctx, order_id = opened.order.order_id, "order waits for a decision");
}

/// Waits until somebody decides, the deadline passes, or the run is cancelled; reminds the approver at half time.
async fn wait_for_decision(ctx: &Ctx, order_id: &str, started: SystemTime) -> Waited {
    let deadline = order_options(ctx).deadline;
    let half = deadline / 2;
    if let Some(end) = wait_until(ctx, started + half, "remind the approver").await {
        return end;
    }
    let reminded =
        ctx.execute_local_activity(RemindApprover, order_id.to_owned(), order_options(ctx).record()).await;
    if reminded.is_ok() {
        let at = iso(now(ctx));
        ctx.state_mut(|s| s.desk.reminded(at));
        describe(ctx);
        log::info!(ctx, order_id, "approver reminded");
    }
    wait_until(ctx, started + deadline, "the order expires").await.unwrap_or(Waited::Expired)
}

/// `None` when the time came before anything else did.
async fn wait_until(ctx: &Ctx, until: SystemTime, summary: &str) -> Option<Waited> {
    if ctx.state(|s| s.desk.decision().is_some()) {
        return Some(Waited::Decided);
    }
    let left = until.duration_since(now(ctx)).unwrap_or(Duration::from_millis(1));
    let timer = ctx.timer(TimerOptions::builder(left).summary(summary.to_owned()).build());
    let mut timer = std::pin::pin!(timer);
    let decided = ctx.wait_condition(|s| s.desk.decision().is_some());
    let mut decided = std::pin::pin!(decided);
    select! {
        result = decided => {
            if result.is_ok() {
                timer.as_ref().cancel();
                Some(Waited::Decided)
            } else {
                Some(Waited::Cancelled)
            }
        }
        _ = timer => match () {
            () if ctx.cancellation_token().is_cancelled() => Some(Waited::Cancelled),
            () => None,
        }
    }
}

/// Records the decision, then fulfils or refuses.
async fn carry_out(ctx: &Ctx, opened: &OpenedOrder) -> Outcome {
    let order_id = &opened.order.order_id;
    let decision =
        ctx.state(|s| s.desk.decision().cloned()).expect("the wait ends as decided only with a decision");
    let record = DecisionRecord { order_id: order_id.clone(), decision: decision.clone() };
    if let Err(error) = ctx.execute_local_activity(RecordDecision, record, order_options(ctx).record()).await
    {
        let failure = Some(StepError::from(error).into_failure());
        let outcome = close_desk(ctx, Outcome { status: OrderStatus::Failed, failure });
        return undo_left_over(ctx, opened, outcome).await;
    }
    match decision.verdict {
        Verdict::Approve => {
            publish(ctx, OrderStatus::Approved);
            fulfil(ctx, opened).await
        }
        Verdict::Reject => undo_left_over(ctx, opened, rejected(decision.reason.as_deref())).await,
    }
}

async fn fulfil(ctx: &Ctx, opened: &OpenedOrder) -> Outcome {
    let order_id = &opened.order.order_id;
    let mut saga = Saga::new(ctx, order_id, &opened.started_steps);
    match saga.run().await {
        SagaEnd::Completed => Outcome { status: OrderStatus::Completed, failure: None },
        SagaEnd::Cancelled => {
            publish(ctx, OrderStatus::Compensating);
            saga.compensate().await;
            cancelled()
        }
        SagaEnd::Failed(failure) => {
            log::warning!(ctx, order_id, failure = failure.message, "fulfilment failed, undoing it");
            ctx.state_mut(|s| s.desk.failed(failure.clone()));
            publish(ctx, OrderStatus::Compensating);
            saga.compensate().await;
            Outcome { status: OrderStatus::Failed, failure: Some(failure) }
        }
    }
}

/// Undoes what an earlier, terminated run of the same order may have left, then ends with `outcome`.
async fn undo_left_over(ctx: &Ctx, opened: &OpenedOrder, outcome: Outcome) -> Outcome {
    if !opened.started_steps.is_empty() {
        publish(ctx, OrderStatus::Compensating);
        Saga::new(ctx, &opened.order.order_id, &opened.started_steps).compensate().await;
    }
    outcome
}

/// Writes the end into the store, whatever happens around it, and shows it.
async fn finish(ctx: &Ctx, order_id: &str, outcome: &Outcome) {
    if outcome.status != OrderStatus::Completed {
        let closing = Closing { order_id: order_id.to_owned(), outcome: outcome.clone() };
        if let Err(error) = ctx.execute_local_activity(CloseOrder, closing, order_options(ctx).record()).await
        {
            log::warning!(ctx, order_id, %error, "the end could not be recorded");
        }
    }
    if let Some(failure) = &outcome.failure {
        ctx.state_mut(|s| s.desk.failed(failure.clone()));
    }
    publish(ctx, outcome.status);
    record_ignored(ctx, order_id).await;
}

/// Records the decisions that had no effect, those included that arrive while this is being done.
async fn record_ignored(ctx: &Ctx, order_id: &str) {
    let mut recorded = 0;
    loop {
        let (ignored, total) = ctx.state(|s| s.desk.ignored());
        if total == recorded {
            return;
        }
        let record = IgnoredRecord { order_id: order_id.to_owned(), ignored, total };
        let noted = ctx.execute_local_activity(RecordIgnored, record, order_options(ctx).record()).await;
        if let Err(error) = noted {
            log::warning!(ctx, order_id, %error, "ignored decisions could not be recorded");
            return;
        }
        recorded = total;
    }
}

/// Shows a status everywhere people look: query, search attribute, web UI, log.
fn publish(ctx: &Ctx, status: OrderStatus) {
    ctx.state_mut(|s| s.desk.set_status(status));
    ctx.upsert_search_attributes([STATUS.value_set(status.to_string())]);
    describe(ctx);
    log::info!(ctx, order_id = ctx.state(|s| s.desk.state().order_id.clone()), %status, "order");
}

fn describe(ctx: &Ctx) {
    ctx.set_current_details(ctx.state(|s| s.desk.details()));
}

/// The run's end for an outcome, whether it was reached now or read from the store.
fn conclude(order_id: &str, outcome: &Outcome) -> WorkflowResult<String> {
    let message = outcome.failure.as_ref().map_or("", |failure| failure.message.as_str());
    let kind = outcome.failure.as_ref().and_then(|failure| failure.kind);
    match outcome.status {
        OrderStatus::Completed => Ok(format!("Order {order_id} completed successfully!")),
        OrderStatus::Cancelled => Err(WorkflowTermination::cancelled()),
        _ => Err(failed(kind.unwrap_or(FailureType::StepFailed), message)),
    }
}

fn rejected(reason: Option<&str>) -> Outcome {
    Outcome {
        status: OrderStatus::Rejected,
        failure: Some(OrderFailure {
            kind: Some(FailureType::OrderRejected),
            message: format!("Order rejected: {}", reason.unwrap_or("no reason given")),
        }),
    }
}

fn expired(ctx: &Ctx) -> Outcome {
    let deadline = ctx.state(|s| s.desk.state().deadline.clone()).unwrap_or_default();
    Outcome {
        status: OrderStatus::Expired,
        failure: Some(OrderFailure {
            kind: Some(FailureType::OrderExpired),
            message: format!("Order expired: nobody decided before {deadline}"),
        }),
    }
}

const fn cancelled() -> Outcome {
    Outcome { status: OrderStatus::Cancelled, failure: None }
}

fn order_options(ctx: &Ctx) -> OrderOptions {
    ctx.state(|s| s.options.order.clone())
}
