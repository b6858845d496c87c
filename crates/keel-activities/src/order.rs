//! The order activities: what the order workflow does in the world.
//!
//! Each is idempotent under `<order id>:<activity>`, so Temporal may run it again after any crash. Refusals
//! are final and carry their failure type; faults are retried. None of them heartbeats: each is short,
//! bounded by the timeouts of the store and the providers.

use std::sync::Arc;

use keel_types::decision::ApprovalRule;

use crate::provider::{CourierClient, PaymentClient};
use crate::store::Store;

mod contract;
mod export;
mod failing;
mod open;
mod record;
mod seed;
mod steps;

pub use export::{ExportError, export};
pub use seed::{DEMO_ORDER_ID, Seeded, seed};

/// The order activities with what they work on. Register it with a worker.
#[derive(Debug)]
pub struct OrderActivities {
    store: Arc<dyn Store>,
    payments: PaymentClient,
    courier: CourierClient,
    rule: ApprovalRule,
}

impl OrderActivities {
    /// Activities over this store and these providers; `rule` is given to every order that is opened.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        payments: PaymentClient,
        courier: CourierClient,
        rule: ApprovalRule,
    ) -> Self {
        Self { store, payments, courier, rule }
    }
}
