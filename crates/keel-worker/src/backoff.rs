//! Pauses between attempts that grow, and that differ from process to process.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::ReconnectOptions;

/// Doubles from pause to pause up to a limit, each shortened by up to a quarter by chance, so that workers that lost
/// one server do not come back in step.
#[derive(Debug)]
pub(crate) struct Backoff {
    options: ReconnectOptions,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(options: &ReconnectOptions) -> Self {
        Self { options: options.clone(), next: options.initial }
    }

    /// The next pause.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.options.max);
        self.next = pause.saturating_mul(2);
        pause.mul_f64(1.0 - chance() / 4.0)
    }

    /// The last attempt succeeded.
    pub(crate) fn reset(&mut self) {
        self.next = self.options.initial;
    }
}

/// Between 0 and 1; every new hasher of the standard library is seeded by chance.
fn chance() -> f64 {
    let bits = u32::try_from(RandomState::new().hash_one(()) >> 32).unwrap_or_default();
    f64::from(bits) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Backoff;
    use crate::ReconnectOptions;

    #[test]
    fn pauses_grow_to_the_limit_and_start_again() {
        let options =
            ReconnectOptions { initial: Duration::from_millis(100), max: Duration::from_millis(400) };
        let mut backoff = Backoff::new(&options);
        for full in [100, 200, 400, 400] {
            let pause = backoff.pause();
            let full = Duration::from_millis(full);
            assert!(pause <= full && pause >= full * 3 / 4, "{pause:?} of {full:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= options.initial);
    }
}
