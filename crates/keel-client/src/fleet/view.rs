//! The fleet as people and programs see it. Field names in JSON are stable.

use std::time::SystemTime;

use keel_types::names::UNVERSIONED;
use keel_types::progress::iso;
use serde::Serialize;
use temporalio_common::protos::temporal::api::enums::v1::{
    VersionDrainageStatus, WorkerDeploymentVersionStatus,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueueStats;

use crate::queue::TaskKind;

/// Where a build stands in its deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum VersionStatus {
    /// New runs go to it.
    Current,
    /// A share of new runs goes to it.
    Ramping,
    /// It gets no new runs, and runs that are pinned to it have not ended.
    Draining,
    /// It gets no new runs, and no run is pinned to it.
    Drained,
    /// It has never had work.
    Inactive,
    /// The server knows its name, and no worker has polled as it.
    Created,
    /// Workers without a build id.
    Unversioned,
    /// The server does not say.
    Unknown,
}

impl VersionStatus {
    /// The word for people, and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Ramping => "ramping",
            Self::Draining => "draining",
            Self::Drained => "drained",
            Self::Inactive => "inactive",
            Self::Created => "created",
            Self::Unversioned => "unversioned",
            Self::Unknown => "unknown",
        }
    }

    pub(super) fn of(status: i32) -> Self {
        use WorkerDeploymentVersionStatus as Server;
        match Server::try_from(status) {
            Ok(Server::Current) => Self::Current,
            Ok(Server::Ramping) => Self::Ramping,
            Ok(Server::Draining) => Self::Draining,
            Ok(Server::Drained) => Self::Drained,
            Ok(Server::Inactive) => Self::Inactive,
            Ok(Server::Created) => Self::Created,
            Ok(Server::Unspecified) | Err(_) => Self::Unknown,
        }
    }
}

/// A build that gets a share of the new runs.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ramp {
    /// Which; `unversioned` for workers without a build id.
    pub build_id: String,
    /// The share, 0 to 100.
    pub percent: f32,
}

/// How far a build is from having no more runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Drainage {
    /// `draining` or `drained`.
    pub status: &'static str,
    /// Since when, ISO-8601 UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_at: Option<String>,
    /// When the server last looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_at: Option<String>,
}

impl Drainage {
    pub(super) fn of(status: i32, changed_at: Option<String>, checked_at: Option<String>) -> Option<Self> {
        let status = match VersionDrainageStatus::try_from(status) {
            Ok(VersionDrainageStatus::Draining) => "draining",
            Ok(VersionDrainageStatus::Drained) => "drained",
            _ => return None,
        };
        Some(Self { status, changed_at, checked_at })
    }
}

/// What waits in one queue for one build, and who takes from it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// The task queue.
    pub queue: String,
    /// Which tasks.
    pub kind: TaskKind,
    /// Workers that asked for them within the length of a poll.
    pub pollers: usize,
    /// Tasks that wait, about. The server counts only while the queue is in use, and forgets it after five idle minutes.
    pub backlog: i64,
    /// How long the oldest has waited, in seconds.
    pub backlog_age_seconds: f64,
    /// Tasks added a second.
    pub add_rate: f64,
    /// Tasks handed out a second.
    pub dispatch_rate: f64,
}

impl Load {
    pub(super) fn of(queue: &str, kind: TaskKind, stats: Option<&TaskQueueStats>) -> Self {
        let stats = stats.copied().unwrap_or_default();
        let age = stats.approximate_backlog_age.unwrap_or_default();
        let age = std::time::Duration::try_from(age).unwrap_or_default();
        Self {
            queue: queue.to_owned(),
            kind,
            pollers: 0,
            backlog: stats.approximate_backlog_count,
            backlog_age_seconds: age.as_secs_f64(),
            add_rate: f64::from(stats.tasks_add_rate),
            dispatch_rate: f64::from(stats.tasks_dispatch_rate),
        }
    }

    /// What is left of it when `others` have theirs.
    pub(super) fn without<'a>(mut self, others: impl Iterator<Item = &'a Self>) -> Self {
        for other in others {
            self.backlog -= other.backlog;
            self.add_rate -= other.add_rate;
            self.dispatch_rate -= other.dispatch_rate;
        }
        self.backlog = self.backlog.max(0);
        // The parts were measured a moment later than the whole.
        self.add_rate = quiet(self.add_rate);
        self.dispatch_rate = quiet(self.dispatch_rate);
        if self.backlog == 0 {
            self.backlog_age_seconds = 0.0;
        }
        self
    }
}

/// Zero for what is only noise.
fn quiet(rate: f64) -> f64 {
    if rate < 0.05 { 0.0 } else { rate }
}

/// A worker that asks for tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerView {
    /// How it names itself.
    pub identity: String,
    /// Which tasks it asks for.
    pub kinds: Vec<TaskKind>,
    /// Seconds since it last asked.
    pub seen_seconds_ago: u64,
}

/// One build.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BuildView {
    /// Its id, or `unversioned`.
    pub build_id: String,
    /// Where it stands.
    pub status: VersionStatus,
    /// Its share of new runs, 0 to 100.
    pub percent: f32,
    /// Runs that have not ended and are on it.
    pub open_runs: u64,
    /// When its first worker polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    /// Since when new runs go to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_since: Option<String>,
    /// Since when it is being tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ramping_since: Option<String>,
    /// How far it is from having no more runs; absent while it gets new ones, and before it ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drainage: Option<Drainage>,
    /// Its workers, the latest seen first.
    pub workers: Vec<WorkerView>,
    /// Its queues.
    pub queues: Vec<Load>,
}

impl BuildView {
    /// Workers that poll for tasks of `kind`.
    #[must_use]
    pub fn pollers(&self, kind: TaskKind) -> usize {
        self.workers.iter().filter(|worker| worker.kinds.contains(&kind)).count()
    }
}

/// Everything about a fleet at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetStatus {
    /// The namespace.
    pub namespace: String,
    /// The queue that new runs go to.
    pub task_queue: String,
    /// The deployment.
    pub deployment: String,
    /// Whether the server knows it.
    pub exists: bool,
    /// The build that new runs go to; `unversioned` for workers without a build id.
    pub current: String,
    /// The build that is being tried.
    pub ramping: Option<Ramp>,
    /// Whether every task queue has heard of that.
    pub routing_settled: bool,
    /// The builds: the current one, then the one being tried, then the newest first.
    pub builds: Vec<BuildView>,
    /// What waits in the queue, whichever build it is for.
    pub total: Vec<Load>,
}

impl FleetStatus {
    /// A build by its id.
    #[must_use]
    pub fn build(&self, id: &str) -> Option<&BuildView> {
        self.builds.iter().find(|build| build.build_id == id)
    }

    /// Why new runs would stand still, if they would: nobody polls for the build that they go to.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        let shares = self.ramping.iter().filter(|ramp| ramp.percent > 0.0).map(|ramp| ramp.build_id.as_str());
        let whole = self.ramping.as_ref().is_some_and(|ramp| ramp.percent >= 100.0);
        let current = (!whole).then_some(self.current.as_str());
        for id in current.into_iter().chain(shares) {
            for kind in [TaskKind::Workflow, TaskKind::Activity] {
                let pollers = self.build(id).map_or(0, |build| build.pollers(kind));
                if pollers == 0 {
                    let who = if id == UNVERSIONED {
                        "worker without a build id".to_owned()
                    } else {
                        format!("worker of build {id}")
                    };
                    let queue = &self.task_queue;
                    let deployment = &self.deployment;
                    return Some(format!(
                        "no {who} polls {queue} for {} tasks, and deployment {deployment} sends new runs there",
                        kind.word()
                    ));
                }
            }
        }
        None
    }
}

/// A time of the server as ISO-8601 UTC; it writes the epoch, or nothing, for never.
pub(super) fn time<T>(stamp: Option<T>) -> Option<String>
where
    SystemTime: TryFrom<T>,
{
    let time = SystemTime::try_from(stamp?).ok()?;
    (time > SystemTime::UNIX_EPOCH).then(|| iso(time))
}

#[cfg(test)]
mod tests;
