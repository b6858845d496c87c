//! `trackableWorkflow`: five steps over the dataset that carries the task's id, with progress people watch.
//!
//! Id: Keel's client uses `task-<id>`. Query `getProgress`. The step *process* runs `processLargeDataset`, the others run
//! `processStep`. Adding, removing or reordering a step needs a patch (`ctx.patched`).
#![expect(
    missing_docs,
    reason = "the macro makes constants of the handlers that carry no docs; the module does"
)]

use std::sync::Arc;
use std::time::SystemTime;

use temporalio_common::data_converters::{MultiArgs2, RawValue};
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityExecutionError, WorkflowContext, WorkflowContextView, WorkflowResult};

use keel_types::activity::{ProcessLargeDataset, ProcessStep};
use keel_types::failure::FailureType;
use keel_types::names::{handler, search_attribute, workflow};
use keel_types::progress::{COMPLETED, Progress, ProgressTracker, Step};
use keel_types::task::{dataset_of_task, success_message};

use crate::failure::{StepError, failed};
use crate::input;
use crate::log;
use crate::options::WorkflowOptions;
use crate::time::now;

const TASK_STEP: SearchAttributeKey<String> = SearchAttributeKey::keyword(search_attribute::TASK_STEP);

/// One task.
#[workflow]
pub struct TrackableWorkflow {
    options: Arc<WorkflowOptions>,
    progress: ProgressTracker,
}

#[workflow_methods(factory_only)]
impl TrackableWorkflow {
    #[run(name = workflow::TRACKABLE)]
    pub async fn run(ctx: &mut WorkflowContext<Self>, raw: RawValue) -> WorkflowResult<String> {
        let task_id = input::id("task id", raw, ctx.payload_converter())
            .map_err(|problem| failed(FailureType::InputInvalid, problem))?;
        let started = now(ctx);
        ctx.state_mut(|s| s.progress = ProgressTracker::new(&Step::ALL, started));
        for step in Step::ALL {
            begin(ctx, &task_id, step);
            let report = perform(ctx, &task_id, step).await.map_err(|error| {
                let error = StepError::from(error);
                log::warning!(ctx, task_id, %step, "step did not succeed");
                error.into_termination()
            })?;
            let at = now(ctx);
            ctx.state_mut(|s| s.progress.finish(step, at));
            log::info!(ctx, task_id, %step, report, "step done");
        }
        let at = now(ctx);
        ctx.state_mut(|s| s.progress.complete(at));
        ctx.upsert_search_attributes([TASK_STEP.value_set(COMPLETED.to_owned())]);
        ctx.set_current_details(format!("**Task {task_id}** is **completed**"));
        Ok(success_message(&task_id))
    }

    #[query(name = handler::GET_PROGRESS)]
    pub fn get_progress(&self, _ctx: &WorkflowContextView) -> Progress {
        self.progress.snapshot()
    }
}

impl TrackableWorkflow {
    /// A fresh run with these options.
    #[must_use]
    pub fn new(options: Arc<WorkflowOptions>) -> Self {
        Self { options, progress: ProgressTracker::new(&Step::ALL, SystemTime::UNIX_EPOCH) }
    }
}

fn begin(ctx: &WorkflowContext<TrackableWorkflow>, task_id: &str, step: Step) {
    let at = now(ctx);
    ctx.state_mut(|s| s.progress.begin(step, at));
    ctx.upsert_search_attributes([TASK_STEP.value_set(step.to_string())]);
    let percent = ctx.state(|s| s.progress.snapshot().progress);
    ctx.set_current_details(format!("**Task {task_id}** is at **{step}**, {percent} % done"));
}

async fn perform(
    ctx: &WorkflowContext<TrackableWorkflow>,
    task_id: &str,
    step: Step,
) -> Result<String, ActivityExecutionError> {
    let options = ctx.state(|s| s.options.task.clone());
    if step == Step::Process {
        let dataset_id = dataset_of_task(task_id).to_owned();
        ctx.execute_activity(ProcessLargeDataset, dataset_id, options.process()).await
    } else {
        let input = MultiArgs2(task_id.to_owned(), step.to_string());
        // The last step reads the whole input once more for its checksum, and heartbeats as it goes.
        let options = if step == Step::Complete { options.process() } else { options.step() };
        ctx.execute_activity(ProcessStep, input, options).await
    }
}
