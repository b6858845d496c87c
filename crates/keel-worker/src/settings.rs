//! The worker's settings, composed from the sections of the crates that read them.

use std::time::Duration;

use keel_activities::dataset::DatasetOptions;
use keel_activities::provider::ProviderOptions;
use keel_activities::store::StoreOptions;
use keel_config::{Settings, TemporalSection};
use keel_telemetry::{HttpOptions, LogOptions, TraceOptions};
use keel_types::decision::ApprovalRule;
use keel_workflows::options::{OrderOptions, TaskOptions};
use serde::{Deserialize, Serialize};

pub(crate) mod tuning;
mod versioning;
mod worker;

pub use tuning::{Pollers, Tuner};
pub use versioning::Versioning;
pub use worker::{ReconnectOptions, WorkerOptions};

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
    /// Whether and where traces go.
    pub traces: TraceOptions,
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
            traces: TraceOptions::default(),
            http: HttpOptions::default(),
        }
    }
}

impl Settings for WorkerSettings {
    const FROM_FILES: &'static [&'static str] = &["store.url", "payments.url", "courier.url"];

    fn problems(&self) -> Vec<String> {
        let endless = self.endless();
        if !endless.is_empty() {
            return endless;
        }
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
            self.traces.problems(),
            self.http.problems(),
            self.between_sections(),
        ]
        .concat()
    }
}

impl WorkerSettings {
    /// Durations that are longer than anybody lives, with which no sum makes sense.
    fn endless(&self) -> Vec<String> {
        fn walk(key: &str, value: &serde_json::Value, problems: &mut Vec<String>) {
            match value {
                serde_json::Value::Object(fields) => {
                    for (name, value) in fields {
                        let dot = if key.is_empty() { "" } else { "." };
                        walk(&format!("{key}{dot}{name}"), value, problems);
                    }
                }
                serde_json::Value::String(text) => {
                    let span = jiff::fmt::friendly::SpanParser::new().parse_unsigned_duration(text);
                    if span.is_ok_and(|span| span > LONGEST) {
                        problems.push(format!("{key}: {text} is longer than 10 years; make it shorter"));
                    }
                }
                _ => {}
            }
        }
        let mut problems = Vec::new();
        let tree = serde_json::to_value(self).expect("settings serialise to JSON");
        walk("", &tree, &mut problems);
        problems
    }

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
            let longest = provider.longest_call();
            if self.order.step_timeout <= longest {
                problems.push(format!(
                    "order.step_timeout: {:?} is not longer than {section}.timeout and twice {section}.queue_timeout \
                     together ({longest:?}); a slow answer would be cut off without its reason, make it longer",
                    self.order.step_timeout
                ));
            }
            if self.worker.graceful_shutdown < provider.timeout {
                problems.push(format!(
                    "worker.graceful_shutdown: {:?} is shorter than {section}.timeout ({:?}); a call that is under way at \
                     a stop could not end, make it longer",
                    self.worker.graceful_shutdown, provider.timeout
                ));
            }
        }
        problems
    }
}

/// Longest duration of any setting.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// A heartbeat may come late; only several missing ones mean that an attempt is dead.
const HEARTBEATS_PER_TIMEOUT: u32 = 3;

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
mod reference;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use keel_config::Settings;

    use super::{WorkerOptions, WorkerSettings};

    #[test]
    fn the_defaults_are_without_problems() {
        assert_eq!(WorkerSettings::default().problems(), Vec::<String>::new());
    }

    #[test]
    fn endless_durations_are_named_and_break_nothing() {
        let most = Duration::from_secs(u64::MAX);
        let mut settings = WorkerSettings::default();
        settings.worker.graceful_shutdown = most;
        settings.order.deadline = most;
        let problems = settings.problems();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].starts_with("order.deadline: "), "{problems:?}");
    }

    #[test]
    fn grace_periods_are_held_against_each_other() {
        let settings = WorkerSettings {
            worker: WorkerOptions {
                graceful_shutdown: Duration::from_secs(30),
                heartbeat_interval: Duration::from_secs(60),
                max_concurrent_workflows: Some(1),
                ..WorkerOptions::default()
            },
            ..WorkerSettings::default()
        };
        let problems = settings.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert!(problems[2].starts_with("task.heartbeat_timeout: 30s holds fewer than 3"), "{problems:?}");
        assert!(problems[1].starts_with("worker.shutdown_deadline: 25s leaves less than"), "{problems:?}");
    }
}
