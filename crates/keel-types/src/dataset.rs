//! Datasets on the wire: their columns, and the part of a heartbeat that other programs read.

use serde::{Deserialize, Serialize};

/// The columns every dataset has, in any order in the file.
pub const COLUMNS: [&str; 8] =
    ["order_id", "placed_at", "customer_id", "sku", "quantity", "unit_price_minor", "currency", "region"];

/// How far `processLargeDataset` is. The first heartbeat detail carries these fields beside the checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DatasetProgress {
    /// Bytes of the file that are done.
    pub bytes_done: u64,
    /// Bytes of the file.
    pub bytes_total: u64,
    /// Good rows so far.
    pub rows_accepted: u64,
    /// Rejected rows so far.
    pub rows_rejected: u64,
}

impl DatasetProgress {
    /// The share that is done, 0.0 to 1.0.
    #[must_use]
    pub fn fraction(&self) -> f64 {
        if self.bytes_total == 0 {
            return 1.0;
        }
        (self.bytes_done as f64 / self.bytes_total as f64).clamp(0.0, 1.0)
    }
}

/// The result string of `processLargeDataset`.
#[must_use]
pub fn success_message(items: u64, dataset_id: &str) -> String {
    format!("Successfully processed {items} items for dataset {dataset_id}")
}
