//! Spreads reading over time, for disks that others use too.

use std::time::{Duration, Instant};

use super::options::DatasetOptions;

/// With a limited rate, this many batches are made in a second.
const BATCHES_PER_SECOND: u64 = 5;
/// A wait looks this often whether it should end.
const LOOK: Duration = Duration::from_millis(25);

/// The rate of one run.
#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_second: u64,
    batch_bytes: u64,
    first_byte: u64,
    began: Instant,
}

impl Pace {
    /// Starts now, with `first_byte` as the next to be read.
    pub(super) fn new(options: &DatasetOptions, first_byte: u64) -> Self {
        let bytes_per_second = options.max_bytes_per_second;
        let batch_bytes = match bytes_per_second {
            0 => options.batch_bytes,
            rate => options.batch_bytes.min(rate / BATCHES_PER_SECOND),
        };
        Self { bytes_per_second, batch_bytes: batch_bytes.max(1), first_byte, began: Instant::now() }
    }

    /// How much to read before [`Pace::wait`].
    pub(super) const fn batch_bytes(&self) -> u64 {
        self.batch_bytes
    }

    /// Waits until everything before `position` may have been read, or until told to stop.
    pub(super) fn wait(&self, position: u64, stop: &dyn Fn() -> bool) {
        if self.bytes_per_second == 0 {
            return;
        }
        let due = position.saturating_sub(self.first_byte) as f64 / self.bytes_per_second as f64;
        let due = self.began + Duration::from_secs_f64(due);
        while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if stop() {
                return;
            }
            std::thread::sleep(left.min(LOOK));
        }
    }
}
