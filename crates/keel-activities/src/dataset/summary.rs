//! `summary.json`: revenue by day, region and product, and the customers who bought most.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::output::{CurrencyAggregates, DatasetAggregates, Figures, Group, SCHEMA_VERSION};

/// How many customers are named.
const TOP_CUSTOMERS: usize = 20;
/// How many products are listed at most.
const TOP_PRODUCTS: usize = 1_000;

/// The whole of `summary.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Version of this form.
    pub schema_version: u32,
    /// The dataset.
    pub dataset_id: String,
    /// Bytes of the input.
    pub bytes: u64,
    /// Rows that count.
    pub rows_accepted: u64,
    /// Rows in `rejects.csv`.
    pub rows_rejected: u64,
    /// The currency with most rows first.
    pub currencies: Vec<CurrencySummary>,
}

/// The figures of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrencySummary {
    /// ISO 4217 code.
    pub currency: String,
    /// All rows.
    pub total: Figures,
    /// How many customers bought something.
    pub customer_count: usize,
    /// How many products were sold.
    pub product_count: usize,
    /// By day, first day first.
    pub days: Vec<Group>,
    /// Highest revenue first.
    pub regions: Vec<Group>,
    /// Highest revenue first; at most 1,000.
    pub products: Vec<Group>,
    /// Highest revenue first; at most 20.
    pub top_customers: Vec<Group>,
}

/// The summary of what *process* counted.
pub(super) fn of(aggregates: DatasetAggregates) -> Summary {
    let mut currencies: Vec<_> = aggregates.currencies.into_iter().map(currency).collect();
    currencies.sort_by(|a, b| b.total.rows.cmp(&a.total.rows).then_with(|| a.currency.cmp(&b.currency)));
    Summary {
        schema_version: SCHEMA_VERSION,
        dataset_id: aggregates.dataset_id,
        bytes: aggregates.bytes,
        rows_accepted: aggregates.rows_accepted,
        rows_rejected: aggregates.rows_rejected,
        currencies,
    }
}

fn currency(sums: CurrencyAggregates) -> CurrencySummary {
    CurrencySummary {
        currency: sums.currency,
        total: sums.total,
        customer_count: sums.customers.len(),
        product_count: sums.skus.len(),
        days: sums.days,
        regions: top(sums.regions, usize::MAX),
        products: top(sums.skus, TOP_PRODUCTS),
        top_customers: top(sums.customers, TOP_CUSTOMERS),
    }
}

/// The groups with the highest revenue; the key breaks ties, so the order is always the same.
fn top(mut groups: Vec<Group>, most: usize) -> Vec<Group> {
    groups.sort_by(|a, b| (Reverse(a.revenue_minor), &a.key).cmp(&(Reverse(b.revenue_minor), &b.key)));
    groups.truncate(most);
    groups
}
