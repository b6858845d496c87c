//! The rules of both providers, without HTTP, files or clocks.
//!
//! [`Ledger::decide`] only looks; [`Ledger::apply`] only records. Between the two the caller makes the
//! decision durable, so a crash leaves either nothing or the whole effect.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::protocol::{Operation, Request};

/// Most idempotency keys held; a sandbox with more refuses new ones rather than forget old ones.
pub const MAX_KEYS: usize = 4_000_000;

/// What became of a charge or a booking, by its idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Forward {
    Done,
    Refused,
    Undone,
    /// Undone before it came; it will never be done.
    Tombstone,
}

/// The first answer to a key.
#[derive(Debug)]
struct Answered {
    operation: Operation,
    request: Box<str>,
    status: u16,
    answer: Box<RawValue>,
}

/// What a request gets, and whether it changes something.
#[derive(Clone, Debug)]
pub struct Decision {
    /// HTTP status.
    pub status: u16,
    /// JSON answer.
    pub answer: Box<RawValue>,
    /// Whether this is the first answer to the key, which must be recorded before it is given.
    pub first: bool,
    /// Whether the same answer was given before.
    pub replay: bool,
    /// Whether it changes something in the world: a capture, refund, booking or cancellation.
    pub effect: bool,
}

/// How many effects one order had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Effects {
    /// Charges captured.
    pub captured: u64,
    /// Charges refunded.
    pub refunded: u64,
    /// Shipments booked.
    pub booked: u64,
    /// Shipments cancelled.
    pub cancelled: u64,
}

/// Everything the providers remember.
#[derive(Debug, Default)]
pub struct Ledger {
    answered: HashMap<String, Answered>,
    forward: HashMap<String, Forward>,
    effects: BTreeMap<String, Effects>,
}

impl Ledger {
    /// What `request` under `key` gets. `id` is used for a new charge, refund, shipment or cancellation.
    #[must_use]
    pub fn decide(&self, operation: Operation, key: &str, request: &Request, id: u64) -> Decision {
        if let Some(first) = self.answered.get(key) {
            return replay(first, operation, request);
        }
        if self.answered.len() >= MAX_KEYS {
            return unrecorded(
                503,
                &json!({"error": "full", "message": "the sandbox holds no more keys: restart it"}),
            );
        }
        let (status, answer, effect) = match request {
            Request::Charge(body) => match self.forward.get(key) {
                Some(Forward::Tombstone) => (409, voided(), false),
                _ if body.customer_id.starts_with("DECLINE") => (402, declined(&body.customer_id), false),
                _ => (200, json!({"chargeId": format!("CH-{id}"), "status": "captured"}), true),
            },
            Request::Shipment(body) => match self.forward.get(key) {
                Some(Forward::Tombstone) => (409, voided(), false),
                _ if body.customer_id.starts_with("NOSHIP") => (422, refused(&body.customer_id), false),
                _ => (200, json!({"shipmentId": format!("SH-{id}"), "status": "booked"}), true),
            },
            Request::Refund(body) => {
                let effect = self.forward.get(&body.charge_key) == Some(&Forward::Done);
                let status = if effect { "refunded" } else { "nothing_to_refund" };
                (200, json!({"refundId": format!("RF-{id}"), "status": status}), effect)
            }
            Request::Cancellation(body) => {
                let effect = self.forward.get(&body.shipment_key) == Some(&Forward::Done);
                let status = if effect { "cancelled" } else { "nothing_to_cancel" };
                (200, json!({"cancellationId": format!("CA-{id}"), "status": status}), effect)
            }
        };
        Decision { status, answer: raw(&answer), first: true, replay: false, effect }
    }

    /// Records the first answer to a key and what it changes.
    pub fn apply(
        &mut self,
        operation: Operation,
        key: &str,
        request: &Request,
        status: u16,
        effect: bool,
        answer: Box<RawValue>,
    ) {
        match request {
            Request::Charge(_) | Request::Shipment(_) => {
                let forward = if effect { Forward::Done } else { Forward::Refused };
                self.forward.entry(key.to_owned()).or_insert(forward);
            }
            Request::Refund(body) => self.undo(&body.charge_key, effect),
            Request::Cancellation(body) => self.undo(&body.shipment_key, effect),
        }
        if effect {
            let effects = self.effects.entry(request.order_id().to_owned()).or_default();
            match operation {
                Operation::Charges => effects.captured += 1,
                Operation::Refunds => effects.refunded += 1,
                Operation::Shipments => effects.booked += 1,
                Operation::Cancellations => effects.cancelled += 1,
            }
        }
        let answered = Answered { operation, request: canonical(request).into(), status, answer };
        self.answered.insert(key.to_owned(), answered);
    }

    /// The effects of every order that had one.
    #[must_use]
    pub const fn effects(&self) -> &BTreeMap<String, Effects> {
        &self.effects
    }

    fn undo(&mut self, key: &str, effect: bool) {
        let forward = self.forward.entry(key.to_owned()).or_insert(Forward::Tombstone);
        if effect {
            *forward = Forward::Undone;
        }
    }
}

fn replay(first: &Answered, operation: Operation, request: &Request) -> Decision {
    if first.operation == operation && *first.request == canonical(request) {
        let answer = first.answer.clone();
        return Decision { status: first.status, answer, first: false, replay: true, effect: false };
    }
    unrecorded(
        409,
        &json!({"error": "key_reused", "message": "this Idempotency-Key was used for another request: use a new key"}),
    )
}

/// An answer that leaves the key as it is.
fn unrecorded(status: u16, answer: &Value) -> Decision {
    Decision { status, answer: raw(answer), first: false, replay: false, effect: false }
}

fn declined(customer: &str) -> Value {
    json!({"error": "declined", "message": format!("the card of {customer} was declined")})
}

fn refused(customer: &str) -> Value {
    json!({"error": "refused", "message": format!("no courier delivers to {customer}")})
}

fn voided() -> Value {
    json!({"error": "voided", "message": "it was undone before it came"})
}

/// The request as it was understood, for comparison with a later one under the same key.
#[must_use]
pub fn canonical(request: &Request) -> String {
    serde_json::to_string(request).expect("strings and numbers always serialise")
}

pub(crate) fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("a JSON value always serialises")
}
