//! Demo data: a stock and one order that waits for a decision.

use keel_types::order::{Order, OrderLine};

use crate::store::{Store, StoreResult};

/// The order that is seeded.
pub const DEMO_ORDER_ID: &str = "ORDER-12345";

/// Pieces of each demo SKU.
const ON_HAND: i64 = 100_000;

/// The demo SKUs.
const SKUS: [&str; 8] = [
    "KEEL-ANCHOR",
    "KEEL-COMPASS",
    "KEEL-LANTERN",
    "KEEL-ROPE",
    "KEEL-RUDDER",
    "KEEL-SAIL",
    "KEEL-TILLER",
    "KEEL-WINCH",
];

/// What was not there before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeded {
    /// SKUs added.
    pub skus: u64,
    /// Orders added.
    pub orders: u64,
}

/// Adds the demo stock and the order [`DEMO_ORDER_ID`]. What is there, in whatever state, stays as it is.
///
/// # Errors
/// A fault of the store; call it again.
pub async fn seed(store: &dyn Store) -> StoreResult<Seeded> {
    let skus = store.add_stock(&SKUS.map(|sku| (sku, ON_HAND))).await?;
    let placed = store.place(&demo_order()).await?;
    Ok(Seeded { skus, orders: u64::from(placed) })
}

fn demo_order() -> Order {
    let line =
        |sku: &str, quantity, unit_price_minor| OrderLine { sku: sku.to_owned(), quantity, unit_price_minor };
    Order {
        order_id: DEMO_ORDER_ID.to_owned(),
        customer_id: "CUST-1001".to_owned(),
        currency: "EUR".to_owned(),
        lines: vec![line("KEEL-COMPASS", 1, 12_900), line("KEEL-ROPE", 3, 1_950)],
        requested_by: Some("clerk@company.com".to_owned()),
    }
}
