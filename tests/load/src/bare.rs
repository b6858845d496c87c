//! The floor: a worker made of nothing but the SDK, with the shapes of Keel's workflows and activities that do nothing.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use temporalio_common::data_converters::RawValue;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{
    ActivityOptions, Runtime, SyncWorkflowContext, Worker, WorkerOptions, WorkflowContext, WorkflowResult,
};

use crate::work::connect;

#[derive(clap::Args)]
pub struct Args {
    /// The task queue to poll.
    #[arg(long)]
    task_queue: String,
    /// The server.
    #[arg(long, env = "TEMPORAL_ADDRESS")]
    address: String,
    /// Written once the worker polls.
    #[arg(long)]
    ready_file: PathBuf,
}

pub async fn run(args: Args) -> anyhow::Result<()> {
    let client = connect(&args.address).await?;
    let runtime = Runtime::from_current_tokio(RuntimeOptions::default())?;
    let options = WorkerOptions::new(&args.task_queue)
        .register_workflow::<BareOrder>()?
        .register_workflow::<BareTask>()?
        .register_activities(Empty)
        .build();
    let mut worker = Worker::new(&runtime, client, options)?;
    let stop = worker.shutdown_handle();
    tokio::spawn(async move {
        let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
            .expect("the handler can be installed");
        term.recv().await;
        stop();
    });
    std::fs::write(&args.ready_file, "ready\n")?;
    Ok(worker.run().await?)
}

fn options() -> ActivityOptions {
    ActivityOptions::start_to_close_timeout(Duration::from_secs(30))
}

/// Waits for `approve`, then runs four activities: the shape of an order.
#[workflow]
#[derive(Default)]
pub struct BareOrder {
    approved: bool,
}

#[workflow_methods]
impl BareOrder {
    #[run(name = "interactiveOrderWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _order: RawValue) -> WorkflowResult<String> {
        ctx.wait_condition(|s| s.approved).await?;
        for step in ["reserve", "charge", "book", "process"] {
            ctx.execute_activity(Empty::step, step.to_owned(), options()).await?;
        }
        Ok("done".to_owned())
    }

    #[signal(name = "approve")]
    pub fn approve(&mut self, _ctx: &mut SyncWorkflowContext<Self>, _by: String) {
        self.approved = true;
    }
}

/// Runs five activities: the shape of a task.
#[workflow]
#[derive(Default)]
pub struct BareTask;

#[workflow_methods]
impl BareTask {
    #[run(name = "trackableWorkflow")]
    pub async fn run(ctx: &mut WorkflowContext<Self>, _task: String) -> WorkflowResult<String> {
        for step in ["validate", "process", "analyze", "generate", "complete"] {
            ctx.execute_activity(Empty::step, step.to_owned(), options()).await?;
        }
        Ok("done".to_owned())
    }
}

pub struct Empty;

#[activities]
impl Empty {
    #[activity(name = "emptyStep")]
    pub async fn step(self: Arc<Self>, _ctx: ActivityContext, _step: String) -> Result<(), ActivityError> {
        Ok(())
    }
}
