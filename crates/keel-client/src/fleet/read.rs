//! What the server says of a deployment and its versions.

use temporalio_client::WorkflowCountOptions;
use temporalio_client::tonic::Code;
use temporalio_common::protos::temporal::api::deployment::v1::worker_deployment_info::WorkerDeploymentVersionSummary;
use temporalio_common::protos::temporal::api::deployment::v1::{RoutingConfig, WorkerDeploymentVersion};
use temporalio_common::protos::temporal::api::enums::v1::RoutingConfigUpdateState;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueueVersioningInfo;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeWorkerDeploymentRequest, DescribeWorkerDeploymentVersionRequest,
    DescribeWorkerDeploymentVersionResponse,
};

use keel_types::names::UNVERSIONED;

use super::Fleet;
use super::view::Ramp;
use crate::error::{Attempt, CallError};
use crate::queue::TaskKind;

/// Runs that a worker without a build id has worked on; a run that nobody has taken yet is not among them.
const RAN_UNVERSIONED: &str = "TemporalWorkerDeploymentVersion IS NULL AND BuildIds IS NOT NULL";

/// A deployment that the server knows.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// Goes back with a change, which is refused if another came between.
    pub(super) token: Vec<u8>,
    pub(super) versions: Vec<WorkerDeploymentVersionSummary>,
    pub(super) routing: RoutingConfig,
    /// Whether all task queues have heard of `routing`.
    pub(super) settled: bool,
}

impl Known {
    /// The build that new runs go to.
    pub(super) fn current(&self) -> String {
        build_of(self.routing.current_deployment_version.as_ref())
    }

    /// The build that is being tried.
    pub(super) fn ramp(&self) -> Option<Ramp> {
        let ramping = self.routing.ramping_deployment_version.as_ref();
        let percent = self.routing.ramping_version_percentage;
        // An absent version with a share means that workers without a build id are being tried.
        if ramping.is_none() && percent <= 0.0 {
            return None;
        }
        Some(Ramp { build_id: build_of(ramping), percent })
    }

    pub(super) fn builds(&self) -> Vec<String> {
        self.versions.iter().map(|version| build_of(version.deployment_version.as_ref())).collect()
    }

    pub(super) fn has(&self, build: &str) -> bool {
        self.builds().iter().any(|known| known == build)
    }
}

fn follows(queue: &TaskQueueVersioningInfo, routing: &RoutingConfig) -> bool {
    queue.current_deployment_version == routing.current_deployment_version
        && queue.ramping_deployment_version == routing.ramping_deployment_version
        && queue.ramping_version_percentage.to_bits() == routing.ramping_version_percentage.to_bits()
}

/// No version means workers without a build id.
pub(super) fn build_of(version: Option<&WorkerDeploymentVersion>) -> String {
    version.map_or_else(|| UNVERSIONED.to_owned(), |version| version.build_id.clone())
}

impl Fleet {
    /// The deployment; `None` while no worker has polled as one of its versions.
    pub(super) async fn describe(&self) -> Result<Option<Known>, CallError> {
        let message = DescribeWorkerDeploymentRequest {
            namespace: self.caller.namespace().to_owned(),
            deployment_name: self.deployment.clone(),
        };
        let attempt = Attempt::about(format!("describe deployment `{}`", self.deployment));
        let mut service = self.caller.client().connection().workflow_service();
        let request = self.caller.request(message);
        let answer = match self.caller.bounded(attempt, service.describe_worker_deployment(request)).await {
            Ok(answer) => answer.into_inner(),
            Err(CallError::Server { code: Code::NotFound, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let info = answer.worker_deployment_info.unwrap_or_default();
        let routing = info.routing_config.unwrap_or_default();
        let settled = info.routing_config_update_state != RoutingConfigUpdateState::InProgress as i32
            || self.queues_follow(&routing).await?;
        Ok(Some(Known { token: answer.conflict_token, versions: info.version_summaries, routing, settled }))
    }

    /// Whether the task queue itself, of either kind, says the same as `routing`. A busy server may forget to note that a
    /// change has arrived everywhere, and then says for ever that it is on its way.
    async fn queues_follow(&self, routing: &RoutingConfig) -> Result<bool, CallError> {
        for kind in [TaskKind::Workflow, TaskKind::Activity] {
            let queue = self.caller.describe_queue(self.caller.task_queue(), kind).await?;
            if !queue.versioning_info.is_some_and(|known| follows(&known, routing)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One version with what waits for it; `None` when it is gone meanwhile.
    pub(super) async fn describe_version(
        &self,
        build: &str,
    ) -> Result<Option<DescribeWorkerDeploymentVersionResponse>, CallError> {
        let message = DescribeWorkerDeploymentVersionRequest {
            namespace: self.caller.namespace().to_owned(),
            deployment_version: Some(self.version_of(build)),
            report_task_queue_stats: true,
            ..Default::default()
        };
        let attempt = Attempt::about(format!("describe build `{build}` of deployment `{}`", self.deployment));
        let mut service = self.caller.client().connection().workflow_service();
        let request = self.caller.request(message);
        match self.caller.bounded(attempt, service.describe_worker_deployment_version(request)).await {
            Ok(answer) => Ok(Some(answer.into_inner())),
            Err(CallError::Server { code: Code::NotFound, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Runs of a build that have not ended. The server's index may be a moment late.
    pub(super) async fn open_runs(&self, build: &str) -> Result<u64, CallError> {
        let query = self.running_on(build);
        let options = WorkflowCountOptions::builder().rpc_options(self.caller.rpc()).build();
        let attempt = Attempt::about(format!("count the runs of build `{build}`"));
        let count =
            self.caller.bounded(attempt, self.caller.client().count_workflows(query, options)).await?;
        Ok(count.count() as u64)
    }

    /// The query of the server's index for the open runs of a build.
    pub(super) fn running_on(&self, build: &str) -> String {
        let mine = match build {
            UNVERSIONED => RAN_UNVERSIONED.to_owned(),
            build => format!("TemporalWorkerDeploymentVersion = '{}'", self.version(build)),
        };
        format!("{mine} AND TaskQueue = '{}' AND ExecutionStatus = 'Running'", self.caller.task_queue())
    }

    pub(super) fn version_of(&self, build: &str) -> WorkerDeploymentVersion {
        WorkerDeploymentVersion { build_id: build.to_owned(), deployment_name: self.deployment.clone() }
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::deployment::v1::{RoutingConfig, WorkerDeploymentVersion};
    use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueueVersioningInfo;

    use super::follows;

    #[test]
    fn a_queue_follows_when_it_sends_runs_to_the_same_builds_in_the_same_shares() {
        let version = |build: &str| {
            Some(WorkerDeploymentVersion { build_id: build.to_owned(), deployment_name: "keel".to_owned() })
        };
        let routing = RoutingConfig {
            current_deployment_version: version("a"),
            ramping_deployment_version: version("b"),
            ramping_version_percentage: 10.0,
            ..RoutingConfig::default()
        };
        let queue = |current: &str, ramping: &str, percent: f32| TaskQueueVersioningInfo {
            current_deployment_version: version(current),
            ramping_deployment_version: version(ramping),
            ramping_version_percentage: percent,
            ..TaskQueueVersioningInfo::default()
        };
        assert!(follows(&queue("a", "b", 10.0), &routing));
        for other in [queue("b", "b", 10.0), queue("a", "a", 10.0), queue("a", "b", 1.0)] {
            assert!(!follows(&other, &routing), "{other:?}");
        }
        assert!(!follows(&TaskQueueVersioningInfo::default(), &routing));
    }
}
