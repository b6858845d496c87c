//! `aggregates.json`: the sums in a form for other programs, sorted, the same for the same input.

mod sorted;

use std::fs;
use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use self::sorted::Sorted;
use super::aggregate::Aggregates;
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

/// The whole of `aggregates.json`, as it is read back; `sorted` writes it.
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

/// Puts both results of *process* in their place. Results of later steps that no longer belong to them are removed.
pub(super) fn publish(
    layout: &Layout,
    source: &Source,
    work: &WorkDir,
    position: &Position,
    sums: &Aggregates,
    partial_rejects: &str,
) -> Result<(), DatasetError> {
    let built = work.file(AGGREGATES);
    let sorted = Sorted::new(source, position, sums);
    files::write_synced(&built, |out| {
        serde_json::to_writer(&mut *out, &sorted)?;
        out.write_all(b"\n")
    })?;
    let place = layout.result(AGGREGATES);
    if !same_content(&built, &place) {
        for later in [MANIFEST, REPORT, SUMMARY] {
            files::remove_if_there(&layout.result(later))?;
        }
    }
    files::publish(&[(&work.file(partial_rejects), &layout.result(REJECTS)), (&built, &place)])
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

fn same_content(a: &std::path::Path, b: &std::path::Path) -> bool {
    matches!((fs::read(a), fs::read(b)), (Ok(a), Ok(b)) if a == b)
}
