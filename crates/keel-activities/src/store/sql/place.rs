//! Writing new orders and new stock.

use std::collections::BTreeSet;

use keel_types::order::Order;
use serde_json::json;
use sqlx::AssertSqlSafe;

use super::audit::append;
use super::head::{add_run, now};
use crate::store::engine::{Arg, OpError, Tx, args};
use crate::store::error::Refusal;
use crate::store::record::Owner;

/// Rows of one statement: few round trips, and far from the limit of either database on bound values.
const ROWS: usize = 200;

/// Writes a pending order unless its id is there; tells whether it did.
pub(super) async fn place(tx: &mut dyn Tx, order: &Order, owner: Option<&Owner>) -> Result<bool, OpError> {
    let at = now();
    let sql = "INSERT INTO orders (order_id, customer_id, currency, total_minor, requested_by, status, \
         workflow_id, run_id, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, 'pending', $6, $7, $8, $8) \
         ON CONFLICT (order_id) DO NOTHING";
    let values = args![
        &order.order_id,
        &order.customer_id,
        &order.currency,
        order.total_minor(),
        order.requested_by.as_deref(),
        owner.map(|owner| owner.workflow_id.as_str()),
        owner.map(|owner| owner.run_id.as_str()),
        &at,
    ];
    if tx.execute(sql, values).await? == 0 {
        return Ok(false);
    }
    refuse_unknown_skus(tx, order).await?;
    let lines: Vec<_> = order
        .lines
        .iter()
        .zip(1_i64..)
        .map(|(line, number)| {
            let quantity = i64::from(line.quantity).into();
            [
                Arg::from(&order.order_id),
                number.into(),
                (&line.sku).into(),
                quantity,
                line.unit_price_minor.into(),
            ]
        })
        .collect();
    insert(
        tx,
        "INSERT INTO order_lines (order_id, line_no, sku, quantity, unit_price_minor) VALUES ",
        &lines,
    )
    .await?;
    let mut detail =
        json!({"totalMinor": order.total_minor(), "currency": order.currency, "lines": order.lines.len()});
    if let Some(requested_by) = &order.requested_by {
        detail["requestedBy"] = json!(requested_by);
    }
    if let Some(owner) = owner {
        add_run(tx, &order.order_id, owner, &at).await?;
        detail["workflowId"] = json!(owner.workflow_id);
        detail["runId"] = json!(owner.run_id);
    }
    append(tx, &order.order_id, "placed", &detail, None).await?;
    Ok(true)
}

/// Adds SKUs; those that are there stay as they are.
pub(super) async fn add_stock(tx: &mut dyn Tx, stock: &[(&str, i64)]) -> Result<u64, OpError> {
    let mut added = 0;
    for (sku, on_hand) in stock {
        let sql = "INSERT INTO inventory (sku, on_hand) VALUES ($1, $2) ON CONFLICT (sku) DO NOTHING";
        added += tx.execute(sql, args![*sku, *on_hand]).await?;
    }
    Ok(added)
}

/// Inserts rows of equal width with few statements. `prefix` ends in `VALUES `.
pub(super) async fn insert<const WIDTH: usize>(
    tx: &mut dyn Tx,
    prefix: &'static str,
    rows: &[[Arg<'_>; WIDTH]],
) -> Result<(), OpError> {
    for chunk in rows.chunks(ROWS) {
        let tuple = |row: usize| {
            let names: Vec<_> = (1..=WIDTH).map(|column| format!("${}", row * WIDTH + column)).collect();
            format!("({})", names.join(", "))
        };
        let tuples: Vec<_> = (0..chunk.len()).map(tuple).collect();
        // Only numbered placeholders are put together here, never a value.
        let sql = AssertSqlSafe(format!("{prefix}{}", tuples.join(", ")));
        tx.execute(sql, chunk.as_flattened()).await?;
    }
    Ok(())
}

async fn refuse_unknown_skus(tx: &mut dyn Tx, order: &Order) -> Result<(), OpError> {
    let mut unknown: BTreeSet<&str> = order.lines.iter().map(|line| line.sku.as_str()).collect();
    let wanted: Vec<_> = unknown.iter().copied().collect();
    for chunk in wanted.chunks(ROWS) {
        let names: Vec<_> = (1..=chunk.len()).map(|number| format!("${number}")).collect();
        // Only numbered placeholders are put together here, never a value.
        let sql = AssertSqlSafe(format!("SELECT sku FROM inventory WHERE sku IN ({})", names.join(", ")));
        let values: Vec<_> = chunk.iter().map(|sku| Arg::from(*sku)).collect();
        for row in tx.rows(sql, &values).await? {
            unknown.remove(row.text(0)?.as_str());
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let skus = unknown.into_iter().map(str::to_owned).collect();
    Err(Refusal::UnknownSkus { order_id: order.order_id.clone(), skus }.into())
}
