//! Within what bounds the number of workers may move, and how fast.

use std::time::Duration;

use anyhow::ensure;

use crate::capacity::duration;

/// What the operator decides.
#[derive(clap::Args, Clone, Debug)]
pub struct Settings {
    /// Never fewer workers than this
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub min: usize,
    /// Never more workers than this
    #[arg(long, default_value_t = 6, value_name = "N")]
    pub max: usize,
    /// The oldest task that waits shall not get older than this
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME")]
    pub target_age: Duration,
    /// After workers were added: no more for this long
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME")]
    pub cool_down_out: Duration,
    /// Fewer workers must have sufficed for this long before one goes
    #[arg(long, default_value = "3m", value_parser = duration, value_name = "TIME")]
    pub cool_down_in: Duration,
    /// At most so many workers more at once; fewer always go one by one
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub step: usize,
    /// The share of a worker that stays free when one goes, 0 to 0.9
    #[arg(long, default_value_t = 0.3, value_name = "SHARE")]
    pub headroom: f64,
}

/// Limits of one command; Compose and Docker on one machine are not made for more.
const MOST: usize = 100;

impl Settings {
    /// Checks what one flag alone does not show.
    ///
    /// # Errors
    /// Names the flag and what it may be.
    pub fn check(&self) -> anyhow::Result<()> {
        ensure!(
            self.min >= 1,
            "--min: at least 1, for with no worker nothing waits where it could be seen; `cargo xtask scale \
             temporal-worker=0` stops all"
        );
        ensure!(self.max <= MOST, "--max: at most {MOST} on one machine");
        ensure!(self.min <= self.max, "--min {} is above --max {}", self.min, self.max);
        ensure!(self.step >= 1, "--step: at least 1");
        ensure!(
            (0.0..=0.9).contains(&self.headroom),
            "--headroom: {} is not between 0 and 0.9",
            self.headroom
        );
        let second = Duration::from_secs(1);
        for (flag, value) in [
            ("--target-age", self.target_age),
            ("--cool-down-out", self.cool_down_out),
            ("--cool-down-in", self.cool_down_in),
        ] {
            ensure!((second..=24 * 3600 * second).contains(&value), "{flag}: not between 1s and 1d");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Settings;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn check(line: &str) -> String {
        let words = std::iter::once("x").chain(line.split_whitespace());
        match Line::try_parse_from(words) {
            Ok(line) => line.settings.check().err().map(|error| error.to_string()).unwrap_or_default(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_flag() {
        assert_eq!(check(""), "");
        assert_eq!(check("--min 2 --max 2 --target-age 2s"), "");
        for (line, flag) in [
            ("--min 0", "--min: at least 1"),
            ("--min 7", "--min 7 is above --max 6"),
            ("--max 1000", "--max"),
            ("--step 0", "--step"),
            ("--headroom 1", "--headroom"),
            ("--target-age 10ms", "--target-age"),
            ("--cool-down-in 10", "--cool-down-in"),
        ] {
            assert!(check(line).contains(flag), "{line}: {}", check(line));
        }
    }
}
