//! Section `[worker]`: what this process polls, how much of it at once, and how it lives and ends.

use std::path::PathBuf;
use std::time::Duration;

use keel_types::names::{DEFAULT_DEPLOYMENT, DEFAULT_TASK_QUEUE};
use serde::{Deserialize, Serialize};

use super::tuning::{Pollers, Tuner, share};
use super::versioning::Versioning;

/// Section `[worker]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerOptions {
    /// The task queue to poll. Short name `TASK_QUEUE`. Default `production-queue`.
    pub task_queue: String,
    /// The Worker Deployment that this worker is a version of; only with a build id. Default `keel`.
    pub deployment: String,
    /// The build that runs here: the worker polls as this version of its deployment and gets tasks once it is the current
    /// or the ramping one. Empty: unversioned. Default empty.
    pub build_id: String,
    /// Whether a run stays on the build it began on (`pinned`) or moves on with the deployment (`auto-upgrade`). Default
    /// `pinned`.
    pub versioning_behavior: Versioning,
    /// Threads that run workflow code, 1 to 64; slots and cache are divided among them. Default 1.
    pub workflow_threads: usize,
    /// How many slots there are: `fixed` numbers, or as many as memory and CPU allow (`resource`). Default `fixed`.
    pub tuner: Tuner,
    /// Activities at once, 1 or more; only with the fixed tuner. Short name `MAX_CONCURRENT_ACTIVITIES`. Default 100.
    pub max_concurrent_activities: Option<usize>,
    /// Workflow tasks at once, 2 or more; only with the fixed tuner. Short name `MAX_CONCURRENT_WORKFLOWS`. Default 100.
    pub max_concurrent_workflows: Option<usize>,
    /// Local activities at once, 1 or more; only with the fixed tuner. Default 100.
    pub max_concurrent_local_activities: Option<usize>,
    /// With the resource tuner: no new slots above this share of the memory, between 0 and 1. Default 0.8.
    pub target_memory: f64,
    /// With the resource tuner: no new slots above this share of the CPU, between 0 and 1. Default 0.9.
    pub target_cpu: f64,
    /// Polls for workflow tasks at once. Default `auto`.
    pub workflow_pollers: Pollers,
    /// Polls for activities at once. Default `auto`.
    pub activity_pollers: Pollers,
    /// Most activities this process starts in a second; 0 is no limit. Default 0.
    pub max_activities_per_second: f64,
    /// Most activities the server hands out in a second to all workers of the queue; 0 is no limit. Default 0.
    pub max_task_queue_activities_per_second: f64,
    /// Workflow runs kept in memory. Raise it when many runs wait at once and memory allows. Default 1000.
    pub max_cached_workflows: usize,
    /// How long a workflow task waits for the worker that has its run in memory before any may take it. Default 10 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub sticky_timeout: Duration,
    /// At most this long between two heartbeats that reach the server. Default 1 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub heartbeat_interval: Duration,
    /// After so many activities the SDK's worker is rebuilt inside of the process, which frees its memory; 0 is never.
    /// Default 20000.
    pub rebuild_after_activities: u64,
    /// Not ready when every slot of a kind has been busy this long without one coming free. Default 1 min.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub saturated_after: Duration,
    /// How attempts to reach Temporal and the store are repeated.
    pub reconnect: ReconnectOptions,
    /// After a stop signal, how long running activities may finish before they are handed back. Default 10 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub graceful_shutdown: Duration,
    /// After a stop signal, when the process ends whatever still runs. Default 25 s; keep it below the orchestrator's.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub shutdown_deadline: Duration,
    /// How long to wait at start for Temporal and the store before giving up; 0 is for ever. Default 0.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub connect_within: Duration,
    /// A file to write once the server has seen the worker's polls; for scripts that wait for it.
    pub ready_file: Option<PathBuf>,
}

/// Keys `worker.reconnect.*`: exponential backoff with jitter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReconnectOptions {
    /// Pause after the first failed attempt. Default 250 ms.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub initial: Duration,
    /// Longest pause. Default 5 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub max: Duration,
}

impl Default for ReconnectOptions {
    fn default() -> Self {
        Self { initial: Duration::from_millis(250), max: Duration::from_secs(5) }
    }
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            task_queue: DEFAULT_TASK_QUEUE.to_owned(),
            deployment: DEFAULT_DEPLOYMENT.to_owned(),
            build_id: String::new(),
            versioning_behavior: Versioning::default(),
            workflow_threads: 1,
            tuner: Tuner::Fixed,
            max_concurrent_activities: None,
            max_concurrent_workflows: None,
            max_concurrent_local_activities: None,
            target_memory: 0.8,
            target_cpu: 0.9,
            workflow_pollers: Pollers::Auto,
            activity_pollers: Pollers::Auto,
            max_activities_per_second: 0.0,
            max_task_queue_activities_per_second: 0.0,
            max_cached_workflows: 1000,
            sticky_timeout: Duration::from_secs(10),
            heartbeat_interval: Duration::from_secs(1),
            rebuild_after_activities: 10_000,
            saturated_after: Duration::from_secs(60),
            reconnect: ReconnectOptions::default(),
            graceful_shutdown: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(25),
            connect_within: Duration::ZERO,
            ready_file: None,
        }
    }
}

/// Between ending activities and ending the process there must be time to tell the server.
const REPORTING: Duration = Duration::from_secs(2);
const MAX_THREADS: usize = 64;

impl WorkerOptions {
    /// Every mistake in these options, as `section.key: what and what to do`.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = self.tuning_problems();
        problems.extend(self.versioning_problems());
        if self.task_queue.trim().is_empty() {
            problems
                .push(format!("worker.task_queue: is empty; name the queue, such as {DEFAULT_TASK_QUEUE}"));
        }
        if !(1..=MAX_THREADS).contains(&self.workflow_threads) {
            problems
                .push(format!("worker.workflow_threads: must be 1 to {MAX_THREADS}; a core each is plenty"));
        }
        for (key, value) in [
            ("worker.heartbeat_interval", self.heartbeat_interval),
            ("worker.sticky_timeout", self.sticky_timeout),
            ("worker.saturated_after", self.saturated_after),
            ("worker.reconnect.initial", self.reconnect.initial),
        ] {
            if value.is_zero() {
                problems.push(format!("{key}: must be longer than zero, such as 1s"));
            }
        }
        if self.reconnect.max < self.reconnect.initial {
            problems.push(
                "worker.reconnect.max: shorter than worker.reconnect.initial; make it longer".to_owned(),
            );
        }
        if self.shutdown_deadline < self.graceful_shutdown + REPORTING {
            problems.push(format!(
                "worker.shutdown_deadline: {:?} leaves less than {REPORTING:?} behind worker.graceful_shutdown ({:?}); \
                 make it longer, so that activities that were ended can report",
                self.shutdown_deadline, self.graceful_shutdown
            ));
        }
        problems
    }

    /// Activity slots of the whole process with the fixed tuner.
    pub(crate) fn activity_slots(&self) -> usize {
        self.max_concurrent_activities.unwrap_or(DEFAULT_SLOTS)
    }

    /// Workflow task slots of the whole process with the fixed tuner. The SDK never holds more than it caches runs.
    pub(crate) fn workflow_slots(&self) -> usize {
        let slots = self.max_concurrent_workflows.unwrap_or(DEFAULT_SLOTS);
        match share(self.max_cached_workflows, self.workflow_threads) {
            0 => slots,
            cached => slots.min(cached.max(2) * self.workflow_threads),
        }
    }

    /// Local activity slots of the whole process with the fixed tuner.
    pub(crate) fn local_activity_slots(&self) -> usize {
        self.max_concurrent_local_activities.unwrap_or(DEFAULT_SLOTS)
    }
}

const DEFAULT_SLOTS: usize = 100;
