//! The activities over datasets: the only place of the pipeline that knows Temporal.
#![allow(missing_docs, reason = "the associated constants that the macro makes carry no docs")]

use std::sync::Arc;

use keel_types::dataset::success_message;
use keel_types::progress::Step;
use keel_types::task::dataset_of_task;
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::checkpoint::{Checkpoint, Heartbeat};
use super::engine::{self, Control, Stop};
use super::error::DatasetError;
use super::options::DatasetOptions;
use super::running::Running;
use super::steps;
use crate::failure;

/// The activities `processStep` and `processLargeDataset`.
#[derive(Debug)]
pub struct DatasetActivities {
    options: Arc<DatasetOptions>,
    stopping: CancellationToken,
}

impl DatasetActivities {
    /// Activities over the datasets under `options.data_dir`.
    ///
    /// `stopping` says that this worker shuts down. It has to be cancelled *before* the SDK worker is told to stop: the
    /// SDK cancels activities then and does not say why, and only this token tells a run that should be kept for the
    /// next attempt from one that nobody wants any more.
    #[must_use]
    pub fn new(options: DatasetOptions, stopping: CancellationToken) -> Self {
        Self { options: Arc::new(options), stopping }
    }

    /// Runs blocking work off the async threads, and passes on its heartbeats and the wishes of the server.
    async fn run<T, F>(&self, ctx: &ActivityContext, work: F) -> Result<T, ActivityError>
    where
        T: Send + 'static,
        F: FnOnce(&DatasetOptions, Option<Checkpoint>, &dyn Control) -> Result<T, DatasetError>
            + Send
            + 'static,
    {
        let running = Running::begin();
        let (beats, mut heard) = watch::channel(None);
        let abandoned = CancellationToken::new();
        // If this future is dropped, the blocking thread has to notice.
        let _guard = abandoned.clone().drop_guard();
        let (ctx_of_work, stopping) = (ctx.clone(), self.stopping.clone());
        let control = ActivityControl { ctx: ctx_of_work, stopping, abandoned, beats };
        let (options, resume) = (Arc::clone(&self.options), last_checkpoint(ctx));
        let mut job = tokio::task::spawn_blocking(move || work(&options, resume, &control));
        let result = loop {
            tokio::select! {
                biased;
                Ok(()) = heard.changed() => record(ctx, &mut heard, &running).await,
                result = &mut job => break result,
            }
        };
        if heard.has_changed().unwrap_or(false) {
            record(ctx, &mut heard, &running).await;
        }
        match result {
            Ok(result) => result.map_err(to_activity_error),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(error.into()),
            },
        }
    }
}

#[activities]
impl DatasetActivities {
    /// One step of a task over the dataset that carries the task's id; answers with one line for people.
    ///
    /// Every step may be repeated. `process` and `complete` read the whole input: they heartbeat several times a
    /// second, so a heartbeat timeout of 10 s or more fits. Faults (`DATASET_IO`, `DATASET_BUSY`) may be retried.
    #[activity(definition = keel_types::activity::ProcessStep)]
    pub async fn process_step(
        self: Arc<Self>,
        ctx: ActivityContext,
        task_id: String,
        step: String,
    ) -> Result<String, ActivityError> {
        let step = Step::parse(&step).ok_or_else(|| to_activity_error(DatasetError::UnknownStep(step)))?;
        let id = dataset_of_task(&task_id).to_owned();
        self.run(&ctx, move |options, resume, control| steps::run(step, options, &id, resume, control)).await
    }

    /// Rejects or counts every row of a dataset; answers with the number of good rows in the sentence of the wire
    /// contract.
    ///
    /// It heartbeats its checkpoint several times a second and goes on from it when it is retried. A cancellation
    /// removes the partial output and is reported as such.
    #[activity(definition = keel_types::activity::ProcessLargeDataset)]
    pub async fn process_large_dataset(
        self: Arc<Self>,
        ctx: ActivityContext,
        dataset_id: String,
    ) -> Result<String, ActivityError> {
        let id = dataset_id.clone();
        let processed = self
            .run(&ctx, move |options, resume, control| engine::process(options, &id, resume, control))
            .await?;
        Ok(success_message(processed.rows_accepted, &dataset_id))
    }
}

struct ActivityControl {
    ctx: ActivityContext,
    stopping: CancellationToken,
    abandoned: CancellationToken,
    beats: watch::Sender<Option<Heartbeat>>,
}

impl Control for ActivityControl {
    fn stop(&self) -> Option<Stop> {
        if self.stopping.is_cancelled() || self.abandoned.is_cancelled() {
            Some(Stop::Stopping)
        } else {
            self.ctx.is_cancelled().then_some(Stop::Cancelled)
        }
    }

    fn heartbeat(&self, heartbeat: Heartbeat) {
        self.beats.send_replace(Some(heartbeat));
    }
}

async fn record(ctx: &ActivityContext, heard: &mut watch::Receiver<Option<Heartbeat>>, running: &Running) {
    let Some(heartbeat) = heard.borrow_and_update().clone() else { return };
    running.beat();
    if let Err(error) = ctx.record_heartbeat(heartbeat).await {
        tracing::warn!(error = %error, "a heartbeat could not be encoded; a retry will start from an older one");
    }
}

/// The checkpoint of the attempt before. One that cannot be read only costs time.
fn last_checkpoint(ctx: &ActivityContext) -> Option<Checkpoint> {
    match ctx.heartbeat_details().deserialize::<Heartbeat>() {
        Ok(heartbeat) => heartbeat?.checkpoint,
        Err(error) => {
            tracing::warn!(error = %error, "the last heartbeat cannot be understood; its checkpoint is not used");
            None
        }
    }
}

fn to_activity_error(error: DatasetError) -> ActivityError {
    match error {
        DatasetError::Cancelled { .. } => ActivityError::cancelled(),
        DatasetError::Stopping { .. } => failure::worker_stopping(error.with_causes()),
        error => failure::application(error.kind(), error.with_causes()),
    }
}
