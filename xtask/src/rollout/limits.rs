//! What a rollout tolerates, and how long each part of it may take: the flags of `deploy` and `rollback`.

use std::time::Duration;

use crate::capacity::load::duration;

fn time(text: &str) -> Result<Duration, String> {
    duration(text).map_err(|error| error.to_string())
}

/// The flags of a rollout.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Rollout")]
pub struct Limits {
    /// How many histories of real runs the new build must replay, open runs first
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u16).range(1..=5000))]
    pub replay: u16,
    /// How long each share of the ramp (1, 10, 50, 100 %) lasts at least
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = time)]
    pub step: Duration,
    /// New runs on the new build before its share grows
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub min_runs: u64,
    /// A share lasts no longer than this where too few runs come
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = time)]
    pub quiet: Duration,
    /// Of runs, workflow tasks and activities, the share that may fail beyond that of the old build
    #[arg(long, value_name = "PERCENT", default_value_t = 5.0)]
    pub more_failures: f64,
    /// Failures of one kind below this number prove nothing; non-determinism needs only one
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub min_failures: u64,
    /// How much slower than the old build's the new build's 95th percentiles may be
    #[arg(long, value_name = "FACTOR", default_value_t = 2.0)]
    pub slower: f64,
    /// Figures below this number make no percentile that is compared
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub min_samples: u64,
    /// Wait so long at the end for the old build's runs; what is left then is removed by the next `deploy`
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = time)]
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            replay: 200,
            step: Duration::from_secs(30),
            min_runs: 10,
            quiet: Duration::from_secs(120),
            more_failures: 5.0,
            min_failures: 3,
            slower: 2.0,
            min_samples: 100,
            drain_timeout: Duration::from_secs(60),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::Limits;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: Limits,
    }

    #[test]
    fn the_defaults_of_flags_and_of_code_are_the_same() {
        let line = Line::parse_from(["x"]);
        assert_eq!(format!("{:?}", line.limits), format!("{:?}", Limits::default()));
    }
}
