//! How much a circuit breaker lets through at most during an outage, from its settings alone.

use std::time::Duration;

/// The breaker the drill gives its worker; the product's defaults.
#[derive(Clone, Copy, Debug)]
pub struct Breaker {
    /// How far back calls count.
    pub window: Duration,
    /// Fewer calls never open it.
    pub min_calls: u64,
    /// Percentage of the calls that must fail.
    pub failure_percent: u64,
    /// How long it is open at first; each failed trial doubles it.
    pub open_for: Duration,
    /// How long it is open at most.
    pub open_max: Duration,
    /// Calls that are let through to try.
    pub trial_calls: u64,
    /// Calls at once.
    pub max_in_flight: u64,
}

impl Breaker {
    /// As environment variables of a worker.
    pub fn settings(&self, enabled: bool) -> Vec<(String, String)> {
        let ratio = f64::from(u32::try_from(self.failure_percent).unwrap_or(100)) / 100.0;
        let seconds = |duration: Duration| format!("{}s", duration.as_secs());
        [
            ("MAX_IN_FLIGHT", self.max_in_flight.to_string()),
            ("BREAKER__ENABLED", enabled.to_string()),
            ("BREAKER__WINDOW", seconds(self.window)),
            ("BREAKER__MIN_CALLS", self.min_calls.to_string()),
            ("BREAKER__FAILURE_RATIO", ratio.to_string()),
            ("BREAKER__OPEN_FOR", seconds(self.open_for)),
            ("BREAKER__OPEN_MAX", seconds(self.open_max)),
            ("BREAKER__TRIAL_CALLS", self.trial_calls.to_string()),
        ]
        .map(|(key, value)| (format!("KEEL__PAYMENTS__{key}"), value))
        .to_vec()
    }

    /// How long the `number`th opening in a row lasts at least, from 0.
    fn opening(&self, number: u32) -> Duration {
        self.open_for.saturating_mul(2_u32.saturating_pow(number)).min(self.open_max)
    }

    /// How often it can open while an outage lasts for `outage`.
    pub fn openings(&self, outage: Duration) -> u64 {
        let (mut begins, mut count) = (Duration::ZERO, 0);
        while begins < outage {
            begins += self.opening(count);
            count += 1;
        }
        u64::from(count)
    }

    /// Requests that reach the provider in an outage, after `succeeded` calls in the window before it: until so many
    /// failed that it opens, those that were under way then, and the trials of each opening.
    pub fn requests(&self, outage: Duration, succeeded: u64) -> u64 {
        let until_open = (self.failure_percent * succeeded).div_ceil(100 - self.failure_percent);
        until_open.max(self.min_calls) + self.max_in_flight + self.trial_calls * self.openings(outage)
    }

    /// How often one order can be turned away in what is left of an outage. Each time it comes back only when that
    /// opening is over, so between the second time and the last lie whole openings, and not the first.
    pub fn rejections(&self, left: Duration) -> u64 {
        let (mut needed, mut count) = (Duration::ZERO, 2);
        loop {
            needed += self.opening(count - 1);
            if needed > left {
                return u64::from(count);
            }
            count += 1;
        }
    }

    /// Attempts of the activity in an outage: every request, and every time an order was turned away. `left` says for
    /// each order how much of the outage was left when it was placed.
    pub fn attempts(&self, outage: Duration, succeeded: u64, left: impl Iterator<Item = Duration>) -> u64 {
        self.requests(outage, succeeded) + left.map(|left| self.rejections(left.min(outage))).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::BREAKER;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn openings_double_up_to_the_longest() {
        // They begin at 0, 5, 15, 35, 65 and 95 s.
        let found = [1, 5, 6, 16, 60, 66, 96].map(|outage| BREAKER.openings(seconds(outage)));
        assert_eq!(found, [1, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn an_order_is_turned_away_a_few_times_in_a_minute() {
        // The second time may follow the first at once; then 10, 20, 30, 30 s lie between.
        let found = [0, 9, 10, 29, 30, 59, 60, 90].map(|left| BREAKER.rejections(seconds(left)));
        assert_eq!(found, [2, 2, 3, 3, 4, 4, 5, 6]);
    }

    #[test]
    fn requests_grow_with_what_had_succeeded_and_not_with_the_orders() {
        assert_eq!(BREAKER.requests(seconds(60), 0), 10 + 24 + 3 * 4);
        assert_eq!(BREAKER.requests(seconds(60), 100), 100 + 24 + 3 * 4);
        let left = [seconds(60), seconds(5)];
        assert_eq!(BREAKER.attempts(seconds(60), 0, left.into_iter()), 46 + 5 + 2);
    }

    #[test]
    fn settings_are_environment_variables() {
        let settings = BREAKER.settings(false);
        let has = |name: &str, value: &str| settings.iter().any(|(n, v)| n == name && v == value);
        assert!(has("KEEL__PAYMENTS__BREAKER__ENABLED", "false"), "{settings:?}");
        assert!(has("KEEL__PAYMENTS__BREAKER__FAILURE_RATIO", "0.5"), "{settings:?}");
        assert!(has("KEEL__PAYMENTS__BREAKER__OPEN_MAX", "30s"), "{settings:?}");
    }
}
