//! The one implementation of [`Store`] over both databases: each operation is one bounded transaction.

use std::time::Duration;

use async_trait::async_trait;
use keel_types::activity::Outcome;
use keel_types::decision::Decision;
use keel_types::order::Order;
use keel_types::state::SagaStep;

use super::Store;
use super::engine::{Backend, OpError, args};
use super::error::{ConnectError, StoreError, StoreResult};
use super::options::{Dialect, StoreOptions};
use super::postgres::PostgresBackend;
use super::record::{Begin, Exported, Note, Opening, OrderRecord, Owner, Recorded, Stock, Undo};
use super::sqlite::SqliteBackend;

mod audit;
mod closing;
mod export;
mod head;
mod open;
mod place;
mod step;
mod stock;

/// The store over a database.
#[derive(Debug)]
pub(super) struct SqlStore {
    backend: Box<dyn Backend>,
    /// The URL without secrets, for messages.
    name: String,
    limit: Duration,
}

impl SqlStore {
    pub(super) async fn connect(options: &StoreOptions) -> Result<Self, ConnectError> {
        let backend: Box<dyn Backend> = match options.url.dialect().map_err(ConnectError::Url)? {
            Dialect::Sqlite => Box::new(SqliteBackend::connect(options).await?),
            Dialect::Postgres => Box::new(PostgresBackend::connect(options).await?),
        };
        let limit = options.acquire_timeout + options.statement_timeout;
        Ok(Self { backend, name: options.url.to_string(), limit })
    }

    /// Runs `work` within the time limit and names operation and store when it fails.
    async fn bounded<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, OpError>> + Send,
    ) -> StoreResult<T> {
        let store = || self.name.clone();
        match tokio::time::timeout(self.limit, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(OpError::Refused(refusal))) => Err(refusal.into()),
            Ok(Err(OpError::Database(source))) => {
                Err(StoreError::Unavailable { operation, store: store(), source: Box::new(source) })
            }
            Ok(Err(OpError::Damaged(what))) => Err(StoreError::Damaged { operation, store: store(), what }),
            Err(_) => Err(StoreError::TimedOut { operation, store: store() }),
        }
    }
}

/// Runs the body in a transaction that writes; it is committed if the body succeeds.
macro_rules! write {
    ($store:ident, $operation:literal, |$tx:ident| $body:expr) => {{
        let work = async {
            let mut transaction = $store.backend.write().await?;
            let value = {
                let $tx = &mut *transaction;
                $body.await?
            };
            transaction.commit().await?;
            Ok(value)
        };
        $store.bounded($operation, work).await
    }};
}

/// Runs the body in a transaction that only reads.
macro_rules! read {
    ($store:ident, $operation:literal, |$tx:ident| $body:expr) => {{
        let work = async {
            let mut transaction = $store.backend.read().await?;
            let $tx = &mut *transaction;
            $body.await
        };
        $store.bounded($operation, work).await
    }};
}

#[async_trait]
impl Store for SqlStore {
    async fn open(
        &self,
        opening: Opening<'_>,
        owner: Option<&Owner>,
        take_from: Option<&Owner>,
    ) -> StoreResult<OrderRecord> {
        write!(self, "opening an order", |tx| open::open(tx, opening, owner, take_from))
    }

    async fn record_decision(
        &self,
        order_id: &str,
        decision: &Decision,
        owner: Option<&Owner>,
    ) -> StoreResult<Recorded<Decision>> {
        write!(self, "recording a decision", |tx| closing::record_decision(tx, order_id, decision, owner))
    }

    async fn note(&self, order_id: &str, notes: &[Note], owner: Option<&Owner>) -> StoreResult<()> {
        write!(self, "writing a note", |tx| audit::note(tx, order_id, notes, owner))
    }

    async fn begin_step(&self, order_id: &str, step: SagaStep, owner: Option<&Owner>) -> StoreResult<Begin> {
        write!(self, "starting a step", |tx| step::begin(tx, order_id, step, owner))
    }

    async fn finish_step(&self, order_id: &str, step: SagaStep, reference: &str) -> StoreResult<()> {
        write!(self, "finishing a step", |tx| step::finish(tx, order_id, step, reference))
    }

    async fn refuse_step(&self, order_id: &str, step: SagaStep, note: &str) -> StoreResult<()> {
        write!(self, "refusing a step", |tx| step::refuse(tx, order_id, step, note))
    }

    async fn begin_undo(&self, order_id: &str, step: SagaStep, owner: Option<&Owner>) -> StoreResult<Undo> {
        write!(self, "starting to undo a step", |tx| step::begin_undo(tx, order_id, step, owner))
    }

    async fn finish_undo(&self, order_id: &str, step: SagaStep, reference: &str) -> StoreResult<()> {
        write!(self, "finishing to undo a step", |tx| step::finish_undo(tx, order_id, step, reference))
    }

    async fn reserve(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<()> {
        // The refusal is committed, so that a second try is told the same.
        match write!(self, "reserving stock", |tx| stock::reserve(tx, order_id, owner))? {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    async fn release(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<Undo> {
        write!(self, "releasing stock", |tx| stock::release(tx, order_id, owner))
    }

    async fn complete(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<()> {
        write!(self, "completing an order", |tx| stock::complete(tx, order_id, owner))
    }

    async fn close_order(
        &self,
        order_id: &str,
        outcome: &Outcome,
        owner: Option<&Owner>,
    ) -> StoreResult<Recorded<Outcome>> {
        write!(self, "closing an order", |tx| closing::close(tx, order_id, outcome, owner))
    }

    async fn add_stock(&self, stock: &[(&str, i64)]) -> StoreResult<u64> {
        write!(self, "adding stock", |tx| place::add_stock(tx, stock))
    }

    async fn place(&self, order: &Order) -> StoreResult<bool> {
        write!(self, "placing an order", |tx| place::place(tx, order, None))
    }

    async fn orders_after(&self, after: &str, limit: u32) -> StoreResult<Vec<Exported>> {
        read!(self, "reading orders", |tx| export::orders_after(tx, after, limit))
    }

    async fn stock(&self) -> StoreResult<Vec<Stock>> {
        read!(self, "reading the stock", |tx| export::stock(tx))
    }

    async fn ping(&self) -> StoreResult<()> {
        read!(self, "asking for a sign of life", |tx| async {
            tx.rows("SELECT 1", args![]).await?;
            Ok(())
        })
    }

    async fn close(&self) {
        self.backend.close().await;
    }
}
