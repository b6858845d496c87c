//! Waiting with a deadline: nothing in xtask waits without one.

use std::time::{Duration, Instant};

use anyhow::bail;

use crate::interrupt;

const PAUSE: Duration = Duration::from_millis(40);

/// Asks `probe` until it has an answer.
///
/// # Errors
/// After `limit` (naming `what`), on a signal, and when the probe fails for good.
pub fn until<T>(
    what: &str,
    limit: Duration,
    mut probe: impl FnMut() -> anyhow::Result<Option<T>>,
) -> anyhow::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        interrupt::check()?;
        if let Some(answer) = probe()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            bail!("gave up after {} s: {what}", limit.as_secs());
        }
        std::thread::sleep(PAUSE);
    }
}

/// Waits for `length`, or until a signal.
///
/// # Errors
/// Only on a signal.
pub fn pause(length: Duration) -> anyhow::Result<()> {
    let deadline = Instant::now() + length;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        interrupt::check()?;
        std::thread::sleep(left.min(PAUSE));
    }
    interrupt::check()
}
