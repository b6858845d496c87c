//! Opening an order for a run.

use keel_types::order::Order;

use super::head::{claim, lock};
use super::place::place;
use super::step;
use crate::store::engine::{OpError, Tx};
use crate::store::error::Refusal;
use crate::store::record::{Opening, OrderRecord, Owner};

pub(super) async fn open(
    tx: &mut dyn Tx,
    opening: Opening<'_>,
    owner: Option<&Owner>,
    take_from: Option<&Owner>,
) -> Result<OrderRecord, OpError> {
    let order_id = match opening {
        Opening::Id(id) => id,
        Opening::Order(order) => {
            place(tx, order, owner).await?;
            &order.order_id
        }
    };
    let head = lock(tx, order_id).await?;
    let order = head.order(tx).await?;
    if let Opening::Order(given) = opening
        && order != storable(given)
    {
        return Err(Refusal::Different { order_id: order_id.to_owned() }.into());
    }
    if !head.status.is_final() {
        claim(tx, &head, owner, take_from).await?;
    }
    let owner = if head.status.is_final() { head.owner } else { owner.cloned().or(head.owner) };
    Ok(OrderRecord {
        order,
        status: head.status,
        failure: head.failure,
        decision: head.decision,
        owner,
        steps: step::all(tx, order_id).await?,
    })
}

/// The order as it reads after it was stored: free text loses its NULs.
fn storable(order: &Order) -> Order {
    let requested_by = order.requested_by.as_ref().map(|text| text.replace('\0', "\u{fffd}"));
    Order { requested_by, ..order.clone() }
}
