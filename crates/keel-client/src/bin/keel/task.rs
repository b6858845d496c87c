//! `keel task …`, and what datasets do the same way.

use clap::Subcommand;
use keel_client::jobs::{Job, JobStart, Jobs};
use keel_client::{JobView, Tasks};
use keel_types::progress::{Progress, Step};
use serde_json::json;
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};

use crate::cli::id;
use crate::output::{Exit, Failure};
use crate::settings::Context;
use crate::{show, watch};

#[derive(Debug, Subcommand)]
pub(crate) enum TaskCommand {
    /// Start a task over the dataset of the same id
    Start {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Follow it until it ends
        #[arg(long)]
        watch: bool,
    },
    /// Follow a task until it ends; exit 0 if it completed
    Watch {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
    },
    /// Show everything known of a task
    Show {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
    },
    /// Cancel a task; it cleans up first
    Cancel {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "cancelled with keel")]
        reason: String,
    },
}

pub(crate) async fn run(context: &Context, command: TaskCommand) -> Result<Exit, Failure> {
    let tasks = Tasks::new(context.connect().await?);
    match command {
        TaskCommand::Start { id, watch } => start(context, &tasks, &id, watch).await,
        TaskCommand::Watch { id } => watch::job(context.out, &id, tasks.watch(&id)).await,
        TaskCommand::Show { id } => {
            let view = tasks.view(&id).await?;
            context.out.data(&view, || job_text("task", &view))?;
            Ok(Exit::Success)
        }
        TaskCommand::Cancel { id, reason } => cancel(context, &tasks, &id, &reason).await,
    }
}

/// Starts a job and follows it if that is asked for.
pub(crate) async fn start<J>(
    context: &Context,
    jobs: &Jobs<J>,
    id: &str,
    follow: bool,
) -> Result<Exit, Failure>
where
    J: Job,
    J::Workflow:
        HasWorkflowDefinition<Run = J::Workflow> + WorkflowDefinition<Input = String, Output = String>,
{
    let started = jobs.start(id).await?;
    let word = J::KIND.word();
    context.out.data(&started, || {
        let JobStart { id, workflow_id, run_id, already_running } = &started;
        let what = if *already_running { "is already running" } else { "is started" };
        format!("{word} {id} {what} (workflow {workflow_id}, run {run_id})")
    })?;
    if follow { watch::job(context.out, id, jobs.watch(id)).await } else { Ok(Exit::Success) }
}

/// Asks a job to stop.
pub(crate) async fn cancel<J>(
    context: &Context,
    jobs: &Jobs<J>,
    id: &str,
    reason: &str,
) -> Result<Exit, Failure>
where
    J: Job,
    J::Workflow:
        HasWorkflowDefinition<Run = J::Workflow> + WorkflowDefinition<Input = String, Output = String>,
{
    jobs.cancel(id, reason).await?;
    let word = J::KIND.word();
    context.out.data(&json!({"id": id, "sent": "cancel"}), || {
        format!("cancellation of {word} {id} is sent; `keel {word} watch {id}` shows it end")
    })?;
    Ok(Exit::Success)
}

/// A job for people.
pub(crate) fn job_text(word: &'static str, view: &JobView) -> String {
    let mut rows = vec![(word, view.id.clone())];
    match &view.progress {
        Some(Progress { current_step, completed_steps, progress, estimated_completion }) => {
            rows.push(("step", current_step.clone()));
            rows.push(("progress", format!("{progress} %")));
            if !completed_steps.is_empty() {
                rows.push(("done", completed_steps.join(", ")));
            }
            if view.outcome.is_none() {
                rows.push(("expected end", estimated_completion.clone()));
            }
        }
        None => rows.extend(view.run.task_step.clone().map(|step| ("step", step))),
    }
    let step = view.progress.as_ref().map(|progress| progress.current_step.as_str());
    let step = step.or(view.run.task_step.as_deref()).and_then(Step::parse);
    if let Some(heartbeat) = view.run.heartbeat() {
        let percent = heartbeat.fraction() * 100.0;
        rows.push(match step {
            // The last step reads the file once more, for its checksum, and counts no rows.
            Some(Step::Complete) => ("hashed", format!("{percent:.1} % of the bytes")),
            _ => (
                "rows",
                format!(
                    "{} accepted, {} rejected, {percent:.1} % of the file",
                    show::grouped(heartbeat.rows_accepted),
                    show::grouped(heartbeat.rows_rejected),
                ),
            ),
        });
    }
    show::run_rows(&view.run, view.outcome.as_ref(), &mut rows);
    rows.push(("source", show::source(view.source)));
    show::pairs(&rows)
}
