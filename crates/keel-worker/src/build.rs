//! Composition: from settings to the parts of a worker.

use std::sync::Arc;

use keel_activities::dataset::DatasetActivities;
use keel_activities::gate::GateActivities;
use keel_activities::order::OrderActivities;
use keel_activities::store::{self, Store};
use keel_workflows::options::WorkflowOptions;
use temporalio_client::{Client, NamespacedClient};
use temporalio_sdk::Worker;
use temporalio_sdk::runtime::worker_tuner::ResourceBasedController;
use temporalio_sdk_core::{CoreRuntime, init_worker};
use tokio_util::sync::CancellationToken;

use crate::farewell::Farewell;
use crate::gate::Gate;
use crate::intercept::{ActivityWatch, WorkflowWatch};
use crate::load::Load;
use crate::providers::Providers;
use crate::recall::Recall;
use crate::settings::tuning::{Tuning, controller};
use crate::sticky::Sticky;
use crate::{WorkerError, WorkerSettings};

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

/// What all SDK workers of the process share, whatever generation they are of.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    settings: Arc<WorkerSettings>,
    workflows: Arc<WorkflowOptions>,
    store: Arc<dyn Store>,
    providers: Providers,
    controller: Option<ResourceBasedController>,
    ends: Ends,
}

/// How activities learn that the process ends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ends {
    /// A stop signal came: whoever can hand over does it now.
    pub(crate) stopping: CancellationToken,
    /// The time to finish is over: whatever still runs is ended.
    pub(crate) ending: CancellationToken,
}

impl Parts {
    pub(crate) fn new(
        settings: &WorkerSettings,
        store: Arc<dyn Store>,
        ends: Ends,
    ) -> Result<Self, WorkerError> {
        let workflows = WorkflowOptions { order: settings.order.clone(), task: settings.task.clone() };
        Ok(Self {
            settings: Arc::new(settings.clone()),
            workflows: Arc::new(workflows),
            store,
            providers: Providers::new(settings)?,
            controller: controller(&settings.worker),
            ends,
        })
    }

    pub(crate) const fn providers(&self) -> &Providers {
        &self.providers
    }

    pub(crate) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store)
    }

    /// One SDK worker, ready to poll over its own connection, and its way out.
    pub(crate) fn worker(
        &self,
        runtime: &CoreRuntime,
        client: &Client,
        load: &Arc<Load>,
    ) -> Result<(Worker, Farewell), WorkerError> {
        let settings = &self.settings;
        let options = &settings.worker;
        let tuning = Tuning::new(options, self.controller.as_ref());
        let Providers { payments, courier } = self.providers.clone();
        let orders = OrderActivities::new(self.store(), payments, courier, settings.approval.rule());
        let datasets = DatasetActivities::new(settings.dataset.clone(), self.ends.stopping.clone());
        let identity = client.connection().identity();
        let gate = GateActivities::new(self.store(), &settings.dataset.data_dir, options.build(), identity);
        let mut worker = temporalio_sdk::WorkerOptions::new(&options.task_queue)
            .register_activities(orders)
            .register_activities(datasets)
            .register_activities(gate)
            .activity_inbound_interceptor(keel_activities::count::Failures)
            .tuner(tuning.tuner)
            .max_cached_workflows(tuning.max_cached_workflows)
            .maybe_max_worker_activities_per_second(tuning.activities_per_second)
            .maybe_max_task_queue_activities_per_second(tuning.queue_activities_per_second)
            .sticky_queue_schedule_to_start_timeout(options.sticky_timeout)
            .max_heartbeat_throttle_interval(options.heartbeat_interval)
            .default_heartbeat_throttle_interval(options.heartbeat_interval)
            // No graceful_shutdown_period: the SDK would cancel activities of a generation that is only replaced.
            .build();
        if let Some(version) = options.version() {
            worker.deployment_options = version;
        }
        worker.workflow_task_poller_behavior = tuning.workflow_pollers;
        worker.activity_task_poller_behavior = tuning.activity_pollers;
        worker.activity_inbound_interceptor(ActivityWatch {
            load: Arc::clone(load),
            ending: self.ends.ending.clone(),
        });
        let sticky = Arc::new(Sticky::default());
        worker.worker_interceptor(WorkflowWatch { load: Arc::clone(load), sticky: Arc::clone(&sticky) });
        keel_workflows::register(&mut worker, &self.workflows).map_err(create)?;
        let gate = Gate::default();
        let worker = gated(runtime, client, worker, &gate)?;
        let recall = Recall {
            client: client.clone(),
            task_queue: options.task_queue.clone(),
            instance: worker.worker_instance_key().to_string(),
        };
        Ok((worker, Farewell { gate, sticky, recall, load: Arc::clone(load) }))
    }
}

/// What `Worker::new` of the SDK does, with the gate put before its polls.
fn gated(
    runtime: &CoreRuntime,
    client: &Client,
    options: temporalio_sdk::WorkerOptions,
    gate: &Gate,
) -> Result<Worker, WorkerError> {
    let mut config = options.to_core_options(client.namespace(), client.identity()).map_err(create)?;
    config.tuner = config.tuner.map(|tuner| gate.before(tuner));
    let core = init_worker(runtime, config, client.connection().clone()).map_err(create)?;
    Worker::new_from_core_options(Arc::new(core), client.options().clone(), options).map_err(create)
}

fn create<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> WorkerError {
    WorkerError::Create(error.into())
}
