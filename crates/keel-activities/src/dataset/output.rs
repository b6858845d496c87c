//! `aggregates.json`: the sums in a form for other programs, sorted, the same for the same input.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::aggregate::{Aggregates, CurrencySums, Groups, Sums};
use super::batch::Position;
use super::error::DatasetError;
use super::files::{self, Layout, WorkDir};
use super::source::Source;

/// File name of the sums.
pub const AGGREGATES: &str = "aggregates.json";
/// File name of the rejected rows.
pub const REJECTS: &str = "rejects.csv";
/// File name of the figures for people and programs.
pub const SUMMARY: &str = "summary.json";
/// File name of the report.
pub const REPORT: &str = "report.html";
/// File name of the list of all files with their checksums.
pub const MANIFEST: &str = "manifest.json";
/// Version of the form of all result files.
pub const SCHEMA_VERSION: u32 = 1;

/// The whole of `aggregates.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetAggregates {
    /// [`SCHEMA_VERSION`]
    pub schema_version: u32,
    /// The dataset.
    pub dataset_id: String,
    /// Bytes of the input.
    pub bytes: u64,
    /// Rows that count.
    pub rows_accepted: u64,
    /// Rows in `rejects.csv`.
    pub rows_rejected: u64,
    /// By code.
    pub currencies: Vec<CurrencyAggregates>,
}

/// The sums of one currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CurrencyAggregates {
    /// ISO 4217 code.
    pub currency: String,
    /// All rows.
    pub total: Figures,
    /// By day, yyyy-mm-dd.
    pub days: Vec<Group>,
    /// By region.
    pub regions: Vec<Group>,
    /// By SKU.
    pub skus: Vec<Group>,
    /// By customer id.
    pub customers: Vec<Group>,
}

/// Sums over some rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Quantity times price, in minor units.
    pub revenue_minor: u128,
    /// Pieces.
    pub quantity: u64,
    /// Order lines.
    pub rows: u64,
}

/// One key with its sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The day, region, SKU or customer.
    pub key: String,
    /// Quantity times price, in minor units.
    pub revenue_minor: u128,
    /// Pieces.
    pub quantity: u64,
    /// Order lines.
    pub rows: u64,
}

impl From<Sums> for Figures {
    fn from(sums: Sums) -> Self {
        Self { revenue_minor: sums.revenue, quantity: sums.quantity, rows: sums.rows }
    }
}

/// Puts both results of *process* in their place. Results of later steps that no longer belong to them are removed.
pub(super) fn publish(
    layout: &Layout,
    source: &Source,
    work: &WorkDir,
    position: &Position,
    sums: &Aggregates,
    partial_rejects: &str,
) -> Result<(), DatasetError> {
    let aggregates = DatasetAggregates {
        schema_version: SCHEMA_VERSION,
        dataset_id: source.id.clone(),
        bytes: source.len(),
        rows_accepted: position.rows_accepted,
        rows_rejected: position.rows_rejected,
        currencies: currencies(sums),
    };
    let built = work.file(AGGREGATES);
    files::write_json(&built, &aggregates)?;
    let place = layout.result(AGGREGATES);
    if !same_content(&built, &place) {
        for later in [MANIFEST, REPORT, SUMMARY] {
            files::remove_if_there(&layout.result(later))?;
        }
    }
    files::publish(&work.file(partial_rejects), &layout.result(REJECTS))?;
    files::publish(&built, &place)
}

/// Reads `aggregates.json` back.
pub(super) fn read(layout: &Layout) -> Result<DatasetAggregates, DatasetError> {
    let (id, path) = (layout.id().to_owned(), layout.result(AGGREGATES));
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(DatasetError::NoResult { id, path, step: "process" });
        }
        bytes => bytes.map_err(DatasetError::io("read", &path))?,
    };
    serde_json::from_slice(&bytes).map_err(|source| DatasetError::BadResult { id, path, source })
}

fn currencies(sums: &Aggregates) -> Vec<CurrencyAggregates> {
    let mut all: Vec<_> = sums.currencies().iter().map(currency).collect();
    all.sort_by(|a, b| a.currency.cmp(&b.currency));
    all
}

fn currency(sums: &CurrencySums) -> CurrencyAggregates {
    let [days, regions, skus, customers] = sums.groups.each_ref().map(groups);
    let currency = String::from_utf8_lossy(&sums.code).into_owned();
    CurrencyAggregates { currency, total: sums.total.into(), days, regions, skus, customers }
}

fn groups(groups: &Groups) -> Vec<Group> {
    let group = |(key, sums): (String, Sums)| Group {
        key,
        revenue_minor: sums.revenue,
        quantity: sums.quantity,
        rows: sums.rows,
    };
    let mut all: Vec<_> = groups.iter().map(group).collect();
    all.sort_unstable_by(|a, b| a.key.cmp(&b.key));
    all
}

fn same_content(a: &std::path::Path, b: &std::path::Path) -> bool {
    matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}
