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
    /// Polling ended for good.
    #[error("polling ended")]
    Run(#[source] temporalio_sdk::WorkerRunError),
    /// A thread that runs workflows is gone.
    #[error("a workflow thread panicked; its message is in the log, see what it was about to run")]
    Panicked,
    /// Temporal or the store were not there in the time they had.
    #[error("not connected within {within:?} (worker.connect_within): {problems}")]
    NotWithin {
        /// The setting's value.
        within: Duration,
        /// What was missing.
        problems: String,
    },
    /// Something did not stop in time.
    #[error("activities still ran {0:?} after the stop signal; Temporal retries them elsewhere")]
    ShutdownDeadline(Duration),
}

impl WorkerError {
    /// Whether time, or somebody elsewhere, can heal it. What only a change of this process's settings heals ends it.
    pub(crate) const fn may_heal(&self) -> bool {
        use keel_activities::store::ConnectError as Store;
        match self {
            Self::Connect(error) => !matches!(error, keel_temporal::ConnectError::Settings { .. }),
            Self::Store(error) => !matches!(error, Store::Url(_) | Store::Folder { .. }),
            Self::SearchAttributes(_) | Self::Run(_) | Self::Panicked => true,
            Self::Provider(_)
            | Self::DataDir { .. }
            | Self::Create(_)
            | Self::NotWithin { .. }
            | Self::ShutdownDeadline(_) => false,
        }
    }

    /// The message with its causes, in one line.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let words = error.to_string();
            // Some libraries repeat the cause in their own message.
            if !text.ends_with(&words) {
                text.push_str(": ");
                text.push_str(&words);
            }
            cause = error.source();
        }
        text
    }
}
