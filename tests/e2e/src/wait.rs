//! Waiting for a state, never for a time.

use std::time::{Duration, Instant};

/// No single wait of a test lasts longer.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until `ready` yields a value.
///
/// # Panics
/// When it does not within [`DEADLINE`]; the message says `what` was awaited.
pub fn eventually<T>(what: &str, mut ready: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = ready() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not happen within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
