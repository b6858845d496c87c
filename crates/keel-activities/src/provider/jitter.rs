//! Chance, for spreading retries; nothing secret depends on it.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A sequence of random numbers.
#[derive(Debug)]
pub(super) struct Jitter(AtomicU64);

impl Jitter {
    /// A sequence that no other process has.
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(RandomState::new().build_hasher().finish()))
    }

    /// A number from 0 to below 1 (SplitMix64).
    pub(super) fn next(&self) -> f64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let high = u32::try_from((mixed ^ (mixed >> 31)) >> 32).expect("the upper half of 64 bits");
        f64::from(high) / 4_294_967_296.0
    }

    /// From `least` to `least + spread`.
    pub(super) fn beyond(&self, least: Duration, spread: Duration) -> Duration {
        least + spread.mul_f64(self.next())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Jitter;

    #[test]
    fn numbers_spread_over_the_whole_range() {
        let jitter = Jitter::new();
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let number = jitter.next();
            assert!((0.0..1.0).contains(&number));
            tenths[(number * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (800..1_200).contains(count)), "{tenths:?}");
        let (least, spread) = (Duration::from_secs(3), Duration::from_secs(2));
        assert!((0..100).all(|_| (least..=least + spread).contains(&jitter.beyond(least, spread))));
    }
}
