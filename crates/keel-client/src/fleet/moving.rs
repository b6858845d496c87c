//! Moving open runs from one build to another, which a rollout that failed needs: what began on the bad build must not
//! wait for workers that will never come back.
//!
//! Each run is pinned to the other build and then asked something, which makes a worker of that build replay it. A run that
//! it cannot replay is reset to its beginning: it runs again with the same input and the same decisions, and since every
//! effect has a key of its own, nothing happens twice.

mod proof;
mod reset;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use temporalio_client::WorkflowListOptions;
use temporalio_client::tonic::Code;
use temporalio_common::protos::temporal::api::common::v1::WorkflowExecution;
use temporalio_common::protos::temporal::api::workflow::v1::versioning_override::{
    Override, PinnedOverride, PinnedOverrideBehavior,
};
use temporalio_common::protos::temporal::api::workflow::v1::{VersioningOverride, WorkflowExecutionOptions};
use temporalio_common::protos::temporal::api::workflowservice::v1::UpdateWorkflowExecutionOptionsRequest;

use super::patience::Patience;
use super::{Fleet, FleetError};
use crate::error::{Attempt, CallError};

/// Runs moved at once.
const AT_ONCE: usize = 8;
/// Runs listed at once; more are found in the next round.
const LISTED: usize = 500;
/// So long nothing more must come: the server's index is a moment late.
const QUIET: Duration = Duration::from_secs(3);
/// The part of a run's options that is changed.
const MASK: &str = "versioning_override";

/// What became of the runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// The deployment.
    pub deployment: String,
    /// Where they were.
    pub from: String,
    /// Where they are.
    pub to: String,
    /// Runs that go on where they stood, by workflow id.
    pub moved: Vec<String>,
    /// Runs that the other build cannot replay and that began again.
    pub reset: Vec<String>,
    /// Runs of which nobody could tell whether they go on; they are pinned to the other build all the same.
    pub unproven: Vec<Unproven>,
}

/// A run that was moved and did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unproven {
    /// The workflow id.
    pub workflow_id: String,
    /// Why.
    pub reason: String,
}

/// One open run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Run {
    id: String,
    run: String,
    kind: String,
}

/// How moving one of them ended.
enum Fate {
    Moved,
    Reset,
    /// It ended before it could be moved.
    Ended,
    Unproven(String),
}

impl Fleet {
    /// Moves every open run of one build to another. Runs that come meanwhile are moved too, until none has come for a
    /// while; doing it twice is fine.
    ///
    /// # Errors
    /// [`FleetError::NoBuild`] when nobody knows `to`, or a failed call. What was moved stays moved.
    pub async fn move_runs(&self, from: &str, to: &str, limit: Duration) -> Result<Moved, FleetError> {
        let mut patience = Patience::new(limit);
        let known = patience.retry(|| self.describe()).await?;
        let builds = known.map(|known| known.builds()).unwrap_or_default();
        if !builds.iter().any(|build| build == to) {
            let (deployment, build) = (self.deployment.clone(), to.to_owned());
            return Err(FleetError::NoBuild { deployment, build, known: builds, waited: limit });
        }
        let mut fates: BTreeMap<Run, Fate> = BTreeMap::new();
        let (mut last, mut seen) = (Instant::now(), BTreeSet::new());
        while last.elapsed() < QUIET {
            let runs = patience.retry(|| self.runs_on(from)).await?;
            let open: Vec<_> = runs.into_iter().filter(|run| seen.insert(run.clone())).collect();
            let found = !open.is_empty();
            let moved = stream::iter(open)
                .map(|run| self.move_run(run, to, &patience))
                .buffer_unordered(AT_ONCE)
                .try_collect::<Vec<_>>()
                .await?;
            fates.extend(moved);
            if found {
                last = Instant::now();
            }
            if !patience.pause().await {
                break;
            }
        }
        let mut moved = Moved {
            deployment: self.deployment.clone(),
            from: from.to_owned(),
            to: to.to_owned(),
            ..Moved::default()
        };
        for (run, fate) in fates {
            match fate {
                Fate::Moved => moved.moved.push(run.id),
                Fate::Reset => moved.reset.push(run.id),
                Fate::Ended => {}
                Fate::Unproven(reason) => moved.unproven.push(Unproven { workflow_id: run.id, reason }),
            }
        }
        Ok(moved)
    }

    /// Open runs of a build, as far as the server's index knows.
    async fn runs_on(&self, build: &str) -> Result<Vec<Run>, CallError> {
        let query = self.running_on(build);
        let options = WorkflowListOptions::builder().limit(LISTED).rpc_options(self.caller.rpc()).build();
        let listed = self.caller.client().list_workflows(query, options).try_collect::<Vec<_>>();
        let attempt = Attempt::about(format!("list the runs of build `{build}`"));
        let listed = self.caller.bounded(attempt, listed).await?;
        Ok(listed
            .iter()
            .map(|run| Run {
                id: run.id().to_owned(),
                run: run.run_id().to_owned(),
                kind: run.workflow_type().to_owned(),
            })
            .collect())
    }

    async fn move_run(&self, run: Run, to: &str, patience: &Patience) -> Result<(Run, Fate), CallError> {
        let mut patience = Patience::new(patience.left());
        let pinned = patience.retry(|| self.pin(&run, to)).await;
        let fate = match pinned {
            Ok(()) => self.prove(&run, to, &mut patience).await?,
            Err(error) if is_over(&error) => Fate::Ended,
            Err(error) => return Err(error),
        };
        Ok((run, fate))
    }

    async fn pin(&self, run: &Run, to: &str) -> Result<(), CallError> {
        let mut message = UpdateWorkflowExecutionOptionsRequest {
            namespace: self.caller.namespace().to_owned(),
            workflow_execution: Some(run.execution()),
            workflow_execution_options: Some(self.pinned_to(to)),
            update_mask: Some(Default::default()),
            identity: self.caller.client().connection().identity().to_owned(),
        };
        message.update_mask.get_or_insert_default().paths.push(MASK.to_owned());
        let mut service = self.caller.client().connection().workflow_service();
        let call = service.update_workflow_execution_options(self.caller.request(message));
        let attempt = Attempt::about(format!("move run `{}` to build `{to}`", run.id));
        self.caller.bounded(attempt, call).await.map(drop)
    }

    fn pinned_to(&self, build: &str) -> WorkflowExecutionOptions {
        let pinned = PinnedOverride {
            behavior: PinnedOverrideBehavior::Pinned as i32,
            version: Some(self.version_of(build)),
        };
        let to = VersioningOverride { r#override: Some(Override::Pinned(pinned)), ..Default::default() };
        WorkflowExecutionOptions { versioning_override: Some(to), ..Default::default() }
    }
}

impl Run {
    fn execution(&self) -> WorkflowExecution {
        WorkflowExecution { workflow_id: self.id.clone(), run_id: self.run.clone() }
    }
}

/// Whether a call failed because the run has ended.
fn is_over(error: &CallError) -> bool {
    matches!(error, CallError::Server { code: Code::NotFound, .. } | CallError::Unknown { .. })
}
