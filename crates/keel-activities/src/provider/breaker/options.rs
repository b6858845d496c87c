//! When a circuit opens, and for how long.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::window::Counts;

/// Settings of `[payments.breaker]` and `[courier.breaker]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerOptions {
    /// Whether there is one. Default true; turn it off only to find out what it does.
    pub enabled: bool,
    /// How far back calls count, 1 s to 10 min. Default 10 s. Longer is calmer and opens later.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub window: Duration,
    /// Fewer calls than this in the window never open it, 1 to 10000. Default 10.
    pub min_calls: u32,
    /// Share of the calls that must fail, above 0, at most 1. Default 0.5.
    pub failure_ratio: f64,
    /// From when on a call counts as slow, 1 ms to 5 min. Default 5 s; at `timeout` or above only timeouts are slow.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub slow_call: Duration,
    /// Share of the calls that must be slow, above 0, at most 1. Default 0.8.
    pub slow_ratio: f64,
    /// How long it stays open at first, 100 ms to 10 min. Default 5 s. Each failed trial doubles it.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub open_for: Duration,
    /// How long it stays open at most, up to 1 h. Default 30 s. It bounds how late a recovery is noticed.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub open_max: Duration,
    /// Calls that must succeed before it closes, and at most so many at once, 1 to 100. Default 3.
    pub trial_calls: u32,
}

impl Default for BreakerOptions {
    fn default() -> Self {
        Self {
            enabled: true,
            window: Duration::from_secs(10),
            min_calls: 10,
            failure_ratio: 0.5,
            slow_call: Duration::from_secs(5),
            slow_ratio: 0.8,
            open_for: Duration::from_secs(5),
            open_max: Duration::from_secs(30),
            trial_calls: 3,
        }
    }
}

/// Share of an opening that chance adds, so that many workers do not all try again at the same moment.
const SPREAD: f64 = 0.2;

impl BreakerOptions {
    /// Every mistake, as `section.breaker.key: what is wrong and what to do`.
    pub(crate) fn problems(&self, section: &str) -> Vec<String> {
        let mut problems = Vec::new();
        let mut wrong = |key: &str, text: String| problems.push(format!("{section}.breaker.{key}: {text}"));
        let millis = Duration::from_millis;
        for (key, value, low, high) in [
            ("window", self.window, millis(1_000), millis(600_000)),
            ("slow_call", self.slow_call, millis(1), millis(300_000)),
            ("open_for", self.open_for, millis(100), millis(600_000)),
            ("open_max", self.open_max, millis(100), millis(3_600_000)),
        ] {
            if !(low..=high).contains(&value) {
                wrong(key, format!("must be from {low:?} to {high:?}, found {value:?}"));
            }
        }
        if self.open_max < self.open_for {
            wrong("open_max", "shorter than open_for; make it at least as long".to_owned());
        }
        for (key, value) in [("failure_ratio", self.failure_ratio), ("slow_ratio", self.slow_ratio)] {
            if !(value > 0.0 && value <= 1.0) {
                wrong(key, format!("must be above 0 and at most 1, such as 0.5, found {value}"));
            }
        }
        for (key, value, high) in
            [("min_calls", self.min_calls, 10_000), ("trial_calls", self.trial_calls, 100)]
        {
            if !(1..=high).contains(&value) {
                wrong(key, format!("must be from 1 to {high}, found {value}"));
            }
        }
        problems
    }

    /// Whether these calls open the circuit.
    pub(super) fn trips(&self, counts: Counts) -> bool {
        let share = |part: u32, ratio: f64| f64::from(part) >= ratio * f64::from(counts.calls);
        counts.calls >= self.min_calls
            && (share(counts.failed, self.failure_ratio) || share(counts.slow, self.slow_ratio))
    }

    /// How long it stays open after `before` openings in a row; `jitter` from 0 to 1 adds up to a fifth.
    pub(super) fn opening(&self, before: u32, jitter: f64) -> Duration {
        let doubled = self.open_for.saturating_mul(2_u32.saturating_pow(before));
        doubled.min(self.open_max).mul_f64(1.0 + SPREAD * jitter.clamp(0.0, 1.0))
    }
}
