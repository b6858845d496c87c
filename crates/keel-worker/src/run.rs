//! The life of a worker: get ready, poll, drain.

use std::future::Future;
use std::pin::pin;

use crate::supervisor::Supervisor;
use crate::{Observed, WorkerError, WorkerSettings, build};

/// Runs a worker until `shutdown` resolves, then drains it.
///
/// It outlives everything but its own settings: a server or a store that is away, refused credentials, a missing
/// namespace, an SDK worker that gives up. Meanwhile `observed.health` says why it is not ready.
///
/// # Errors
/// [`WorkerError`] when the settings cannot work, when `worker.connect_within` is over, or when draining takes longer
/// than `worker.shutdown_deadline`.
pub async fn run(
    settings: &WorkerSettings,
    observed: &Observed,
    shutdown: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    build::data_dir(settings)?;
    let mut supervisor = Supervisor::new(settings, observed);
    let mut shutdown = pin!(shutdown);
    let failed = tokio::select! {
        biased;
        () = &mut shutdown => None,
        error = supervisor.live() => Some(error),
    };
    let drained = supervisor.drain().await;
    failed.map_or(drained, Err)
}
