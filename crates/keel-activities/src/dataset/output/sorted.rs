//! Sums in their final order, written without a copy of each key: a dataset may have a million of them.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

use super::super::aggregate::{Aggregates, CurrencySums, Groups, Sums};
use super::super::batch::Position;
use super::super::key::Key;
use super::super::source::Source;
use super::{Figures, SCHEMA_VERSION};

/// The form of [`super::DatasetAggregates`], borrowed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sorted<'a> {
    schema_version: u32,
    dataset_id: &'a str,
    bytes: u64,
    rows_accepted: u64,
    rows_rejected: u64,
    currencies: Vec<SortedCurrency<'a>>,
}

#[derive(Serialize)]
struct SortedCurrency<'a> {
    currency: String,
    total: Figures,
    days: SortedGroups<'a>,
    regions: SortedGroups<'a>,
    skus: SortedGroups<'a>,
    customers: SortedGroups<'a>,
}

struct SortedGroups<'a>(Vec<(Key<'a>, Sums)>);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupRef<'a> {
    key: &'a str,
    revenue_minor: u128,
    quantity: u64,
    rows: u64,
}

impl<'a> Sorted<'a> {
    pub(super) fn new(source: &'a Source, position: &Position, sums: &'a Aggregates) -> Self {
        let mut currencies: Vec<_> = sums.currencies().iter().map(SortedCurrency::new).collect();
        currencies.sort_by(|a, b| a.currency.cmp(&b.currency));
        Self {
            schema_version: SCHEMA_VERSION,
            dataset_id: &source.id,
            bytes: source.len(),
            rows_accepted: position.rows_accepted,
            rows_rejected: position.rows_rejected,
            currencies,
        }
    }
}

impl<'a> SortedCurrency<'a> {
    fn new(sums: &'a CurrencySums) -> Self {
        let [days, regions, skus, customers] = sums.groups.each_ref().map(SortedGroups::new);
        let currency = String::from_utf8_lossy(&sums.code).into_owned();
        Self { currency, total: sums.total.into(), days, regions, skus, customers }
    }
}

impl<'a> SortedGroups<'a> {
    fn new(groups: &'a Groups) -> Self {
        let mut all: Vec<_> = groups.iter().collect();
        all.sort_unstable_by(|(a, _), (b, _)| by_text(a, b));
        Self(all)
    }
}

fn by_text(a: &Key<'_>, b: &Key<'_>) -> Ordering {
    match (a, b) {
        // Padded with zeros and followed by the length, short keys compare as one integer each.
        (Key::Short(a), Key::Short(b)) => u128::from_be_bytes(*a).cmp(&u128::from_be_bytes(*b)),
        _ => a.bytes().cmp(b.bytes()),
    }
}

impl Serialize for SortedGroups<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, sums)| Entry { key, sums }))
    }
}

struct Entry<'a> {
    key: &'a Key<'a>,
    sums: &'a Sums,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Sums { revenue, quantity, rows } = *self.sums;
        GroupRef { key: self.key.text(), revenue_minor: revenue, quantity, rows }.serialize(serializer)
    }
}

impl From<Sums> for Figures {
    fn from(sums: Sums) -> Self {
        Self { revenue_minor: sums.revenue, quantity: sums.quantity, rows: sums.rows }
    }
}
