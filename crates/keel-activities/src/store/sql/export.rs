//! Reading orders and stock as a whole.

use std::collections::HashMap;

use keel_types::state::SagaStep;

use super::head::{Head, select_head};
use crate::store::engine::{OpError, Tx, args};
use crate::store::record::{Event, Exported, StepRecord, StepState, Stock};

pub(super) async fn orders_after(tx: &mut dyn Tx, after: &str, limit: u32) -> Result<Vec<Exported>, OpError> {
    let sql = select_head!("WHERE order_id > $1 ORDER BY order_id LIMIT $2");
    let mut orders = Vec::new();
    for row in tx.rows(sql, args![after, i64::from(limit)]).await? {
        let head = Head::read(&row)?;
        orders.push(Exported {
            order_id: head.order_id,
            status: head.status,
            workflow_id: head.owner.map(|owner| owner.workflow_id),
            customer_id: head.customer_id,
            currency: head.currency,
            total_minor: head.total_minor,
            steps: Vec::new(),
            events: Vec::new(),
            failure: head.failure,
        });
    }
    let Some(last) = orders.last().map(|order| order.order_id.clone()) else {
        return Ok(orders);
    };
    let at: HashMap<String, usize> =
        orders.iter().enumerate().map(|(index, order)| (order.order_id.clone(), index)).collect();
    let sql = "SELECT order_id, step, state, reference, note FROM order_steps \
         WHERE order_id > $1 AND order_id <= $2 ORDER BY order_id, step";
    for row in tx.rows(sql, args![after, &last]).await? {
        if let Some(index) = at.get(&row.text(0)?) {
            orders[*index].steps.push(StepRecord {
                step: row.name(1, SagaStep::parse)?,
                state: row.name(2, StepState::parse)?,
                reference: row.optional_text(3)?,
                note: row.optional_text(4)?,
            });
        }
    }
    let sql = "SELECT order_id, seq, kind, detail, at FROM order_events \
         WHERE order_id > $1 AND order_id <= $2 ORDER BY order_id, seq";
    for row in tx.rows(sql, args![after, &last]).await? {
        if let Some(index) = at.get(&row.text(0)?) {
            orders[*index].events.push(Event {
                seq: row.int(1)?,
                kind: row.text(2)?,
                detail: row.name(3, |text| serde_json::from_str(text).ok())?,
                at: row.text(4)?,
            });
        }
    }
    Ok(orders)
}

pub(super) async fn stock(tx: &mut dyn Tx) -> Result<Vec<Stock>, OpError> {
    let rows = tx.rows("SELECT sku, on_hand, reserved, shipped FROM inventory ORDER BY sku", args![]).await?;
    let stock = |row: &crate::store::engine::Row| {
        Ok(Stock { sku: row.text(0)?, on_hand: row.int(1)?, reserved: row.int(2)?, shipped: row.int(3)? })
    };
    rows.iter().map(stock).collect()
}
