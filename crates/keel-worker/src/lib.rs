//! The worker role: one process that polls a task queue and runs Keel's workflows and activities.
//!
//! [`run`] is the whole life of a worker after its settings are read; the binary around it only parses arguments and turns
//! signals into the shutdown future. Everything the worker is made of is composed here and nowhere else.

mod backoff;
mod build;
mod drain;
mod error;
mod farewell;
mod gate;
mod generation;
mod intercept;
mod load;
mod lookout;
mod observed;
mod providers;
mod reach;
mod recall;
mod run;
mod settings;
mod sight;
mod slot;
mod status;
mod sticky;
mod supervisor;

pub use error::WorkerError;
pub use observed::Observed;
pub use run::run;
pub use settings::{
    ApprovalOptions, Pollers, ReconnectOptions, Tuner, Versioning, WorkerOptions, WorkerSettings,
};

/// The store alone, for commands that seed or export it.
///
/// # Errors
/// When the store cannot be reached or migrated.
pub async fn open_store(
    settings: &WorkerSettings,
) -> Result<std::sync::Arc<dyn keel_activities::store::Store>, WorkerError> {
    build::store(settings).await
}
