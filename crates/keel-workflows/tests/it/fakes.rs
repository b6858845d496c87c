//! Activities that follow a script and note what they were asked.
#![allow(
    dead_code,
    reason = "the macro makes constants of the activities; the worker registers them, nobody names them here"
)]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use keel_types::activity::{self, Closing, DecisionRecord, IgnoredRecord, OpenedOrder, Outcome};
use keel_types::decision::{ApprovalRule, Decision};
use keel_types::failure::FailureType;
use keel_types::gate::Witness;
use keel_types::input::OrderInput;
use keel_types::order::{Order, OrderLine};
use keel_types::state::SagaStep;
use temporalio_macros::activities;
use temporalio_sdk::ApplicationFailure;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::sync::Semaphore;

/// What an activity does when it is called.
#[derive(Clone)]
pub enum Play {
    /// Refuses for good, with this type.
    Refuse(FailureType),
    /// Fails each time, as a fault that retries cannot help.
    Fault(FailureType),
    /// Waits for a permit, then succeeds.
    Wait(Arc<Semaphore>),
    /// Waits for a permit, then fails with a fault.
    WaitThenFault(Arc<Semaphore>, FailureType),
}

/// The stand-ins for everything around an order.
#[derive(Default)]
pub struct Fakes {
    pub script: HashMap<&'static str, Play>,
    pub outcome: Option<Outcome>,
    pub decision: Option<Decision>,
    pub started_steps: Vec<SagaStep>,
    /// Everything that happened, in order.
    pub journal: Mutex<Vec<String>>,
}

impl Fakes {
    pub fn with(name: &'static str, play: Play) -> Self {
        Self { script: HashMap::from([(name, play)]), ..Self::default() }
    }

    pub fn journal(&self) -> Vec<String> {
        self.journal.lock().unwrap().clone()
    }

    fn note(&self, entry: impl Into<String>) {
        self.journal.lock().unwrap().push(entry.into());
    }

    async fn play(&self, name: &'static str) -> Result<(), ActivityError> {
        match self.script.get(name).cloned() {
            None => {}
            Some(Play::Refuse(kind)) => return Err(failure(kind, true)),
            Some(Play::Fault(kind)) => return Err(failure(kind, false)),
            Some(Play::Wait(gate)) => gate.acquire().await.expect("the gate stays open").forget(),
            Some(Play::WaitThenFault(gate, kind)) => {
                gate.acquire().await.expect("the gate stays open").forget();
                return Err(failure(kind, false));
            }
        }
        self.note(name);
        Ok(())
    }
}

fn failure(kind: FailureType, non_retryable: bool) -> ActivityError {
    ApplicationFailure::builder(format!("scripted {kind}"))
        .type_name(kind.as_str().to_owned())
        .non_retryable(non_retryable)
        .build()
        .into()
}

pub fn order(order_id: &str) -> Order {
    Order {
        order_id: order_id.to_owned(),
        customer_id: "CUST-1".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![OrderLine { sku: "KEEL-MUG".to_owned(), quantity: 2, unit_price_minor: 1250 }],
        requested_by: Some("clerk@company.com".to_owned()),
    }
}

/// Registers under the real names, by the real contracts.
pub struct FakeActivities(pub Arc<Fakes>);

#[activities]

impl FakeActivities {
    #[activity(definition = activity::OpenOrder)]
    async fn open_order(
        self: Arc<Self>,
        _ctx: ActivityContext,
        input: OrderInput,
    ) -> Result<OpenedOrder, ActivityError> {
        self.0.play("openOrder").await?;
        let order_id = input.order_id().unwrap_or_default();
        Ok(OpenedOrder {
            order: match &input {
                OrderInput::Order(order) => order.clone(),
                _ => order(order_id),
            },
            rule: ApprovalRule::default(),
            outcome: self.0.outcome.clone(),
            decision: self.0.decision.clone(),
            started_steps: self.0.started_steps.clone(),
        })
    }

    #[activity(definition = activity::GateStore)]
    async fn gate_store(
        self: Arc<Self>,
        _ctx: ActivityContext,
        build_id: String,
    ) -> Result<Witness, ActivityError> {
        self.0.play("rolloutGateStore").await?;
        Ok(Witness { build_id, identity: "one".to_owned() })
    }

    #[activity(definition = activity::GateData)]
    async fn gate_data(
        self: Arc<Self>,
        _ctx: ActivityContext,
        build_id: String,
    ) -> Result<Witness, ActivityError> {
        self.0.play("rolloutGateData").await?;
        Ok(Witness { build_id, identity: "two".to_owned() })
    }

    #[activity(definition = activity::RecordDecision)]
    async fn record_decision(
        self: Arc<Self>,
        _ctx: ActivityContext,
        record: DecisionRecord,
    ) -> Result<(), ActivityError> {
        self.0.note(format!("recordDecision {:?}", record.decision.verdict));
        Ok(())
    }

    #[activity(definition = activity::RecordIgnored)]
    async fn record_ignored(
        self: Arc<Self>,
        _ctx: ActivityContext,
        record: IgnoredRecord,
    ) -> Result<(), ActivityError> {
        self.0.note(format!("recordIgnored {}", record.total));
        Ok(())
    }

    #[activity(definition = activity::RemindApprover)]
    async fn remind_approver(self: Arc<Self>, _ctx: ActivityContext, _: String) -> Result<(), ActivityError> {
        self.0.play("remindApprover").await
    }

    #[activity(definition = activity::ReserveInventory)]
    async fn reserve_inventory(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _: String,
    ) -> Result<(), ActivityError> {
        self.0.play("reserveInventory").await
    }

    #[activity(definition = activity::ChargePayment)]
    async fn charge_payment(self: Arc<Self>, _ctx: ActivityContext, _: String) -> Result<(), ActivityError> {
        self.0.play("chargePayment").await
    }

    #[activity(definition = activity::BookShipment)]
    async fn book_shipment(self: Arc<Self>, _ctx: ActivityContext, _: String) -> Result<(), ActivityError> {
        self.0.play("bookShipment").await
    }

    #[activity(definition = activity::ProcessApprovedOrder)]
    async fn process_approved_order(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _: String,
    ) -> Result<(), ActivityError> {
        self.0.play("processApprovedOrder").await
    }

    #[activity(definition = activity::ReleaseInventory)]
    async fn release_inventory(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _: String,
    ) -> Result<(), ActivityError> {
        self.0.play("releaseInventory").await
    }

    #[activity(definition = activity::RefundPayment)]
    async fn refund_payment(self: Arc<Self>, _ctx: ActivityContext, _: String) -> Result<(), ActivityError> {
        self.0.play("refundPayment").await
    }

    #[activity(definition = activity::CancelShipment)]
    async fn cancel_shipment(self: Arc<Self>, _ctx: ActivityContext, _: String) -> Result<(), ActivityError> {
        self.0.play("cancelShipment").await
    }

    #[activity(definition = activity::CloseOrder)]
    async fn close_order(
        self: Arc<Self>,
        _ctx: ActivityContext,
        closing: Closing,
    ) -> Result<(), ActivityError> {
        if self.0.script.contains_key("closeOrder") {
            self.0.play("closeOrder").await?;
        }
        self.0.note(format!("closeOrder {}", closing.outcome.status));
        Ok(())
    }

    #[activity(definition = activity::ProcessStep)]
    async fn process_step(
        self: Arc<Self>,
        _ctx: ActivityContext,
        _task_id: String,
        step: String,
    ) -> Result<String, ActivityError> {
        self.0.play("processStep").await?;
        Ok(format!("{step} done"))
    }

    /// Heartbeats until it is let through or cancelled; notes a clean-up before it confirms the cancellation.
    #[activity(definition = activity::ProcessLargeDataset)]
    async fn process_large_dataset(
        self: Arc<Self>,
        ctx: ActivityContext,
        dataset_id: String,
    ) -> Result<String, ActivityError> {
        let beat = async {
            loop {
                ctx.record_heartbeat(1_u32).await?;
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
            }
        };
        tokio::select! {
            played = self.0.play("processLargeDataset") => {
                played?;
                Ok(keel_types::dataset::success_message(7, &dataset_id))
            }
            _ = ctx.cancelled() => {
                self.0.note("cleaned up");
                Err(ActivityError::cancelled())
            }
            error = beat => error,
        }
    }
}
