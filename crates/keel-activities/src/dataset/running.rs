//! Which runs over datasets this process is busy with, and when each was last heard of.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

static RUNS: Mutex<Vec<Weak<Mutex<Instant>>>> = Mutex::new(Vec::new());

/// One busy run, for as long as the value lives.
#[derive(Debug)]
pub(super) struct Running(Arc<Mutex<Instant>>);

impl Running {
    /// A run that begins now.
    pub(super) fn begin() -> Self {
        let beat = Arc::new(Mutex::new(Instant::now()));
        let mut runs = lock(&RUNS);
        runs.retain(|run| run.strong_count() > 0);
        runs.push(Arc::downgrade(&beat));
        Self(beat)
    }

    /// Its heartbeat was passed on.
    pub(super) fn beat(&self) {
        *lock(&self.0) = Instant::now();
    }
}

/// How many runs are busy, and the longest time since one of them began or was last heard of.
pub(crate) fn running() -> (usize, Duration) {
    let runs: Vec<_> = lock(&RUNS).iter().filter_map(Weak::upgrade).collect();
    let oldest = runs.iter().map(|beat| lock(beat).elapsed()).max();
    (runs.len(), oldest.unwrap_or_default())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change is one assignment, so a panic elsewhere leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Running, running};

    #[test]
    fn the_run_that_waits_longest_counts() {
        // Other tests of this program may run at the same time; each in its own process with nextest.
        let (before, _) = running();
        let (quiet, loud) = (Running::begin(), Running::begin());
        assert_eq!(running().0, before + 2);
        std::thread::sleep(Duration::from_millis(5));
        loud.beat();
        assert!(running().1 >= Duration::from_millis(5));
        drop(quiet);
        assert_eq!(running().0, before + 1);
        drop(loud);
        assert_eq!(running().0, before);
    }
}
