//! The pipeline against real files, and what its tests share.

mod activity;
mod bad_input;
mod interruption;
mod properties;
mod steps;

use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::checkpoint::{Checkpoint, Heartbeat};
use super::engine::{self, Control, Processed, Rhythm, Stop};
use super::{AGGREGATES, DatasetError, DatasetOptions, Layout, REJECTS};

pub(super) const HEADER: &str =
    "order_id,placed_at,customer_id,sku,quantity,unit_price_minor,currency,region\n";
pub(super) const ID: &str = "demo";

/// A data directory with one dataset, removed at the end.
pub(super) struct Data {
    pub(super) dir: tempfile::TempDir,
    pub(super) options: DatasetOptions,
    rhythm: Rhythm,
}

impl Data {
    /// A dataset of `content`, with one thread.
    pub(super) fn new(content: impl AsRef<[u8]>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("datasets")).unwrap();
        fs::write(dir.path().join("datasets").join(format!("{ID}.csv")), content).unwrap();
        let options =
            DatasetOptions { data_dir: dir.path().to_owned(), threads: 1, ..DatasetOptions::default() };
        Self { dir, options, rhythm: Rhythm { every: Duration::ZERO, share: 0 } }
    }

    /// A dataset of these rows under the usual header.
    pub(super) fn rows(rows: &str) -> Self {
        Self::new(format!("{HEADER}{rows}"))
    }

    /// Makes batches of `bytes`; every batch has a checkpoint in these tests.
    pub(super) fn small_batches(mut self, bytes: u64) -> Self {
        self.options.batch_bytes = bytes;
        self
    }

    pub(super) fn layout(&self) -> Layout {
        Layout::new(&self.options.data_dir, ID).unwrap()
    }

    pub(super) fn process(&self) -> Result<Processed, DatasetError> {
        self.process_with(None, &Recorder::default())
    }

    pub(super) fn process_with(
        &self,
        resume: Option<Checkpoint>,
        control: &Recorder,
    ) -> Result<Processed, DatasetError> {
        engine::process_in(self.rhythm, &self.options, ID, resume, control)
    }

    /// Both result files.
    pub(super) fn results(&self) -> (String, String) {
        let read = |name| fs::read_to_string(self.layout().result(name)).unwrap();
        (read(AGGREGATES), read(REJECTS))
    }

    /// The reasons in `rejects.csv`, by line.
    pub(super) fn reasons(&self) -> Vec<(u64, String)> {
        let (_, rejects) = self.results();
        let reason = |row: &str| {
            let mut fields = row.splitn(3, ',');
            let line = fields.next()?.parse().ok()?;
            Some((line, fields.next()?.to_owned()))
        };
        rejects.lines().skip(1).filter_map(reason).collect()
    }

    pub(super) fn has_work(&self) -> bool {
        self.layout().work_dir().exists()
    }
}

/// Keeps every heartbeat, and stops a run when it was asked often enough.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) stop: Option<Stop>,
    pub(super) after: u64,
    asked: AtomicU64,
    beats: Mutex<Vec<Heartbeat>>,
}

impl Recorder {
    pub(super) fn stopping(stop: Stop, after: u64) -> Self {
        Self { stop: Some(stop), after, ..Self::default() }
    }

    pub(super) fn beats(&self) -> Vec<Heartbeat> {
        self.beats.lock().unwrap().clone()
    }

    /// The last checkpoint, as it comes back from the server.
    pub(super) fn last_checkpoint(&self) -> Option<Checkpoint> {
        let beats = self.beats.lock().unwrap();
        let json = serde_json::to_string(beats.last()?).unwrap();
        serde_json::from_str::<Heartbeat>(&json).unwrap().checkpoint
    }
}

impl Control for Recorder {
    fn stop(&self) -> Option<Stop> {
        self.stop.filter(|_| self.asked.fetch_add(1, Ordering::Relaxed) >= self.after)
    }

    fn heartbeat(&self, heartbeat: Heartbeat) {
        self.beats.lock().unwrap().push(heartbeat);
    }
}

/// A good row.
pub(super) fn good(order: u64, customer: &str) -> String {
    format!("O-{order},2026-01-{:02}T10:00:00Z,{customer},SKU-1,2,150,EUR,eu-west\n", order % 28 + 1)
}
