//! What can go wrong with a dataset, and which failure type each problem is.

use std::io;
use std::path::{Path, PathBuf};

use keel_types::failure::FailureType;

use super::aggregate::Dimension;

/// A dataset run that did not succeed. [`DatasetError::kind`] tells refusals from faults.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The id is unsafe in a path.
    #[error("{0}")]
    Id(String),
    /// `processStep` was called with a step that does not exist.
    #[error("`{0}` is not a step of a task; the steps are validate, process, analyze, generate, complete")]
    UnknownStep(String),
    /// There is no such file.
    #[error("dataset `{id}` is not there: put the file at {} or run `keel dataset generate {id}`", .path.display())]
    NotFound {
        /// The dataset.
        id: String,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The name exists but cannot be read as a file.
    #[error("dataset `{id}` cannot be used: {} is {what}, not a file; replace it by a CSV file", .path.display())]
    NotAFile {
        /// The dataset.
        id: String,
        /// The path.
        path: PathBuf,
        /// What is there instead.
        what: &'static str,
    },
    /// The file has no header row.
    #[error("dataset `{id}` is empty: its first row must name the columns {}", keel_types::dataset::COLUMNS.join(", "))]
    Empty {
        /// The dataset.
        id: String,
    },
    /// The header row cannot be understood.
    #[error("dataset `{id}` has a header row that cannot be used: {problem}")]
    Header {
        /// The dataset.
        id: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// None of the first rows is an order line.
    #[error("none of the first {rows} rows of dataset `{id}` is an order line; line {line}: {reason}")]
    NoGoodRow {
        /// The dataset.
        id: String,
        /// How many rows were looked at.
        rows: u64,
        /// The first bad line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// More keys than the memory bound allows.
    #[error(
        "dataset `{id}` has more than {limit} distinct {dimension}; raise dataset.max_distinct_keys or split the file"
    )]
    TooManyKeys {
        /// The dataset.
        id: String,
        /// The setting's value.
        limit: usize,
        /// Which keys.
        dimension: Dimension,
    },
    /// A step needs the result of an earlier one.
    #[error("dataset `{id}` has no {}: run the step `{step}` first", .path.display())]
    NoResult {
        /// The dataset.
        id: String,
        /// The missing file.
        path: PathBuf,
        /// The step that writes it.
        step: &'static str,
    },
    /// A result file is not what this program writes.
    #[error("{} of dataset `{id}` cannot be understood; run the step `process` again", .path.display())]
    BadResult {
        /// The dataset.
        id: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Another attempt holds the lock.
    #[error("another attempt still works on dataset `{id}`; this one is tried again")]
    Busy {
        /// The dataset.
        id: String,
    },
    /// The input changed while it was read.
    #[error(
        "dataset `{id}` changed while it was processed; the next attempt starts again from its beginning"
    )]
    Changed {
        /// The dataset.
        id: String,
    },
    /// The caller cancelled the run; its partial output is gone.
    #[error("processing dataset `{id}` was cancelled")]
    Cancelled {
        /// The dataset.
        id: String,
    },
    /// The worker shuts down; the work so far is kept.
    #[error("the worker is stopping; the next attempt goes on with dataset `{id}` at byte {bytes_done}")]
    Stopping {
        /// The dataset.
        id: String,
        /// Where the last checkpoint stands.
        bytes_done: u64,
    },
    /// The file system failed.
    #[error("cannot {operation} {}", .path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

impl DatasetError {
    /// The failure type on the wire.
    #[must_use]
    pub const fn kind(&self) -> FailureType {
        match self {
            Self::Id(_) | Self::UnknownStep(_) => FailureType::InputInvalid,
            Self::NotFound { .. } | Self::NotAFile { .. } | Self::NoResult { .. } => {
                FailureType::DatasetNotFound
            }
            Self::Empty { .. }
            | Self::Header { .. }
            | Self::NoGoodRow { .. }
            | Self::TooManyKeys { .. }
            | Self::BadResult { .. } => FailureType::DatasetInvalid,
            Self::Busy { .. } | Self::Cancelled { .. } => FailureType::DatasetBusy,
            Self::Stopping { .. } => FailureType::WorkerStopping,
            Self::Changed { .. } | Self::Io { .. } => FailureType::DatasetIo,
        }
    }

    /// The message with its causes, for the place where the error leaves the program.
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }
}
