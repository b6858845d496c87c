//! `datasetWorkflow`: one dataset processed on its own.
//!
//! Id: Keel's client uses `dataset-<id>`. Query `getProgress`. The result is the activity's; a cancelled run ends as
//! cancelled once the activity has cleaned up.
#![expect(
    missing_docs,
    reason = "the macro makes constants of the handlers that carry no docs; the module does"
)]

use std::sync::Arc;
use std::time::SystemTime;

use temporalio_common::data_converters::RawValue;
use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{WorkflowContext, WorkflowContextView, WorkflowResult};

use keel_types::activity::ProcessLargeDataset;
use keel_types::failure::FailureType;
use keel_types::names::{handler, workflow};
use keel_types::progress::{Progress, ProgressTracker, Step};

use crate::failure::{StepError, failed};
use crate::input;
use crate::log;
use crate::options::WorkflowOptions;
use crate::time::now;

const STEPS: [Step; 1] = [Step::Process];

/// One dataset run.
#[workflow]
pub struct DatasetWorkflow {
    options: Arc<WorkflowOptions>,
    progress: ProgressTracker,
}

#[workflow_methods(factory_only)]
impl DatasetWorkflow {
    #[run(name = workflow::DATASET)]
    pub async fn run(ctx: &mut WorkflowContext<Self>, raw: RawValue) -> WorkflowResult<String> {
        let dataset_id = input::id("dataset id", raw, ctx.payload_converter())
            .map_err(|problem| failed(FailureType::InputInvalid, problem))?;
        let started = now(ctx);
        ctx.state_mut(|s| {
            s.progress = ProgressTracker::new(&STEPS, started);
            s.progress.begin(Step::Process, started);
        });
        ctx.set_current_details(format!("**Dataset {dataset_id}** is being processed"));
        let options = ctx.state(|s| s.options.task.process());
        let result = ctx
            .execute_activity(ProcessLargeDataset, dataset_id.clone(), options)
            .await
            .map_err(|error| StepError::from(error).into_termination())?;
        let at = now(ctx);
        ctx.state_mut(|s| {
            s.progress.finish(Step::Process, at);
            s.progress.complete(at);
        });
        ctx.set_current_details(format!("**Dataset {dataset_id}**: {result}"));
        log::info!(ctx, dataset_id, result, "dataset done");
        Ok(result)
    }

    #[query(name = handler::GET_PROGRESS)]
    pub fn get_progress(&self, _ctx: &WorkflowContextView) -> Progress {
        self.progress.snapshot()
    }
}

impl DatasetWorkflow {
    /// A fresh run with these options.
    #[must_use]
    pub fn new(options: Arc<WorkflowOptions>) -> Self {
        Self { options, progress: ProgressTracker::new(&STEPS, SystemTime::UNIX_EPOCH) }
    }
}
