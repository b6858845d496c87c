//! Why a worker could not start or had to end.

use std::path::PathBuf;
use std::time::Duration;

/// A worker that did not end well. Every text says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Temporal cannot be reached.
    #[error("no connection to Temporal")]
    Connect(#[source] keel_temporal::ConnectError),
    /// The namespace lacks search attributes, so every run would block.
    #[error("the namespace is not prepared for Keel")]
    SearchAttributes(#[source] keel_temporal::SearchAttributesError),
    /// The store cannot be opened.
    #[error("the store is not usable")]
    Store(#[source] keel_activities::store::ConnectError),
    /// A provider's client cannot be made.
    #[error("the client of a provider cannot be made")]
    Provider(#[source] keel_activities::provider::BuildError),
    /// The data directory cannot be written.
    #[error("cannot write under {path}; check dataset.data_dir, its permissions and the disk")]
    DataDir {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The SDK refuses the worker's options.
    #[error("the worker cannot be made")]
    Create(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The ready file cannot be written.
    #[error("cannot write the ready file {path}; check worker.ready_file")]
    ReadyFile {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// Polling ended for good.
    #[error("polling ended; check the credentials and the namespace, then start the worker again")]
    Run(#[source] temporalio_sdk::WorkerRunError),
    /// Something did not stop in time.
    #[error("activities still ran {0:?} after the stop signal; Temporal retries them elsewhere")]
    ShutdownDeadline(Duration),
}
