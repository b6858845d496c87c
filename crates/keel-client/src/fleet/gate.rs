//! The gate: a build proves that it works before it gets work.

use std::time::Duration;

use keel_types::gate::GateReport;
use keel_types::names::{UNVERSIONED, gate_workflow_id};
use keel_types::workflow::RolloutGate;
use serde::Serialize;
use temporalio_client::errors::{WorkflowGetResultError, WorkflowStartError};
use temporalio_client::tonic::Code;
use temporalio_client::{
    Client, VersioningOverride, WorkflowDescribeOptions, WorkflowGetResultOptions, WorkflowHandle,
    WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions,
};
use temporalio_common::worker::WorkerDeploymentVersion;

use super::patience::Patience;
use super::{Fleet, FleetError};
use crate::error::{Attempt, CallError, Sorted};
use crate::run::{Outcome, RunInfo};

/// The result is asked for this much before the run is ended by the server, so that its end is seen.
const MARGIN: Duration = Duration::from_secs(2);

/// A gate that was passed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Passed {
    /// The deployment.
    pub deployment: String,
    /// The workflow id.
    pub workflow_id: String,
    /// The run id.
    pub run_id: String,
    /// Seconds from the start of the run to its result.
    pub seconds: f64,
    /// Who ran it: `buildId` and `identity` of the workflow's worker, and the same of the activity's under `activity`.
    #[serde(flatten)]
    pub report: GateReport,
}

type Handle = WorkflowHandle<Client, RolloutGate>;

impl Fleet {
    /// Runs the gate workflow on workers of `build`, whether it gets work or not. A build whose workers are still
    /// starting is waited for; all together takes at most `limit`.
    ///
    /// # Errors
    /// [`FleetError`]: `NoBuild`, `GateTimeout` when no worker ran it in time, `GateFailed` when one did and it failed or
    /// another build ran it, or a failed call.
    pub async fn gate(&self, build: &str, limit: Duration) -> Result<Passed, FleetError> {
        let mut patience = Patience::new(limit);
        let handle = self.start_gate(build, &mut patience).await?;
        let begun = std::time::Instant::now();
        let left = patience.left();
        let options = WorkflowGetResultOptions::builder().rpc_options(self.caller.rpc()).build();
        let report = match tokio::time::timeout(left, handle.get_result(options)).await {
            Ok(Ok(report)) => report,
            Ok(Err(WorkflowGetResultError::TimedOut)) | Err(_) => {
                return Err(self.gate_timeout(build, limit, &handle).await);
            }
            Ok(Err(error)) => return Err(failed(build, error)),
        };
        if let Some(other) = report.stranger(build) {
            return Err(FleetError::GateFailed {
                build: build.to_owned(),
                reason: format!(
                    "worker {} of build `{}` ran it; does it name its build in worker.build_id?",
                    other.identity, other.build_id
                ),
            });
        }
        Ok(Passed {
            deployment: self.deployment.clone(),
            workflow_id: gate_workflow_id(&self.deployment, build),
            run_id: handle.run_id().unwrap_or_default().to_owned(),
            seconds: begun.elapsed().as_secs_f64(),
            report,
        })
    }

    /// Starts it, once the server knows that workers of the build poll the queue.
    async fn start_gate(&self, build: &str, patience: &mut Patience) -> Result<Handle, FleetError> {
        loop {
            let options = self.gate_options(build, patience.left());
            let started = self.caller.client().start_workflow(RolloutGate, build.to_owned(), options);
            let attempt = Attempt::about(format!("start the gate of build `{build}`"));
            let error = match self.caller.bounded::<_, WorkflowStartError>(attempt, started).await {
                Ok(handle) => return Ok(handle),
                Err(error) => error,
            };
            let unknown = matches!(
                &error,
                CallError::Server { code: Code::NotFound | Code::FailedPrecondition | Code::InvalidArgument, source, .. }
                    if source.message().to_ascii_lowercase().contains("version")
            );
            if !unknown && !error.is_server_away() {
                return Err(error.into());
            }
            if !patience.pause().await {
                return Err(if unknown { self.no_build(build, patience.limit).await } else { error.into() });
            }
        }
    }

    fn gate_options(&self, build: &str, left: Duration) -> WorkflowStartOptions {
        let version =
            WorkerDeploymentVersion::builder().deployment_name(&self.deployment).build_id(build).build();
        let pinned = (build != UNVERSIONED).then_some(VersioningOverride::Pinned(version));
        WorkflowStartOptions::new(self.caller.task_queue(), gate_workflow_id(&self.deployment, build))
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .id_conflict_policy(WorkflowIdConflictPolicy::TerminateExisting)
            .execution_timeout(left.saturating_sub(MARGIN).max(MARGIN))
            .maybe_versioning_override(pinned)
            .rpc_options(self.caller.rpc())
            .build()
    }

    async fn no_build(&self, build: &str, waited: Duration) -> FleetError {
        let known = self.describe().await.ok().flatten();
        FleetError::NoBuild {
            deployment: self.deployment.clone(),
            build: build.to_owned(),
            known: known.map(|known| known.builds()).unwrap_or_default(),
            waited,
        }
    }

    async fn gate_timeout(&self, build: &str, limit: Duration, handle: &Handle) -> FleetError {
        let described = handle.describe(WorkflowDescribeOptions::default());
        let run = tokio::time::timeout(self.caller.timeout(), described).await;
        let found = match run {
            Ok(Ok(description)) => {
                let run = RunInfo::of_description(&description);
                match run.activities.first() {
                    Some(activity) => {
                        let why =
                            activity.last_failure.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
                        format!("activity {} is at attempt {}{why}", activity.name, activity.attempt)
                    }
                    None => "no worker of this build took its task".to_owned(),
                }
            }
            _ => "the server did not say why".to_owned(),
        };
        FleetError::GateTimeout { build: build.to_owned(), limit, found }
    }
}

fn failed(build: &str, error: WorkflowGetResultError) -> FleetError {
    match Outcome::of_error(error) {
        Ok(outcome) => FleetError::GateFailed { build: build.to_owned(), reason: outcome.to_string() },
        Err(error) => {
            error.sorted(Attempt::about(format!("read the result of the gate of build `{build}`"))).into()
        }
    }
}
