//! Who polls the queue, of which build, and what waits in it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use keel_types::names::UNVERSIONED;
use temporalio_common::protos::temporal::api::enums::v1::{
    DescribeTaskQueueMode, TaskQueueType, WorkerVersioningMode,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::{
    PollerInfo, TaskQueue, TaskQueueVersionSelection,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeTaskQueueRequest, DescribeTaskQueueResponse,
};

use super::Fleet;
use super::view::{Load, WorkerView};
use crate::error::{Attempt, CallError};
use crate::queue::TaskKind;

/// A long poll lasts a minute; a worker that has not asked for longer is gone, or busy to the brim.
const POLL_LASTS: Duration = Duration::from_secs(70);

/// The workers by build. Workers of other deployments are not in here.
pub(super) type Workers = BTreeMap<String, Vec<WorkerView>>;

/// The queue at one moment.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) workers: Workers,
    /// What waits, by kind of task.
    pub(super) total: Vec<Load>,
}

const KINDS: [(TaskKind, TaskQueueType); 2] =
    [(TaskKind::Workflow, TaskQueueType::Workflow), (TaskKind::Activity, TaskQueueType::Activity)];

impl Fleet {
    /// Asks about the queue that new runs go to. Sticky queues are their workers' own and not in here.
    pub(super) async fn queue(&self, builds: &[String]) -> Result<Queue, CallError> {
        let [workflow, activity] = KINDS.map(|(_, kind)| self.one_kind(kind));
        let (workflow, activity, everywhere) = tokio::join!(workflow, activity, self.everywhere(builds));
        let mut seen = Vec::new();
        let mut total = Vec::new();
        for ((kind, _), answer) in KINDS.into_iter().zip([workflow?, activity?]) {
            total.push(Load::of(self.caller.task_queue(), kind, answer.stats.as_ref()));
            seen.extend(answer.pollers.into_iter().map(|poller| (kind, poller)));
        }
        // Only this way the server tells the pollers of all partitions; it is an old way, and may go.
        seen.extend(everywhere.unwrap_or_default());
        Ok(Queue { workers: workers(&self.deployment, seen, SystemTime::now()), total })
    }

    async fn one_kind(&self, kind: TaskQueueType) -> Result<DescribeTaskQueueResponse, CallError> {
        let request = DescribeTaskQueueRequest {
            task_queue_type: kind as i32,
            report_stats: true,
            ..self.about_queue()
        };
        self.describe_queue(request).await
    }

    #[expect(deprecated, reason = "nothing else tells the pollers of all partitions")]
    async fn everywhere(&self, builds: &[String]) -> Result<Vec<(TaskKind, PollerInfo)>, CallError> {
        let request = DescribeTaskQueueRequest {
            api_mode: DescribeTaskQueueMode::Enhanced as i32,
            task_queue_types: KINDS.iter().map(|(_, kind)| *kind as i32).collect(),
            report_pollers: true,
            versions: Some(TaskQueueVersionSelection {
                build_ids: builds.iter().map(|build| self.version(build)).collect(),
                unversioned: true,
                all_active: false,
            }),
            ..self.about_queue()
        };
        let answer = self.describe_queue(request).await?;
        let mut seen = Vec::new();
        for version in answer.versions_info.into_values() {
            for (kind, of_server) in KINDS {
                let info = version.types_info.get(&(of_server as i32));
                seen.extend(info.iter().flat_map(|info| info.pollers.clone()).map(|poller| (kind, poller)));
            }
        }
        Ok(seen)
    }

    fn about_queue(&self) -> DescribeTaskQueueRequest {
        DescribeTaskQueueRequest {
            namespace: self.caller.namespace().to_owned(),
            task_queue: Some(TaskQueue { name: self.caller.task_queue().to_owned(), ..TaskQueue::default() }),
            ..DescribeTaskQueueRequest::default()
        }
    }

    async fn describe_queue(
        &self,
        request: DescribeTaskQueueRequest,
    ) -> Result<DescribeTaskQueueResponse, CallError> {
        let attempt = Attempt::about(format!("describe task queue `{}`", self.caller.task_queue()));
        let mut service = self.caller.client().connection().workflow_service();
        let asked = service.describe_task_queue(self.caller.request(request));
        Ok(self.caller.bounded(attempt, asked).await?.into_inner())
    }
}

/// Sorts pollers by build and puts what one worker asks for together.
fn workers(deployment: &str, seen: Vec<(TaskKind, PollerInfo)>, now: SystemTime) -> Workers {
    let mut found = Workers::new();
    for (kind, poller) in seen {
        let ago = seconds_ago(&poller, now);
        let Some(build) = build_of(deployment, &poller) else { continue };
        if ago > POLL_LASTS.as_secs() {
            continue;
        }
        let workers = found.entry(build).or_default();
        match workers.iter_mut().find(|worker| worker.identity == poller.identity) {
            Some(worker) => {
                worker.seen_seconds_ago = worker.seen_seconds_ago.min(ago);
                if !worker.kinds.contains(&kind) {
                    worker.kinds.push(kind);
                    worker.kinds.sort_unstable();
                }
            }
            None => workers.push(WorkerView {
                identity: poller.identity,
                kinds: vec![kind],
                seen_seconds_ago: ago,
            }),
        }
    }
    for workers in found.values_mut() {
        workers.sort_by(|a, b| (a.seen_seconds_ago, &a.identity).cmp(&(b.seen_seconds_ago, &b.identity)));
    }
    found
}

fn build_of(deployment: &str, poller: &PollerInfo) -> Option<String> {
    match &poller.deployment_options {
        Some(options) if options.worker_versioning_mode == WorkerVersioningMode::Versioned as i32 => {
            (options.deployment_name == deployment).then(|| options.build_id.clone())
        }
        _ => Some(UNVERSIONED.to_owned()),
    }
}

fn seconds_ago(poller: &PollerInfo, now: SystemTime) -> u64 {
    let seen = poller.last_access_time.and_then(|time| SystemTime::try_from(time).ok());
    // A server whose clock is ahead has seen it just now.
    seen.map_or(u64::MAX, |seen| now.duration_since(seen).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use temporalio_common::protos::temporal::api::deployment::v1::WorkerDeploymentOptions;
    use temporalio_common::protos::temporal::api::enums::v1::WorkerVersioningMode;
    use temporalio_common::protos::temporal::api::taskqueue::v1::PollerInfo;

    use super::workers;
    use crate::queue::TaskKind::{Activity, Workflow};

    fn poller(identity: &str, build: Option<(&str, &str)>, ago: u64) -> PollerInfo {
        let at = SystemTime::now() - Duration::from_secs(ago);
        let (deployment, build_id, mode) = match build {
            Some((deployment, build)) => (deployment, build, WorkerVersioningMode::Versioned),
            None => ("", "crc-of-the-program", WorkerVersioningMode::Unversioned),
        };
        PollerInfo {
            identity: identity.to_owned(),
            last_access_time: Some(at.into()),
            deployment_options: Some(WorkerDeploymentOptions {
                deployment_name: deployment.to_owned(),
                build_id: build_id.to_owned(),
                worker_versioning_mode: mode as i32,
            }),
            ..PollerInfo::default()
        }
    }

    #[test]
    fn pollers_are_sorted_by_build_and_each_worker_counts_once() {
        let mine = Some(("keel", "a"));
        let found = workers(
            "keel",
            vec![
                (Activity, poller("w1", mine, 9)),
                (Workflow, poller("w1", mine, 3)),
                (Workflow, poller("w1", mine, 5)),
                (Workflow, poller("w2", mine, 1)),
                (Workflow, poller("gone", mine, 200)),
                (Workflow, poller("other", Some(("shop", "a")), 1)),
                (Workflow, poller("plain", None, 1)),
            ],
            SystemTime::now(),
        );
        let names = |build: &str| -> Vec<(String, usize, u64)> {
            found[build].iter().map(|w| (w.identity.clone(), w.kinds.len(), w.seen_seconds_ago)).collect()
        };
        assert_eq!(names("a"), [("w2".to_owned(), 1, 1), ("w1".to_owned(), 2, 3)]);
        assert_eq!(names("unversioned"), [("plain".to_owned(), 1, 1)]);
        assert_eq!(found.len(), 2);
    }
}
