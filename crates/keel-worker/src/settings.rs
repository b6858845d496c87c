//! The worker's settings, composed from the sections of the crates that read them.

use std::path::PathBuf;
use std::time::Duration;

use keel_activities::dataset::DatasetOptions;
use keel_activities::provider::ProviderOptions;
use keel_activities::store::StoreOptions;
use keel_config::{Settings, TemporalSection};
use keel_telemetry::{HttpOptions, LogOptions};
use keel_types::decision::ApprovalRule;
use keel_types::names::DEFAULT_TASK_QUEUE;
use keel_workflows::options::{OrderOptions, TaskOptions};
use serde::{Deserialize, Serialize};

/// Everything a worker can be told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerSettings {
    /// Where Temporal is, and how to get in.
    pub temporal: TemporalSection,
    /// What this process polls, and how much of it at once.
    pub worker: WorkerOptions,
    /// How orders are decided and fulfilled.
    pub order: OrderOptions,
    /// Who may decide on orders.
    pub approval: ApprovalOptions,
    /// How tasks and dataset runs are executed.
    pub task: TaskOptions,
    /// Where the record is kept.
    pub store: StoreOptions,
    /// The payment provider.
    #[serde(deserialize_with = "ProviderOptions::deserialize_payments")]
    pub payments: ProviderOptions,
    /// The courier.
    #[serde(deserialize_with = "ProviderOptions::deserialize_courier")]
    pub courier: ProviderOptions,
    /// Where datasets are, and how they are read.
    pub dataset: DatasetOptions,
    /// What is logged.
    pub log: LogOptions,
    /// Where health and metrics are offered.
    pub http: HttpOptions,
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            temporal: TemporalSection::default(),
            worker: WorkerOptions::default(),
            order: OrderOptions::default(),
            approval: ApprovalOptions::default(),
            task: TaskOptions::default(),
            store: StoreOptions::default(),
            payments: ProviderOptions::payments(),
            courier: ProviderOptions::courier(),
            dataset: DatasetOptions::default(),
            log: LogOptions::default(),
            http: HttpOptions::default(),
        }
    }
}

impl Settings for WorkerSettings {
    fn problems(&self) -> Vec<String> {
        [
            self.temporal.problems(),
            self.worker.problems(),
            self.order.problems(),
            self.task.problems(),
            self.store.problems(),
            self.payments.problems("payments"),
            self.courier.problems("courier"),
            self.dataset.problems(),
            self.log.problems(),
            self.http.problems(),
            self.between_sections(),
        ]
        .concat()
    }
}

impl WorkerSettings {
    /// Mistakes that only two sections together make.
    fn between_sections(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let (timeout, interval) = (self.task.heartbeat_timeout, self.worker.heartbeat_interval);
        if timeout < interval * HEARTBEATS_PER_TIMEOUT {
            problems.push(format!(
                "task.heartbeat_timeout: {timeout:?} holds fewer than {HEARTBEATS_PER_TIMEOUT} times \
                 worker.heartbeat_interval ({interval:?}); on a busy machine attempts that live would be ended, make \
                 it longer"
            ));
        }
        for (section, provider) in [("payments", &self.payments), ("courier", &self.courier)] {
            if self.order.step_timeout <= provider.timeout {
                problems.push(format!(
                    "order.step_timeout: {:?} is not longer than {section}.timeout ({:?}); a slow answer would be cut \
                     off without its reason, make it longer",
                    self.order.step_timeout, provider.timeout
                ));
            }
        }
        problems
    }
}

/// A heartbeat may come late; only several missing ones mean that an attempt is dead.
const HEARTBEATS_PER_TIMEOUT: u32 = 3;

/// Section `[worker]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerOptions {
    /// The task queue to poll. Short name `TASK_QUEUE`. Default `production-queue`.
    pub task_queue: String,
    /// Names this build in logs, metrics, traces and to Temporal. Default: the version of the program.
    pub build_id: String,
    /// Activities at once, 1 or more. Short name `MAX_CONCURRENT_ACTIVITIES`. Default 100.
    pub max_concurrent_activities: usize,
    /// Workflow tasks at once, 2 or more. Short name `MAX_CONCURRENT_WORKFLOWS`. Default 100.
    pub max_concurrent_workflows: usize,
    /// Workflow runs kept in memory. Raise it when many runs wait at once and memory allows. Default 1000.
    pub max_cached_workflows: usize,
    /// At most this long between two heartbeats that reach the server. Default 1 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub heartbeat_interval: Duration,
    /// After a stop signal, how long running activities may finish before they are cancelled. Default 10 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub graceful_shutdown: Duration,
    /// After a stop signal, when the process ends whatever still runs. Default 25 s; keep it below the orchestrator's.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub shutdown_deadline: Duration,
    /// How long to wait for Temporal at start. Default 60 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub connect_within: Duration,
    /// A file to write once the worker polls; for scripts that wait for it.
    pub ready_file: Option<PathBuf>,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            task_queue: DEFAULT_TASK_QUEUE.to_owned(),
            build_id: env!("CARGO_PKG_VERSION").to_owned(),
            max_concurrent_activities: 100,
            max_concurrent_workflows: 100,
            max_cached_workflows: 1000,
            heartbeat_interval: Duration::from_secs(1),
            graceful_shutdown: Duration::from_secs(10),
            shutdown_deadline: Duration::from_secs(25),
            connect_within: Duration::from_secs(60),
            ready_file: None,
        }
    }
}

impl WorkerOptions {
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.task_queue.trim().is_empty() {
            problems
                .push(format!("worker.task_queue: is empty; name the queue, such as {DEFAULT_TASK_QUEUE}"));
        }
        if self.max_concurrent_activities == 0 {
            problems.push("worker.max_concurrent_activities: must be 1 or more".to_owned());
        }
        if self.max_concurrent_workflows < 2 {
            problems.push(
                "worker.max_concurrent_workflows: must be 2 or more, the SDK needs both queues".to_owned(),
            );
        }
        if self.heartbeat_interval.is_zero() {
            problems.push("worker.heartbeat_interval: must be longer than zero, such as 1s".to_owned());
        }
        if self.shutdown_deadline <= self.graceful_shutdown {
            problems.push(
                "worker.shutdown_deadline: not longer than worker.graceful_shutdown; add at least 5s, so that \
                 cancelled activities can report"
                    .to_owned(),
            );
        }
        problems
    }
}

/// Section `[approval]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApprovalOptions {
    /// The only people who may approve; empty means everybody but the person who placed the order.
    pub approvers: Vec<String>,
    /// Whether people may approve their own orders. Default no.
    pub allow_own: bool,
}

impl ApprovalOptions {
    pub(crate) fn rule(&self) -> ApprovalRule {
        ApprovalRule { approvers: self.approvers.clone(), allow_own: self.allow_own }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keel_config::Settings;

    use super::{WorkerOptions, WorkerSettings};

    #[test]
    fn the_defaults_are_without_problems() {
        assert_eq!(WorkerSettings::default().problems(), Vec::<String>::new());
    }

    /// Every leaf of the settings as `(section, key)`, nested keys with dots.
    fn keys() -> Vec<(String, String)> {
        fn leaves(prefix: &str, value: &serde_json::Value, found: &mut Vec<String>) {
            match value.as_object() {
                Some(fields) if !fields.is_empty() => {
                    for (name, value) in fields {
                        let dot = if prefix.is_empty() { "" } else { "." };
                        leaves(&format!("{prefix}{dot}{name}"), value, found);
                    }
                }
                _ => found.push(prefix.to_owned()),
            }
        }
        let mut found = Vec::new();
        leaves("", &serde_json::to_value(WorkerSettings::default()).unwrap(), &mut found);
        found
            .into_iter()
            .map(|key| {
                let (section, key) = key.split_once('.').expect("every key is in a section");
                (section.to_owned(), key.to_owned())
            })
            .collect()
    }

    #[test]
    fn every_setting_is_in_the_reference() {
        let page = include_str!("../../../docs/configuration.md");
        for (section, key) in keys() {
            let part = page
                .split("\n## ")
                .find(|part| part.lines().next().unwrap_or_default().contains(&format!("[{section}]")))
                .unwrap_or_else(|| panic!("docs/configuration.md has no section [{section}]"));
            assert!(
                part.contains(&format!("`{key}`")),
                "docs/configuration.md does not explain {section}.{key}"
            );
        }
    }

    #[test]
    fn grace_periods_are_held_against_each_other() {
        let settings = WorkerSettings {
            worker: WorkerOptions {
                graceful_shutdown: Duration::from_secs(30),
                heartbeat_interval: Duration::from_secs(60),
                max_concurrent_workflows: 1,
                ..WorkerOptions::default()
            },
            ..WorkerSettings::default()
        };
        let problems = settings.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].starts_with("task.heartbeat_timeout: 30s holds fewer than 3"), "{problems:?}");
        assert!(problems[1].starts_with("worker.shutdown_deadline: not longer than"), "{problems:?}");
    }
}
