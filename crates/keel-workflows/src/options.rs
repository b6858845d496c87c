//! Timeouts and retries of the workflows, as one typed value.
//!
//! They shape timers and activity options only. They never decide a branch, so changing them is safe for running
//! histories; what does decide (who may approve) travels in the opened order.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use temporalio_common::RetryPolicy;
use temporalio_sdk::{
    ActivityCancellationType, ActivityCloseTimeouts, ActivityOptions, LocalActivityOptions,
    WorkflowCancellationToken,
};

/// Everything the workflows can be told.
#[derive(Clone, Debug, Default)]
pub struct WorkflowOptions {
    /// Orders.
    pub order: OrderOptions,
    /// Tasks and dataset runs.
    pub task: TaskOptions,
}

/// How orders are decided and fulfilled. Section `[order]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrderOptions {
    /// How long an order waits for a decision; a reminder goes out at half of it. Default 24 h, at least 1 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub deadline: Duration,
    /// How long one attempt of a fulfilment step may take. Default 30 s; keep it above the providers' timeouts.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub step_timeout: Duration,
    /// How long one step may be retried before the order is undone. Default 24 h.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub fulfil_within: Duration,
    /// How long one attempt to write the store may take. Default 25 s; keep it above the store's own timeouts.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub record_timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: RetryOptions,
}

impl Default for OrderOptions {
    fn default() -> Self {
        Self {
            deadline: Duration::from_secs(24 * 3600),
            step_timeout: Duration::from_secs(30),
            fulfil_within: Duration::from_secs(24 * 3600),
            record_timeout: Duration::from_secs(25),
            retry: RetryOptions::default(),
        }
    }
}

/// How tasks and dataset runs are executed. Section `[task]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TaskOptions {
    /// How long one attempt of a short step may take, and so how long a dead worker delays one. Default 1 min.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub step_timeout: Duration,
    /// How long one attempt at a dataset may take. Default 24 h.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub process_timeout: Duration,
    /// How long one step may be retried before the task fails. Default 7 days.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub finish_within: Duration,
    /// After how much silence a dataset attempt counts as dead and the next one resumes. Default 30 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub heartbeat_timeout: Duration,
    /// How failed attempts are repeated.
    pub retry: RetryOptions,
}

impl Default for TaskOptions {
    fn default() -> Self {
        Self {
            step_timeout: Duration::from_secs(60),
            process_timeout: Duration::from_secs(24 * 3600),
            finish_within: Duration::from_secs(7 * 24 * 3600),
            heartbeat_timeout: Duration::from_secs(30),
            retry: RetryOptions::default(),
        }
    }
}

/// Exponential backoff between attempts; the number of attempts is not limited, only their time is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryOptions {
    /// Pause after the first failure. Default 500 ms.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub initial_interval: Duration,
    /// Factor from pause to pause, at least 1. Default 2.
    pub backoff_coefficient: f64,
    /// Longest pause. Default 30 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub maximum_interval: Duration,
}

impl Default for RetryOptions {
    fn default() -> Self {
        Self {
            initial_interval: Duration::from_millis(500),
            backoff_coefficient: 2.0,
            maximum_interval: Duration::from_secs(30),
        }
    }
}

/// Local retries that would pause longer than this wait on a server-side timer instead of a worker's workflow task.
const LOCAL_BACKOFF_THRESHOLD: Duration = Duration::from_secs(5);
/// How long the store may stay away before the record of a running order is given up: practically never.
const RECORD_WITHIN: Duration = Duration::from_secs(30 * 24 * 3600);

impl OrderOptions {
    /// Every mistake in these options, as `section.key: what and what to do`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.deadline < Duration::from_secs(1) {
            problems
                .push("order.deadline: shorter than 1s; give people time to decide, such as 24h".to_owned());
        }
        positive("order.step_timeout", self.step_timeout, &mut problems);
        positive("order.record_timeout", self.record_timeout, &mut problems);
        if self.fulfil_within < self.step_timeout {
            problems.push(
                "order.fulfil_within: shorter than order.step_timeout; make it at least as long".to_owned(),
            );
        }
        self.retry.problems("order.retry", &mut problems);
        problems
    }

    /// A fulfilment step: confirmed cancellation, bounded in time.
    pub(crate) fn step(&self) -> ActivityOptions {
        ActivityOptions::with_close_timeouts(bounded(self.step_timeout, self.fulfil_within))
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .retry_policy(self.retry.policy())
            .build()
    }

    /// A step that must happen: out of the reach of cancellation, repeated until it succeeds.
    pub(crate) fn detached_step(&self) -> ActivityOptions {
        ActivityOptions::with_start_to_close_timeout(self.step_timeout)
            .cancellation_token(WorkflowCancellationToken::new())
            .retry_policy(self.retry.policy())
            .build()
    }

    /// A short write of the store inside the workflow task; it saves a round trip to the server.
    pub(crate) fn record(&self) -> LocalActivityOptions {
        LocalActivityOptions::builder()
            .start_to_close_timeout(self.record_timeout)
            .schedule_to_close_timeout(RECORD_WITHIN)
            .timer_backoff_threshold(LOCAL_BACKOFF_THRESHOLD)
            .retry_policy(self.retry.policy())
            .cancellation_token(WorkflowCancellationToken::new())
            .build()
    }
}

impl TaskOptions {
    /// Every mistake in these options, as `section.key: what and what to do`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        positive("task.step_timeout", self.step_timeout, &mut problems);
        positive("task.process_timeout", self.process_timeout, &mut problems);
        if self.finish_within < self.process_timeout.max(self.step_timeout) {
            problems.push("task.finish_within: shorter than one attempt may take; make it longer".to_owned());
        }
        if self.heartbeat_timeout < Duration::from_secs(1) {
            problems.push(
                "task.heartbeat_timeout: shorter than 1s; a busy machine would lose attempts, use 30s"
                    .to_owned(),
            );
        }
        self.retry.problems("task.retry", &mut problems);
        problems
    }

    /// A short step of a task.
    pub(crate) fn step(&self) -> ActivityOptions {
        ActivityOptions::with_close_timeouts(bounded(self.step_timeout, self.finish_within))
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .retry_policy(self.retry.policy())
            .build()
    }

    /// The long job: it heartbeats, and a cancelled run waits for its clean-up.
    pub(crate) fn process(&self) -> ActivityOptions {
        ActivityOptions::with_close_timeouts(bounded(self.process_timeout, self.finish_within))
            .heartbeat_timeout(self.heartbeat_timeout)
            .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
            .retry_policy(self.retry.policy())
            .build()
    }
}

impl RetryOptions {
    fn problems(&self, section: &str, problems: &mut Vec<String>) {
        positive(&format!("{section}.initial_interval"), self.initial_interval, problems);
        if !(self.backoff_coefficient >= 1.0 && self.backoff_coefficient.is_finite()) {
            problems.push(format!("{section}.backoff_coefficient: must be 1 or more, such as 2"));
        }
        if self.maximum_interval < self.initial_interval {
            problems
                .push(format!("{section}.maximum_interval: shorter than initial_interval; make it longer"));
        }
    }

    fn policy(&self) -> RetryPolicy {
        RetryPolicy::builder()
            .initial_interval(self.initial_interval)
            .backoff_coefficient(self.backoff_coefficient)
            .maximum_interval(self.maximum_interval)
            .build()
    }
}

/// Attempts that are bounded one by one and all together.
pub(crate) fn bounded(attempt: Duration, together: Duration) -> ActivityCloseTimeouts {
    ActivityCloseTimeouts::ScheduleAndStartToClose { start_to_close: attempt, schedule_to_close: together }
}

fn positive(key: &str, value: Duration, problems: &mut Vec<String>) {
    if value.is_zero() {
        problems.push(format!("{key}: must be longer than zero, such as 30s"));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{OrderOptions, RetryOptions, TaskOptions};

    #[test]
    fn defaults_have_no_problems_and_survive_their_own_text() {
        assert!(OrderOptions::default().problems().is_empty());
        assert!(TaskOptions::default().problems().is_empty());
        let text = serde_json::to_string(&OrderOptions::default()).unwrap();
        assert!(text.contains("\"24h\""), "{text}");
        assert_eq!(serde_json::from_str::<OrderOptions>(&text).unwrap(), OrderOptions::default());
    }

    #[test]
    fn every_mistake_is_named() {
        let options = OrderOptions {
            deadline: Duration::ZERO,
            step_timeout: Duration::from_secs(60),
            fulfil_within: Duration::from_secs(1),
            retry: RetryOptions { backoff_coefficient: 0.5, ..RetryOptions::default() },
            ..OrderOptions::default()
        };
        let keys: Vec<String> =
            options.problems().iter().map(|p| p.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(keys, ["order.deadline", "order.fulfil_within", "order.retry.backoff_coefficient"]);
    }
}
