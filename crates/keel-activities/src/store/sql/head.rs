//! The row of an order: reading it under its lock, and checking who may change it.

use jiff::Timestamp;
use keel_types::decision::{Decision, Verdict};
use keel_types::failure::FailureType;
use keel_types::order::{Order, OrderLine};
use keel_types::state::{OrderFailure, OrderStatus};
use serde_json::json;

use super::audit::append;
use crate::store::engine::{OpError, Row, Tx, args};
use crate::store::error::Refusal;
use crate::store::record::Owner;

macro_rules! select_head {
    ($rest:literal) => {
        concat!(
            "SELECT order_id, customer_id, currency, total_minor, requested_by, status, workflow_id, run_id, ",
            "decision_verdict, decision_by, decision_reason, decision_at, failure_type, failure_message FROM orders ",
            $rest
        )
    };
}
pub(super) use select_head;

/// The row of an order.
#[derive(Clone, Debug)]
pub(super) struct Head {
    pub(super) order_id: String,
    pub(super) customer_id: String,
    pub(super) currency: String,
    pub(super) total_minor: i64,
    pub(super) requested_by: Option<String>,
    pub(super) status: OrderStatus,
    pub(super) owner: Option<Owner>,
    pub(super) decision: Option<Decision>,
    pub(super) failure: Option<OrderFailure>,
}

impl Head {
    pub(super) fn read(row: &Row) -> Result<Self, OpError> {
        let owner = match (row.optional_text(6)?, row.optional_text(7)?) {
            (Some(workflow_id), Some(run_id)) => Some(Owner { workflow_id, run_id }),
            _ => None,
        };
        let decision = match row.optional_text(8)? {
            Some(_) => Some(Decision {
                verdict: row.name(8, Verdict::parse)?,
                by: row.optional_text(9)?,
                reason: row.optional_text(10)?,
                at: row.text(11)?,
            }),
            None => None,
        };
        let kind = match row.optional_text(12)? {
            Some(_) => Some(row.name(12, FailureType::parse)?),
            None => None,
        };
        Ok(Self {
            order_id: row.text(0)?,
            customer_id: row.text(1)?,
            currency: row.text(2)?,
            total_minor: row.int(3)?,
            requested_by: row.optional_text(4)?,
            status: row.name(5, OrderStatus::parse)?,
            owner,
            decision,
            failure: row.optional_text(13)?.map(|message| OrderFailure { kind, message }),
        })
    }

    /// The order as it was placed, with its lines.
    pub(super) async fn order(&self, tx: &mut dyn Tx) -> Result<Order, OpError> {
        let sql =
            "SELECT sku, quantity, unit_price_minor FROM order_lines WHERE order_id = $1 ORDER BY line_no";
        let rows = tx.rows(sql, args![&self.order_id]).await?;
        let lines = rows.iter().map(|row| {
            Ok(OrderLine {
                sku: row.text(0)?,
                quantity: quantity(row.int(1)?)?,
                unit_price_minor: row.int(2)?,
            })
        });
        Ok(Order {
            order_id: self.order_id.clone(),
            customer_id: self.customer_id.clone(),
            currency: self.currency.clone(),
            lines: lines.collect::<Result<_, OpError>>()?,
            requested_by: self.requested_by.clone(),
        })
    }
}

fn quantity(stored: i64) -> Result<u32, OpError> {
    u32::try_from(stored).map_err(|_| OpError::Damaged(format!("{stored} is no quantity")))
}

/// Reads the row of an order and keeps every other writer of the order waiting until the transaction ends.
pub(super) async fn lock(tx: &mut dyn Tx, order_id: &str) -> Result<Head, OpError> {
    let sql = if tx.locks_rows() {
        select_head!("WHERE order_id = $1 FOR UPDATE")
    } else {
        select_head!("WHERE order_id = $1")
    };
    match tx.rows(sql, args![order_id]).await?.first() {
        Some(row) => Head::read(row),
        None => Err(Refusal::NotFound { order_id: order_id.to_owned() }.into()),
    }
}

/// Makes sure that `owner` may change the order, taking it over where that is right.
///
/// A run the order has not seen takes over from an older run of the same workflow (a new start, or a reset)
/// and from `take_from`. A run that lost the order never gets it back.
pub(super) async fn claim(
    tx: &mut dyn Tx,
    head: &Head,
    owner: Option<&Owner>,
    take_from: Option<&Owner>,
) -> Result<(), OpError> {
    let Some(owner) = owner else {
        return Ok(());
    };
    if head.owner.as_ref() == Some(owner) {
        return Ok(());
    }
    if let Some(holder) = &head.owner {
        let may_take = holder.workflow_id == owner.workflow_id || take_from == Some(holder);
        if !may_take || was_owner(tx, &head.order_id, owner).await? {
            return Err(Refusal::Held { order_id: head.order_id.clone(), holder: holder.clone() }.into());
        }
    }
    let at = now();
    let sql = "UPDATE orders SET workflow_id = $2, run_id = $3, updated_at = $4 WHERE order_id = $1";
    tx.execute(sql, args![&head.order_id, &owner.workflow_id, &owner.run_id, &at]).await?;
    add_run(tx, &head.order_id, owner, &at).await?;
    let mut detail = json!({"workflowId": owner.workflow_id, "runId": owner.run_id});
    if let Some(holder) = &head.owner {
        detail["from"] = json!({"workflowId": holder.workflow_id, "runId": holder.run_id});
    }
    append(tx, &head.order_id, "owned", &detail, None).await
}

/// Remembers that `owner` owned the order.
pub(super) async fn add_run(tx: &mut dyn Tx, order_id: &str, owner: &Owner, at: &str) -> Result<(), OpError> {
    let sql = "INSERT INTO order_runs (order_id, run_id, workflow_id, at) VALUES ($1, $2, $3, $4)";
    tx.execute(sql, args![order_id, &owner.run_id, &owner.workflow_id, at]).await?;
    Ok(())
}

async fn was_owner(tx: &mut dyn Tx, order_id: &str, owner: &Owner) -> Result<bool, OpError> {
    let sql = "SELECT 1 FROM order_runs WHERE order_id = $1 AND run_id = $2";
    Ok(!tx.rows(sql, args![order_id, &owner.run_id]).await?.is_empty())
}

/// Sets the status of an order.
pub(super) async fn set_status(tx: &mut dyn Tx, order_id: &str, status: OrderStatus) -> Result<(), OpError> {
    let sql = "UPDATE orders SET status = $2, updated_at = $3 WHERE order_id = $1";
    tx.execute(sql, args![order_id, status.as_str(), &now()]).await?;
    Ok(())
}

/// The wall clock, ISO-8601 UTC with microseconds, so that text sorts like time.
pub(super) fn now() -> String {
    format!("{:.6}", Timestamp::now())
}
