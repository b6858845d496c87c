//! `rolloutGateWorkflow`: proves that a build can work, before it gets real work.
//!
//! `keel fleet gate` starts it pinned to the build in question, so that only workers of that build can run it. One local
//! activity asks the store, one remote activity looks at the data directory; neither changes anything. Id:
//! `rollout-gate-<deployment>-<build>`. The starter bounds the whole run.
#![expect(
    missing_docs,
    reason = "the macro makes constants of the handlers that carry no docs; the module does"
)]

use std::time::Duration;

use temporalio_macros::{workflow, workflow_methods};
use temporalio_sdk::{ActivityOptions, LocalActivityOptions, WorkflowContext, WorkflowResult};

use keel_types::activity::{GateData, GateStore};
use keel_types::gate::GateReport;
use keel_types::names::workflow;

use crate::failure::StepError;

/// One attempt at either activity.
const ATTEMPT: Duration = Duration::from_secs(5);
/// All attempts at either; a build that is well needs one.
const TOGETHER: Duration = Duration::from_secs(20);

/// One gate.
#[workflow]
#[derive(Default)]
pub struct RolloutGateWorkflow {}

#[workflow_methods]
impl RolloutGateWorkflow {
    #[run(name = workflow::ROLLOUT_GATE)]
    pub async fn run(ctx: &mut WorkflowContext<Self>, build_id: String) -> WorkflowResult<GateReport> {
        let workflow = ctx
            .execute_local_activity(GateStore, build_id.clone(), local())
            .await
            .map_err(|error| StepError::from(error).into_termination())?;
        let activity = ctx
            .execute_activity(GateData, build_id, remote())
            .await
            .map_err(|error| StepError::from(error).into_termination())?;
        Ok(GateReport { workflow, activity })
    }
}

fn local() -> LocalActivityOptions {
    LocalActivityOptions::builder()
        .start_to_close_timeout(ATTEMPT)
        .schedule_to_close_timeout(TOGETHER)
        .build()
}

fn remote() -> ActivityOptions {
    ActivityOptions::with_close_timeouts(crate::options::bounded(ATTEMPT, TOGETHER)).build()
}
