//! What became of every order, from what the providers, the store and the workflows say; none of them is believed alone.
//! Shared by everything that breaks something on purpose.

mod expected;

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use crate::stack::Effects;

pub use expected::{Ending, Planned};

/// Status by workflow id.
pub type Workflows = BTreeMap<String, String>;

/// Everything that is known at the end.
pub struct Evidence {
    /// How the workflows ended.
    pub workflows: Workflows,
    /// What the providers did.
    pub effects: BTreeMap<String, Effects>,
    /// What the store holds.
    pub store: Store,
}

/// The counts, and a line for each thing that is off.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Orders without the expected end in workflow and store, or completed without being charged and shipped.
    pub lost: usize,
    /// Orders charged more than once.
    pub double_charged: usize,
    /// Orders booked with the courier more than once, and articles that left the stock too often.
    pub double_shipped: usize,
    /// Failed orders with a charge, a booking or a reservation left, and articles still reserved.
    pub uncompensated: usize,
    /// Datasets whose results are not those of the undisturbed run.
    pub different: usize,
    /// What is off, for people.
    pub details: Vec<String>,
}

impl Verdict {
    /// Whether nothing is off.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// The export of the store, as far as it is judged.
#[derive(Debug, Default)]
pub struct Store {
    /// Orders by id.
    pub orders: BTreeMap<String, StoredOrder>,
    /// Stock by SKU.
    pub inventory: BTreeMap<String, Stock>,
}

/// An order in the store.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredOrder {
    order_id: String,
    status: String,
    #[serde(default)]
    steps: BTreeMap<String, String>,
    failure: Option<Failure>,
}

#[derive(Debug, Deserialize)]
struct Failure {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// Stock of one SKU.
#[derive(Clone, Debug, Deserialize)]
pub struct Stock {
    sku: String,
    reserved: u64,
    shipped: u64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Inventory { inventory: Vec<Stock> },
    Order(StoredOrder),
}

impl Store {
    /// Reads the lines of `keel-worker store export`.
    ///
    /// # Errors
    /// Names the line that is something else.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut store = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            match serde_json::from_str(line).with_context(|| format!("keel-worker store export: {line}"))? {
                Line::Order(order) => drop(store.orders.insert(order.order_id.clone(), order)),
                Line::Inventory { inventory } => {
                    store.inventory = inventory.into_iter().map(|stock| (stock.sku.clone(), stock)).collect();
                }
            }
        }
        Ok(store)
    }
}

/// Judges every order and the stock.
pub fn orders(planned: &[Planned], evidence: &Evidence) -> Verdict {
    let mut verdict = Verdict::default();
    for order in planned {
        judge_order(order, evidence, &mut verdict);
    }
    judge_stock(planned, &evidence.store, &mut verdict);
    verdict
}

fn judge_order(order: &Planned, evidence: &Evidence, verdict: &mut Verdict) {
    let id = &order.id;
    let effects = evidence.effects.get(id).copied().unwrap_or_default();
    if let Some(problem) = wrong_end(order, evidence, effects) {
        verdict.lost += 1;
        verdict.details.push(format!("{id} is lost: {problem}"));
    }
    if effects.captured > 1 {
        verdict.double_charged += 1;
        verdict.details.push(format!("{id} was charged {} times", effects.captured));
    }
    if effects.booked > 1 {
        verdict.double_shipped += 1;
        verdict.details.push(format!("{id} was shipped {} times", effects.booked));
    }
    let stored = evidence.store.orders.get(id);
    let completed = stored.is_some_and(|stored| stored.status == Ending::Completed.status());
    let holds_stock =
        stored.and_then(|stored| stored.steps.get("reserveInventory")).is_some_and(|step| step != "undone");
    let left = effects.captured > effects.refunded || effects.booked > effects.cancelled || holds_stock;
    if !completed && left {
        verdict.uncompensated += 1;
        verdict
            .details
            .push(format!("{id} did not complete and is not undone: {effects:?}, stock held: {holds_stock}"));
    }
}

fn wrong_end(order: &Planned, evidence: &Evidence, effects: Effects) -> Option<String> {
    let ending = order.ending;
    let workflow = evidence.workflows.get(&format!("order-{}", order.id)).map_or("absent", String::as_str);
    if workflow != ending.workflow() {
        return Some(format!("its workflow is {workflow}, expected {}", ending.workflow()));
    }
    let Some(stored) = evidence.store.orders.get(&order.id) else {
        return Some("it is not in the store".to_owned());
    };
    if stored.status != ending.status() {
        return Some(format!("the store says `{}`, expected `{}`", stored.status, ending.status()));
    }
    let failure = stored.failure.as_ref().and_then(|failure| failure.kind.as_deref());
    if failure != ending.failure() {
        return Some(format!("the store says failure {failure:?}, expected {:?}", ending.failure()));
    }
    let undone = effects.refunded > 0 || effects.cancelled > 0;
    if ending == Ending::Completed && (effects.captured == 0 || effects.booked == 0 || undone) {
        return Some(format!("it completed with {effects:?}"));
    }
    None
}

fn judge_stock(planned: &[Planned], store: &Store, verdict: &mut Verdict) {
    let mut expected: BTreeMap<&str, u64> = BTreeMap::new();
    for order in planned.iter().filter(|order| order.ending == Ending::Completed) {
        for (sku, quantity) in &order.lines {
            *expected.entry(sku).or_default() += quantity;
        }
    }
    for (sku, stock) in &store.inventory {
        let expected = expected.get(sku.as_str()).copied().unwrap_or(0);
        if stock.shipped != expected {
            let count =
                if stock.shipped > expected { &mut verdict.double_shipped } else { &mut verdict.lost };
            *count += 1;
            verdict
                .details
                .push(format!("{sku}: {} pieces left the stock, expected {expected}", stock.shipped));
        }
        if stock.reserved != 0 {
            verdict.uncompensated += 1;
            verdict.details.push(format!("{sku}: {} pieces are still reserved", stock.reserved));
        }
    }
}

#[cfg(test)]
mod tests;
