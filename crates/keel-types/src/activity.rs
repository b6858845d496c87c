//! The activities: names, inputs and outputs, without bodies.
//!
//! `keel-workflows` calls these markers and `keel-activities` implements them (`#[activity(definition = ..)]`), so the
//! two agree at compile time without knowing each other.

use serde::{Deserialize, Serialize};

mod contract;

pub use contract::{
    BookShipment, CancelShipment, ChargePayment, CloseOrder, GateData, GateStore, OpenOrder,
    ProcessApprovedOrder, ProcessLargeDataset, ProcessStep, RecordDecision, RecordIgnored, RefundPayment,
    ReleaseInventory, RemindApprover, ReserveInventory,
};

use crate::decision::{ApprovalRule, Decision, IgnoredDecision};
use crate::order::Order;
use crate::state::{OrderFailure, OrderStatus, SagaStep};

/// What `openOrder` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OpenedOrder {
    /// The order as stored.
    pub order: Order,
    /// Who may decide on it; fixed for this run.
    pub rule: ApprovalRule,
    /// How it ended, if the store already shows it as final.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// A decision an earlier run left behind, such as one that was terminated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Steps an earlier run may have done.
    #[serde(default)]
    pub started_steps: Vec<SagaStep>,
}

/// How an order ended. Its status is final.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// A final status.
    pub status: OrderStatus,
    /// Why, unless it completed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<OrderFailure>,
}

/// The input of `recordDecision`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DecisionRecord {
    /// The order.
    pub order_id: String,
    /// The decision that counts.
    pub decision: Decision,
}

/// The input of `recordIgnoredDecisions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IgnoredRecord {
    /// The order.
    pub order_id: String,
    /// The decisions without effect.
    pub ignored: Vec<IgnoredDecision>,
    /// How many there were in all, kept or not.
    pub total: u32,
}

/// The input of `closeOrder`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closing {
    /// The order.
    pub order_id: String,
    /// Its final outcome, anything but completed.
    pub outcome: Outcome,
}
