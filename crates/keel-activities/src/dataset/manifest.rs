//! `manifest.json`: every result file and the input with size and SHA-256, so that anybody can check a copy.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::{Duration, Instant};

use keel_types::dataset::DatasetProgress;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::Heartbeat;
use super::engine::{Control, Stop};
use super::error::DatasetError;
use super::files::{self, Layout, hex};
use super::options::DatasetOptions;
use super::output::{AGGREGATES, MANIFEST, REJECTS, REPORT, SCHEMA_VERSION, SUMMARY};
use super::pace::Pace;

const CHUNK: usize = 256 << 10;
const HEARTBEAT_EVERY: Duration = Duration::from_millis(500);

/// The whole of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Version of the form of all result files.
    pub schema_version: u32,
    /// The dataset.
    pub dataset_id: String,
    /// Rows that count.
    pub rows_accepted: u64,
    /// Rows in `rejects.csv`.
    pub rows_rejected: u64,
    /// The input.
    pub input: FileEntry,
    /// The results, by name.
    pub files: Vec<FileEntry>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileEntry {
    /// The name without a directory.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its checksum, in hexadecimal digits.
    pub sha256: String,
}

/// What `summary.json` says about rows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    rows_accepted: u64,
    rows_rejected: u64,
}

/// Reads every file and takes its checksum.
pub(super) fn build(
    options: &DatasetOptions,
    layout: &Layout,
    control: &dyn Control,
) -> Result<Manifest, DatasetError> {
    let results = [(AGGREGATES, "process"), (REJECTS, "process"), (REPORT, "generate"), (SUMMARY, "analyze")];
    let entries = results.iter().map(|(name, step)| {
        let missing = |path| DatasetError::NoResult { id: layout.id().to_owned(), path, step };
        Reading { options, layout, control }.entry(&layout.result(name), missing)
    });
    let files = entries.collect::<Result<Vec<_>, _>>()?;
    let counts = counts(layout)?;
    let absent = |path| DatasetError::NotFound { id: layout.id().to_owned(), path };
    let input = Reading { options, layout, control }.entry(&layout.input(), absent)?;
    Ok(Manifest {
        schema_version: SCHEMA_VERSION,
        dataset_id: layout.id().to_owned(),
        rows_accepted: counts.rows_accepted,
        rows_rejected: counts.rows_rejected,
        input,
        files,
    })
}

/// Writes the manifest.
pub(super) fn write(layout: &Layout, manifest: &Manifest) -> Result<(), DatasetError> {
    files::write_json(&layout.result(MANIFEST), manifest)
}

fn counts(layout: &Layout) -> Result<Counts, DatasetError> {
    let path = layout.result(SUMMARY);
    let file = File::open(&path).map_err(DatasetError::io("read", &path))?;
    serde_json::from_reader(io::BufReader::new(file)).map_err(|source| DatasetError::BadResult {
        id: layout.id().to_owned(),
        path,
        source,
    })
}

struct Reading<'a> {
    options: &'a DatasetOptions,
    layout: &'a Layout,
    control: &'a dyn Control,
}

impl Reading<'_> {
    /// Reads one file to its end, at the pace of the settings, with heartbeats.
    fn entry(
        &self,
        path: &Path,
        missing: impl FnOnce(std::path::PathBuf) -> DatasetError,
    ) -> Result<FileEntry, DatasetError> {
        let mut file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(missing(path.to_owned())),
            opened => opened.map_err(DatasetError::io("open", path))?,
        };
        let total = file.metadata().map_err(DatasetError::io("look at", path))?.len();
        let (pace, mut hash, mut bytes) = (Pace::new(self.options, 0), Sha256::new(), 0);
        let mut chunk = vec![0; CHUNK];
        let mut last = Instant::now();
        loop {
            self.check_stop()?;
            let read = file.read(&mut chunk).map_err(DatasetError::io("read", path))?;
            if read == 0 {
                break;
            }
            hash.update(&chunk[..read]);
            bytes += read as u64;
            if last.elapsed() >= HEARTBEAT_EVERY {
                last = Instant::now();
                let progress =
                    DatasetProgress { bytes_done: bytes, bytes_total: total, ..Default::default() };
                self.control.heartbeat(Heartbeat { progress, checkpoint: None });
            }
            pace.wait(bytes, &|| self.control.stop().is_some());
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(FileEntry { name, bytes, sha256: hex(&hash.finalize()) })
    }

    fn check_stop(&self) -> Result<(), DatasetError> {
        let id = || self.layout.id().to_owned();
        match self.control.stop() {
            None => Ok(()),
            Some(Stop::Cancelled) => Err(DatasetError::Cancelled { id: id() }),
            Some(Stop::Stopping) => Err(DatasetError::Stopping { id: id(), bytes_done: 0 }),
        }
    }
}
