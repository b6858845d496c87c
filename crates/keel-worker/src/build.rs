//! Composition: from settings to the parts of a worker.

use std::sync::Arc;

use keel_activities::dataset::DatasetActivities;
use keel_activities::order::OrderActivities;
use keel_activities::store::{self, Store};
use keel_workflows::options::WorkflowOptions;
use temporalio_client::Client;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker};
use tokio_util::sync::CancellationToken;

use crate::providers::Providers;
use crate::{WorkerError, WorkerSettings};

/// Workflow code is quick and local activities are short writes; this many at once never waits.
const LOCAL_ACTIVITY_SLOTS: usize = 100;

pub(crate) async fn store(settings: &WorkerSettings) -> Result<Arc<dyn Store>, WorkerError> {
    store::connect(&settings.store).await.map_err(WorkerError::Store)
}

/// Makes the folders of the data directory, which proves that it can be written.
pub(crate) fn data_dir(settings: &WorkerSettings) -> Result<(), WorkerError> {
    for folder in ["datasets", "results", "work"] {
        let path = settings.dataset.data_dir.join(folder);
        std::fs::create_dir_all(&path).map_err(|source| WorkerError::DataDir { path, source })?;
    }
    Ok(())
}

/// The worker, ready to poll. `stopping` is tripped when the process is asked to end.
pub(crate) fn worker(
    settings: &WorkerSettings,
    runtime: &Runtime,
    client: Client,
    store: Arc<dyn Store>,
    providers: &Providers,
    stopping: CancellationToken,
) -> Result<Worker, WorkerError> {
    let options = &settings.worker;
    let mut worker = temporalio_sdk::WorkerOptions::new(&options.task_queue)
        .register_activities(orders(settings, store, providers))
        .register_activities(DatasetActivities::new(settings.dataset.clone(), stopping))
        .tuner(tuner(options))
        .max_cached_workflows(options.max_cached_workflows)
        .max_heartbeat_throttle_interval(options.heartbeat_interval)
        .default_heartbeat_throttle_interval(options.heartbeat_interval)
        .graceful_shutdown_period(options.graceful_shutdown)
        .build();
    let workflows = WorkflowOptions { order: settings.order.clone(), task: settings.task.clone() };
    keel_workflows::register(&mut worker, &Arc::new(workflows)).map_err(create)?;
    Worker::new(runtime, client, worker).map_err(create)
}

fn orders(settings: &WorkerSettings, store: Arc<dyn Store>, providers: &Providers) -> OrderActivities {
    let Providers { payments, courier } = providers.clone();
    OrderActivities::new(store, payments, courier, settings.approval.rule())
}

fn tuner(options: &crate::WorkerOptions) -> TunerHolder {
    TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(options.max_concurrent_workflows))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(options.max_concurrent_activities))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(LOCAL_ACTIVITY_SLOTS))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build()
}

fn create<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> WorkerError {
    WorkerError::Create(error.into())
}
