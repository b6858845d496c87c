//! What the store holds about an order, as values.

use keel_types::decision::Decision;
use keel_types::order::Order;
use keel_types::state::{OrderFailure, OrderStatus, SagaStep};
use serde::Serialize;
use serde_json::Value;

/// The workflow run that works on an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Workflow id.
    pub workflow_id: String,
    /// Run id.
    pub run_id: String,
}

impl Owner {
    /// The owner with these ids.
    #[must_use]
    pub fn new(workflow_id: impl Into<String>, run_id: impl Into<String>) -> Self {
        Self { workflow_id: workflow_id.into(), run_id: run_id.into() }
    }
}

/// Where one step of an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// It was tried; whether it had its effect is not known.
    Started,
    /// It had its effect.
    Done,
    /// It is being undone and will never be done again.
    Undoing,
    /// It was undone, or refused, or forbidden before it came.
    Undone,
}

impl StepState {
    /// The string in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }

    /// The state with this string, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Started, Self::Done, Self::Undoing, Self::Undone].into_iter().find(|s| s.as_str() == text)
    }
}

/// One step of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// Which step.
    pub step: SagaStep,
    /// Where it stands.
    pub state: StepState,
    /// The provider's number of what was done.
    pub reference: Option<String>,
    /// Why it was refused.
    pub note: Option<String>,
}

/// An order with everything a new run needs to go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRecord {
    /// The order as it was placed.
    pub order: Order,
    /// Where it stands.
    pub status: OrderStatus,
    /// Why it failed, if it did.
    pub failure: Option<OrderFailure>,
    /// The decision that counts, if one was recorded.
    pub decision: Option<Decision>,
    /// Who works on it.
    pub owner: Option<Owner>,
    /// The steps that were tried, in their order.
    pub steps: Vec<StepRecord>,
}

/// What `openOrder` was given.
#[derive(Clone, Copy, Debug)]
pub enum Opening<'a> {
    /// Read the order with this id.
    Id(&'a str),
    /// Write this order unless it is there.
    Order(&'a Order),
}

/// Whether a step is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// Do it; it is marked as started.
    Do(Box<Order>),
    /// It is done already.
    Done,
}

/// Whether a step is to be undone now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// Undo it at the provider; it is marked as being undone.
    Do,
    /// It is undone already, or the provider refused it.
    Done,
    /// The order is completed, so the step stays done.
    Kept,
}

/// What became of a decision or a closing that was to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded<T> {
    /// It is recorded now.
    Now,
    /// The same was recorded before.
    Before,
    /// Another one was recorded first and stays.
    Other(T),
}

/// A line of the audit that changes no state.
#[derive(Clone, Debug)]
pub struct Note {
    /// What it is about.
    pub kind: &'static str,
    /// Details, an object.
    pub detail: Value,
    /// The same note under the same key is written once.
    pub dedup: String,
}

/// The stock of one SKU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    /// Stock keeping unit.
    pub sku: String,
    /// Pieces free to promise.
    pub on_hand: i64,
    /// Pieces promised to orders that are not shipped.
    pub reserved: i64,
    /// Pieces that left.
    pub shipped: i64,
}

/// One row of the audit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// Position in the order's audit, from 1, without gaps.
    pub seq: i64,
    /// What happened.
    pub kind: String,
    /// Details, an object.
    pub detail: Value,
    /// When, ISO-8601 UTC.
    pub at: String,
}

/// One order as the export shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The order's id.
    pub order_id: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// The workflow that works on it or did.
    pub workflow_id: Option<String>,
    /// Who buys.
    pub customer_id: String,
    /// ISO 4217 code.
    pub currency: String,
    /// The total in minor units.
    pub total_minor: i64,
    /// The steps that were tried.
    pub steps: Vec<StepRecord>,
    /// The audit, in order.
    pub events: Vec<Event>,
    /// Why it failed, if it did.
    pub failure: Option<OrderFailure>,
}
