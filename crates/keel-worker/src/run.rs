//! The life of a worker: connect, check, poll, drain.

use std::future::Future;
use std::pin::pin;

use keel_telemetry::health::{Health, Phase};
use keel_temporal::Wait;
use keel_types::names::search_attribute;
use temporalio_sdk::Runtime;
use temporalio_sdk::runtime::RuntimeOptions;
use tokio_util::sync::CancellationToken;

use crate::{Observed, WorkerError, WorkerSettings, build};

/// Runs a worker until `shutdown` resolves, then drains it.
///
/// The future is not `Send`: the SDK keeps all workflows on the thread that polls it.
///
/// # Errors
/// [`WorkerError`] when the worker cannot start, polling ends for good, or draining takes longer than
/// `worker.shutdown_deadline`.
pub async fn run(
    settings: &WorkerSettings,
    observed: &Observed,
    shutdown: impl Future<Output = ()>,
) -> Result<(), WorkerError> {
    let mut shutdown = pin!(shutdown);
    tokio::select! {
        biased;
        () = &mut shutdown => Ok(()),
        prepared = prepare(settings, observed) => prepared?.poll(settings, &observed.health, shutdown).await,
    }
}

/// Everything that must exist before the first poll.
struct Prepared {
    worker: temporalio_sdk::Worker,
    stopping: CancellationToken,
    // The SDK's workers die with it.
    _runtime: Runtime,
}

async fn prepare(settings: &WorkerSettings, observed: &Observed) -> Result<Prepared, WorkerError> {
    build::data_dir(settings)?;
    let store = build::store(settings).await?;
    let identity = identity();
    let wait = Wait::up_to(settings.worker.connect_within);
    let client = keel_temporal::connect(&settings.temporal, &identity, &observed.instruments, wait)
        .await
        .map_err(WorkerError::Connect)?;
    keel_temporal::check_search_attributes(&client, &search_attribute::ALL)
        .await
        .map_err(WorkerError::SearchAttributes)?;
    let runtime = RuntimeOptions::builder()
        .telemetry_options(observed.instruments.telemetry())
        .build()
        .map_err(|error| WorkerError::Create(error.into()))
        .and_then(|options| {
            Runtime::from_current_tokio(options).map_err(|error| WorkerError::Create(Box::new(error)))
        })?;
    let stopping = CancellationToken::new();
    let worker = build::worker(settings, &runtime, client, store, stopping.clone())?;
    Ok(Prepared { worker, stopping, _runtime: runtime })
}

impl Prepared {
    async fn poll(
        mut self,
        settings: &WorkerSettings,
        health: &Health,
        shutdown: std::pin::Pin<&mut impl Future<Output = ()>>,
    ) -> Result<(), WorkerError> {
        let stop = self.worker.shutdown_handle();
        let mut polling = pin!(self.worker.run());
        tokio::select! {
            biased;
            ended = &mut polling => return ended.map_err(WorkerError::Run),
            () = tokio::task::yield_now() => announce(settings)?,
        }
        health.set_phase(Phase::Running);
        tokio::select! {
            biased;
            ended = &mut polling => return ended.map_err(WorkerError::Run),
            () = shutdown => {}
        }
        tracing::info!(
            grace = ?settings.worker.graceful_shutdown,
            "stopping: no new work, running activities are told"
        );
        health.set_phase(Phase::Draining);
        self.stopping.cancel();
        stop();
        let deadline = settings.worker.shutdown_deadline;
        match tokio::time::timeout(deadline, polling).await {
            Ok(ended) => ended.map_err(WorkerError::Run),
            Err(_) => Err(WorkerError::ShutdownDeadline(deadline)),
        }
    }
}

fn announce(settings: &WorkerSettings) -> Result<(), WorkerError> {
    tracing::info!(
        task_queue = settings.worker.task_queue,
        namespace = settings.temporal.namespace,
        address = settings.temporal.address,
        version = env!("CARGO_PKG_VERSION"),
        "worker ready"
    );
    let Some(path) = &settings.worker.ready_file else {
        return Ok(());
    };
    std::fs::write(path, format!("{}\n", std::process::id()))
        .map_err(|source| WorkerError::ReadyFile { path: path.clone(), source })
}

/// `keel-worker/<pid>@<host>`, as it shows in Temporal's web UI.
fn identity() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.as_deref().map_or("unknown-host", str::trim);
    format!("keel-worker/{}@{host}", std::process::id())
}
