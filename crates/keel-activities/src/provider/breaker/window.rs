//! The last calls, in buckets of time: constant memory whatever the load.

use std::time::{Duration, Instant};

use serde::Serialize;

/// Buckets of a window: the oldest tenth leaves at once.
const BUCKETS: usize = 10;

/// Calls by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// All of them.
    pub calls: u32,
    /// Those without an answer of the protocol.
    pub failed: u32,
    /// Those that took longer than `slow_call`, failed or not.
    pub slow: u32,
}

impl Counts {
    pub(super) const fn add(&mut self, failed: bool, slow: bool) {
        self.calls = self.calls.saturating_add(1);
        self.failed = self.failed.saturating_add(failed as u32);
        self.slow = self.slow.saturating_add(slow as u32);
    }
}

/// A sliding window of counts.
#[derive(Debug)]
pub(super) struct Window {
    origin: Instant,
    bucket: Duration,
    buckets: [(u128, Counts); BUCKETS],
}

impl Window {
    /// An empty window of `length`, at least a microsecond a bucket.
    pub(super) fn new(length: Duration, now: Instant) -> Self {
        let bucket = (length / BUCKETS as u32).max(Duration::from_micros(1));
        Self { origin: now, bucket, buckets: [(0, Counts::default()); BUCKETS] }
    }

    /// Counts a call that ended `now`.
    pub(super) fn record(&mut self, now: Instant, failed: bool, slow: bool) {
        let tick = self.tick(now);
        let at = usize::try_from(tick % BUCKETS as u128).expect("smaller than the number of buckets");
        let (of, counts) = &mut self.buckets[at];
        if *of != tick {
            (*of, *counts) = (tick, Counts::default());
        }
        counts.add(failed, slow);
    }

    /// The calls of the last `length`, give or take a bucket.
    pub(super) fn counts(&self, now: Instant) -> Counts {
        let tick = self.tick(now);
        let fresh = self.buckets.iter().filter(|(of, _)| of + BUCKETS as u128 > tick);
        fresh.fold(Counts::default(), |sum, (_, counts)| Counts {
            calls: sum.calls.saturating_add(counts.calls),
            failed: sum.failed.saturating_add(counts.failed),
            slow: sum.slow.saturating_add(counts.slow),
        })
    }

    fn tick(&self, now: Instant) -> u128 {
        now.saturating_duration_since(self.origin).as_nanos() / self.bucket.as_nanos()
    }
}
