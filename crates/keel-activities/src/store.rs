//! The store: the record of every order, its steps, its audit and the stock.
//!
//! Every operation is one transaction and may be called again at any time: the second call finds the first.
//! Three rules keep late, double and lost attempts harmless:
//!
//! - **A step has one way.** `started`, then `done`; undoing goes through `undoing` to `undone`, and from
//!   there nothing
//!   goes back. An undo that comes first leaves `undone` behind, so the late step is refused (a tombstone).
//! - **One run owns an order.** A newer run takes it over; attempts of older runs are refused, unless they
//!   only report
//!   what they did.
//! - **A final order stays as it is.** No step of it can begin any more.
//!
//! Each change appends one row to the audit in the same transaction.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use keel_types::activity::Outcome;
use keel_types::decision::Decision;
use keel_types::order::Order;
use keel_types::state::SagaStep;

mod engine;
mod error;
mod options;
mod postgres;
mod record;
mod sql;
mod sqlite;
mod watch;

pub use error::{ConnectError, Refusal, StoreError, StoreResult, refusal_of};
pub use options::{Dialect, StoreOptions, StoreUrl};
pub use record::{
    Begin, Event, Exported, Note, Opening, OrderRecord, Owner, Recorded, StepRecord, StepState, Stock, Undo,
};

/// Opens the store, creating and migrating it as needed.
///
/// # Errors
/// [`ConnectError`] when the URL is wrong, the database does not answer or cannot be migrated.
pub async fn connect(options: &StoreOptions) -> Result<Arc<dyn Store>, ConnectError> {
    Ok(Arc::new(sql::SqlStore::connect(options).await?))
}

/// The store. Wherever `owner` is absent, the caller is a person or a tool and ownership is not checked.
///
/// # Errors
/// Every operation fails with [`StoreError::Refused`] for an answer that will not change, and with another
/// [`StoreError`] for a fault; after a fault, call it again. An order that is not there is [`Refusal::NotFound`].
#[async_trait]
pub trait Store: Debug + Send + Sync {
    /// Writes or reads an order and makes `owner` its owner, unless it is final. An order of another workflow
    /// is [`Refusal::Held`], unless that is the one named in `take_from`. Unknown SKUs are
    /// [`Refusal::UnknownSkus`] and another content under the same id is [`Refusal::Different`]; then nothing
    /// is written.
    async fn open(
        &self,
        opening: Opening<'_>,
        owner: Option<&Owner>,
        take_from: Option<&Owner>,
    ) -> StoreResult<OrderRecord>;

    /// Records the decision that counts. The first one stays, unless the same run decides otherwise later and has begun
    /// nothing: then the first came from a workflow task that was lost with its worker.
    async fn record_decision(
        &self,
        order_id: &str,
        decision: &Decision,
        owner: Option<&Owner>,
    ) -> StoreResult<Recorded<Decision>>;

    /// Appends notes to the audit, each once.
    async fn note(&self, order_id: &str, notes: &[Note], owner: Option<&Owner>) -> StoreResult<()>;

    /// Marks a step as started, before its effect at a provider.
    async fn begin_step(&self, order_id: &str, step: SagaStep, owner: Option<&Owner>) -> StoreResult<Begin>;

    /// Marks a step as done, after its effect. A step that is being undone stays so and is
    /// [`Refusal::Undone`].
    async fn finish_step(&self, order_id: &str, step: SagaStep, reference: &str) -> StoreResult<()>;

    /// Marks a started step as refused for good, with what people are told.
    async fn refuse_step(&self, order_id: &str, step: SagaStep, note: &str) -> StoreResult<()>;

    /// Marks a step as being undone, before it is undone at the provider.
    async fn begin_undo(&self, order_id: &str, step: SagaStep, owner: Option<&Owner>) -> StoreResult<Undo>;

    /// Marks a step as undone, after it was undone at the provider.
    async fn finish_undo(&self, order_id: &str, step: SagaStep, reference: &str) -> StoreResult<()>;

    /// Step `reserveInventory`: promises the pieces of all lines, or of none ([`Refusal::OutOfStock`]).
    async fn reserve(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<()>;

    /// Undoes [`Store::reserve`].
    async fn release(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<Undo>;

    /// Step `processApprovedOrder`: the promised pieces leave and the order is completed. The other steps
    /// must be done ([`Refusal::NotReady`]).
    async fn complete(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<()>;

    /// Makes the order final; the first outcome stays.
    async fn close_order(
        &self,
        order_id: &str,
        outcome: &Outcome,
        owner: Option<&Owner>,
    ) -> StoreResult<Recorded<Outcome>>;

    /// Adds SKUs with so many pieces on hand; those that are there stay as they are. Tells how many were
    /// added.
    async fn add_stock(&self, stock: &[(&str, i64)]) -> StoreResult<u64>;

    /// Adds a pending order unless its id is there. Tells whether it was added.
    async fn place(&self, order: &Order) -> StoreResult<bool>;

    /// At most `limit` orders whose ids come after `after`, sorted by id, seen at one moment.
    async fn orders_after(&self, after: &str, limit: u32) -> StoreResult<Vec<Exported>>;

    /// The whole stock, sorted by SKU.
    async fn stock(&self) -> StoreResult<Vec<Stock>>;

    /// Whether the database answers.
    async fn ping(&self) -> StoreResult<()>;

    /// Closes all connections; later operations fail.
    async fn close(&self);
}
