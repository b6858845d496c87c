//! When the next run begins.

use std::f64::consts::TAU;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

/// Moments at a rate that is steady, or goes up and down as a sine wave does.
#[derive(Debug)]
pub struct Pace {
    low: f64,
    high: f64,
    /// The length of a wave.
    wave: Option<Duration>,
    begun: Instant,
    next: Instant,
}

impl Pace {
    /// Always so many a second.
    pub fn steady(per_second: u32) -> Self {
        Self::new(per_second.into(), per_second.into(), None)
    }

    /// From `low` a second to `high` and back in `seconds`, again and again.
    ///
    /// # Errors
    /// When a rate is so low that the next moment would never come, or they are upside down.
    pub fn wave(low: f64, high: f64, seconds: u32) -> Result<Self> {
        ensure!(
            low >= 0.01 && low <= high && high <= 10_000.0,
            "a wave goes from 0.01 a second or more up to 10000 at most, not from {low} to {high}"
        );
        Ok(Self::new(low, high, Some(Duration::from_secs(seconds.into()))))
    }

    fn new(low: f64, high: f64, wave: Option<Duration>) -> Self {
        let now = Instant::now();
        Self { low, high, wave, begun: now, next: now }
    }

    /// Waits for the next moment. One that was missed is not made up for.
    pub async fn turn(&mut self) {
        tokio::time::sleep_until(self.next).await;
        let now = Instant::now();
        self.next = now + Duration::from_secs_f64(1.0 / self.rate(now.duration_since(self.begun)));
    }

    /// So many a second after so long.
    fn rate(&self, after: Duration) -> f64 {
        let Some(wave) = self.wave else { return self.high };
        let share = (1.0 - (TAU * after.as_secs_f64() / wave.as_secs_f64()).cos()) / 2.0;
        self.low + (self.high - self.low) * share
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Pace;

    #[tokio::test]
    async fn a_wave_begins_low_is_high_in_the_middle_and_comes_back() {
        let wave = Pace::wave(2.0, 10.0, 60).unwrap();
        let rates = [0, 15, 30, 45, 60].map(|second| wave.rate(Duration::from_secs(second)).round());
        assert_eq!(rates.map(|rate| rate.to_string()), ["2", "6", "10", "6", "2"]);
        let steady = Pace::steady(7).rate(Duration::from_secs(99));
        assert_eq!(steady.to_string(), "7");
        assert!(Pace::wave(0.0, 1.0, 60).is_err() && Pace::wave(2.0, 1.0, 60).is_err());
        assert!(Pace::wave(f64::NAN, 1.0, 60).is_err() && Pace::wave(1.0, f64::INFINITY, 60).is_err());
    }

    #[tokio::test]
    async fn moments_come_no_faster_than_the_rate() {
        let mut pace = Pace::steady(100);
        let begun = tokio::time::Instant::now();
        for _ in 0..=20 {
            pace.turn().await;
        }
        assert!(begun.elapsed() >= Duration::from_millis(200), "{:?}", begun.elapsed());
    }
}
