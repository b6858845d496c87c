//! The whole store as NDJSON: one line per order, and a last line with the stock.

use std::io::Write;

use keel_types::state::{OrderFailure, OrderStatus, SagaStep};
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::store::{Event, Exported, Store, StoreError};

/// Orders read at once.
const PAGE: u32 = 200;

/// Why the export broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The output cannot be written.
    #[error("cannot write the export")]
    Write(#[source] std::io::Error),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    order_id: &'a str,
    status: OrderStatus,
    workflow_id: Option<&'a str>,
    customer_id: &'a str,
    currency: &'a str,
    total_minor: i64,
    /// Every step: `none`, `started`, `done`, `undoing` or `undone`.
    steps: Map<String, Value>,
    events: &'a [Event],
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a OrderFailure>,
}

/// Writes every order, sorted by id, then the stock. Memory does not grow with the number of orders.
///
/// # Errors
/// [`ExportError`]; what was written until then is whole lines.
pub async fn export(store: &dyn Store, out: &mut (dyn Write + Send)) -> Result<(), ExportError> {
    let mut after = String::new();
    loop {
        let orders = store.orders_after(&after, PAGE).await?;
        let Some(last) = orders.last() else {
            break;
        };
        after.clone_from(&last.order_id);
        for order in &orders {
            write_line(out, &line(order))?;
        }
    }
    write_line(out, &json!({"inventory": store.stock().await?}))?;
    out.flush().map_err(ExportError::Write)
}

fn line(order: &Exported) -> Line<'_> {
    let state = |step: SagaStep| {
        let record = order.steps.iter().find(|record| record.step == step);
        Value::from(record.map_or("none", |record| record.state.as_str()))
    };
    Line {
        order_id: &order.order_id,
        status: order.status,
        workflow_id: order.workflow_id.as_deref(),
        customer_id: &order.customer_id,
        currency: &order.currency,
        total_minor: order.total_minor,
        steps: SagaStep::ALL.into_iter().map(|step| (step.as_str().to_owned(), state(step))).collect(),
        events: &order.events,
        failure: order.failure.as_ref(),
    }
}

fn write_line(out: &mut (dyn Write + Send), line: &impl Serialize) -> Result<(), ExportError> {
    let mut text = serde_json::to_vec(line).map_err(|error| ExportError::Write(error.into()))?;
    text.push(b'\n');
    out.write_all(&text).map_err(ExportError::Write)
}
