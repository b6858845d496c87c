//! The stock: pieces move from on hand to reserved, and from there to shipped or back.

use std::collections::BTreeMap;

use keel_types::state::{OrderStatus, SagaStep};
use serde_json::json;

use super::audit::append;
use super::head::{lock, set_status};
use super::place::insert;
use super::step::{self, Marks, compensating, find, may_begin, may_undo};
use crate::count::Change;
use crate::store::engine::{Arg, OpError, Tx, args};
use crate::store::error::Refusal;
use crate::store::record::{Owner, StepState, Undo};

const STEP: SagaStep = SagaStep::ReserveInventory;

/// Most SKUs named in a refusal.
const MOST_NAMED: usize = 10;

/// Reserves every line or none. A refusal is returned as a value, because it is recorded and must be
/// committed.
pub(super) async fn reserve(
    tx: &mut dyn Tx,
    order_id: &str,
    owner: Option<&Owner>,
) -> Result<Option<Refusal>, OpError> {
    let head = lock(tx, order_id).await?;
    let steps = step::all(tx, order_id).await?;
    if !may_begin(tx, &head, STEP, &steps, owner).await? {
        return Ok(None);
    }
    // Sorted by SKU, so that two orders never wait for each other.
    let mut wanted = BTreeMap::<String, i64>::new();
    for line in head.order(tx).await?.lines {
        *wanted.entry(line.sku).or_default() += i64::from(line.quantity);
    }
    tx.execute("SAVEPOINT reserve_all", args![]).await?;
    let rows: Vec<_> = wanted
        .iter()
        .map(|(sku, quantity)| [Arg::from(order_id), sku.into(), (*quantity).into(), "held".into()])
        .collect();
    insert(tx, "INSERT INTO reservations (order_id, sku, quantity, state) VALUES ", &rows).await?;
    step::set(tx, order_id, STEP, StepState::Done, &Marks::default()).await?;
    append(tx, order_id, "stepDone", &json!({"step": STEP, "skus": wanted.len()}), None).await?;
    // The stock comes last: other orders wait for its rows until we commit.
    let mut short = Vec::new();
    for (sku, quantity) in &wanted {
        let sql = "UPDATE inventory SET on_hand = on_hand - $2, reserved = reserved + $2 \
             WHERE sku = $1 AND on_hand >= $2";
        if tx.execute(sql, args![sku, *quantity]).await? == 0 {
            short.push(shortage(tx, sku, *quantity).await?);
        }
    }
    if short.is_empty() {
        tx.changes().push(Change::Done(STEP));
        return Ok(None);
    }
    tx.execute("ROLLBACK TO SAVEPOINT reserve_all", args![]).await?;
    refuse(tx, order_id, &short).await.map(Some)
}

async fn shortage(tx: &mut dyn Tx, sku: &str, wanted: i64) -> Result<String, OpError> {
    let rows = tx.rows("SELECT on_hand FROM inventory WHERE sku = $1", args![sku]).await?;
    let on_hand = rows.first().map_or(Ok(0), |row| row.int(0))?;
    Ok(format!("{sku} (wanted {wanted}, on hand {on_hand})"))
}

async fn refuse(tx: &mut dyn Tx, order_id: &str, short: &[String]) -> Result<Refusal, OpError> {
    let more = match short.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let named = short.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let message = format!("the stock does not cover order {order_id}: {named}{more}");
    let marks = Marks { note: Some(&message), ..Marks::default() };
    step::set(tx, order_id, STEP, StepState::Undone, &marks).await?;
    append(tx, order_id, "stepRefused", &json!({"step": STEP, "message": message}), None).await?;
    Ok(Refusal::OutOfStock(message))
}

/// Gives the pieces of the order back, or forbids to reserve them.
pub(super) async fn release(tx: &mut dyn Tx, order_id: &str, owner: Option<&Owner>) -> Result<Undo, OpError> {
    let head = lock(tx, order_id).await?;
    let steps = step::all(tx, order_id).await?;
    if let Some(settled) = may_undo(tx, &head, STEP, &steps, owner).await? {
        return Ok(settled);
    }
    step::set(tx, order_id, STEP, StepState::Undone, &Marks::default()).await?;
    tx.changes().push(Change::Undone(STEP));
    let detail = compensating(tx, &head, json!({"step": STEP})).await?;
    append(tx, order_id, "stepUndone", &detail, None).await?;
    let sql = "UPDATE inventory SET on_hand = on_hand + $2, reserved = reserved - $2 WHERE sku = $1";
    move_held(tx, order_id, sql, "released").await?;
    Ok(Undo::Done)
}

/// Ships the pieces and completes the order.
pub(super) async fn complete(tx: &mut dyn Tx, order_id: &str, owner: Option<&Owner>) -> Result<(), OpError> {
    let head = lock(tx, order_id).await?;
    let steps = step::all(tx, order_id).await?;
    let last = SagaStep::ProcessApprovedOrder;
    if !may_begin(tx, &head, last, &steps, owner).await? {
        return Ok(());
    }
    for needed in [SagaStep::ReserveInventory, SagaStep::ChargePayment, SagaStep::BookShipment] {
        let state = find(&steps, needed).map(|step| step.state);
        if state != Some(StepState::Done) {
            return Err(Refusal::NotReady { order_id: head.order_id, step: needed, state }.into());
        }
    }
    step::set(tx, order_id, last, StepState::Done, &Marks::default()).await?;
    set_status(tx, order_id, OrderStatus::Completed).await?;
    tx.changes().extend([Change::Done(last), Change::Ended(OrderStatus::Completed)]);
    let detail = json!({"step": last, "status": OrderStatus::Completed});
    append(tx, order_id, "completed", &detail, None).await?;
    let sql = "UPDATE inventory SET reserved = reserved - $2, shipped = shipped + $2 WHERE sku = $1";
    move_held(tx, order_id, sql, "shipped").await
}

/// Moves all held pieces of an order with `sql` and marks them. Call it last: other orders wait for the
/// stock's rows.
async fn move_held(
    tx: &mut dyn Tx,
    order_id: &str,
    sql: &'static str,
    state: &'static str,
) -> Result<(), OpError> {
    let held = "SELECT sku, quantity FROM reservations WHERE order_id = $1 AND state = 'held' ORDER BY sku";
    let rows = tx.rows(held, args![order_id]).await?;
    let mark = "UPDATE reservations SET state = $2 WHERE order_id = $1 AND state = 'held'";
    tx.execute(mark, args![order_id, state]).await?;
    for row in &rows {
        tx.execute(sql, args![&row.text(0)?, row.int(1)?]).await?;
    }
    Ok(())
}
