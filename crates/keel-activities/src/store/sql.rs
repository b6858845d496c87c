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
use super::watch::watched;

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
    /// Which database it is, as traces name it.
    system: &'static str,
    limit: Duration,
}

/// What a transaction is for.
struct Operation {
    /// The operation of [`Store`], for metrics and traces.
    name: &'static str,
    /// What failed, for messages.
    doing: &'static str,
}

impl SqlStore {
    pub(super) async fn connect(options: &StoreOptions) -> Result<Self, ConnectError> {
        let (backend, system): (Box<dyn Backend>, _) =
            match options.url.dialect().map_err(ConnectError::Url)? {
                Dialect::Sqlite => (Box::new(SqliteBackend::connect(options).await?), "sqlite"),
                Dialect::Postgres => (Box::new(PostgresBackend::connect(options).await?), "postgresql"),
            };
        let limit = options.acquire_timeout + options.statement_timeout;
        Ok(Self { backend, name: options.url.to_string(), system, limit })
    }

    /// Runs `work` within the time limit, watched, and names operation and store when it fails.
    async fn bounded<T>(
        &self,
        Operation { name, doing: operation }: Operation,
        work: impl Future<Output = Result<T, OpError>> + Send,
    ) -> StoreResult<T> {
        let store = || self.name.clone();
        match watched(self.system, name, tokio::time::timeout(self.limit, work)).await {
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
    ($store:ident, $name:ident: $doing:literal, |$tx:ident| $body:expr) => {{
        let work = async {
            let mut transaction = $store.backend.write().await?;
            let value = {
                let $tx = &mut *transaction;
                $body.await?
            };
            transaction.commit().await?;
            Ok(value)
        };
        $store.bounded(Operation { name: stringify!($name), doing: $doing }, work).await
    }};
}

/// Runs the body in a transaction that only reads.
macro_rules! read {
    ($store:ident, $name:ident: $doing:literal, |$tx:ident| $body:expr) => {{
        let work = async {
            let mut transaction = $store.backend.read().await?;
            let $tx = &mut *transaction;
            $body.await
        };
        $store.bounded(Operation { name: stringify!($name), doing: $doing }, work).await
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
        write!(self, open: "opening an order", |tx| open::open(tx, opening, owner, take_from))
    }

    async fn record_decision(
        &self,
        order_id: &str,
        decision: &Decision,
        owner: Option<&Owner>,
    ) -> StoreResult<Recorded<Decision>> {
        write!(self, record_decision: "recording a decision", |tx| closing::record_decision(tx, order_id, decision, owner))
    }

    async fn note(&self, order_id: &str, notes: &[Note], owner: Option<&Owner>) -> StoreResult<()> {
        write!(self, note: "writing a note", |tx| audit::note(tx, order_id, notes, owner))
    }

    async fn begin_step(&self, order_id: &str, step: SagaStep, owner: Option<&Owner>) -> StoreResult<Begin> {
        write!(self, begin_step: "starting a step", |tx| step::begin(tx, order_id, step, owner))
    }

    async fn finish_step(&self, order_id: &str, step: SagaStep, reference: &str) -> StoreResult<()> {
        write!(self, finish_step: "finishing a step", |tx| step::finish(tx, order_id, step, reference))
    }

    async fn refuse_step(&self, order_id: &str, step: SagaStep, note: &str) -> StoreResult<()> {
        write!(self, refuse_step: "refusing a step", |tx| step::refuse(tx, order_id, step, note))
    }

    async fn begin_undo(&self, order_id: &str, step: SagaStep, owner: Option<&Owner>) -> StoreResult<Undo> {
        write!(self, begin_undo: "starting to undo a step", |tx| step::begin_undo(tx, order_id, step, owner))
    }

    async fn finish_undo(&self, order_id: &str, step: SagaStep, reference: &str) -> StoreResult<()> {
        write!(self, finish_undo: "finishing to undo a step", |tx| step::finish_undo(tx, order_id, step, reference))
    }

    async fn reserve(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<()> {
        // The refusal is committed, so that a second try is told the same.
        match write!(self, reserve: "reserving stock", |tx| stock::reserve(tx, order_id, owner))? {
            Some(refusal) => Err(refusal.into()),
            None => Ok(()),
        }
    }

    async fn release(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<Undo> {
        write!(self, release: "releasing stock", |tx| stock::release(tx, order_id, owner))
    }

    async fn complete(&self, order_id: &str, owner: Option<&Owner>) -> StoreResult<()> {
        write!(self, complete: "completing an order", |tx| stock::complete(tx, order_id, owner))
    }

    async fn close_order(
        &self,
        order_id: &str,
        outcome: &Outcome,
        owner: Option<&Owner>,
    ) -> StoreResult<Recorded<Outcome>> {
        write!(self, close_order: "closing an order", |tx| closing::close(tx, order_id, outcome, owner))
    }

    async fn add_stock(&self, stock: &[(&str, i64)]) -> StoreResult<u64> {
        write!(self, add_stock: "adding stock", |tx| place::add_stock(tx, stock))
    }

    async fn place(&self, order: &Order) -> StoreResult<bool> {
        write!(self, place: "placing an order", |tx| place::place(tx, order, None))
    }

    async fn orders_after(&self, after: &str, limit: u32) -> StoreResult<Vec<Exported>> {
        read!(self, orders_after: "reading orders", |tx| export::orders_after(tx, after, limit))
    }

    async fn stock(&self) -> StoreResult<Vec<Stock>> {
        read!(self, stock: "reading the stock", |tx| export::stock(tx))
    }

    async fn ping(&self) -> StoreResult<()> {
        read!(self, ping: "asking for a sign of life", |tx| async {
            tx.rows("SELECT 1", args![]).await?;
            Ok(())
        })
    }

    async fn close(&self) {
        self.backend.close().await;
    }
}
