//! `bench-start`: how soon a worker is ready, and what it holds while it idles.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::process::Worker;
use crate::product::{Place, free_address};

/// When a start has failed.
const LIMIT: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(1);

#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    place: Place,
    /// Starts, one after the other.
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Seconds of idling before its memory is read.
    #[arg(long, default_value_t = 10)]
    idle: u64,
}

pub fn run(args: &Args) -> Result<()> {
    ensure!(args.starts > 0, "--starts 0 measures nothing");
    let dir = tempfile::tempdir()?;
    let listen = free_address()?;
    let mut times = Vec::new();
    let mut last = None;
    for _ in 0..args.starts {
        // The one before has ended when the next one starts.
        drop(last.take());
        let settings = [("KEEL__HTTP__LISTEN", listen.clone())];
        let setup = args.place.product(dir.path(), "start", &settings)?;
        let started = Instant::now();
        let worker = Worker::spawn(setup.command)?;
        last = Some(ready(worker, &listen)?);
        times.push(started.elapsed());
    }
    let worker = last.context("no start")?;
    std::thread::sleep(Duration::from_secs(args.idle));
    let (idle_mb, own_idle_mb) = (worker.resident_mb()?, worker.own_mb()?);
    times.sort_unstable();
    let binary = std::fs::metadata(args.place.worker())?.len();
    println!(
        "start: ready_ms={:.0} ready_p99_ms={:.0} idle_mb={idle_mb:.1} own_idle_mb={own_idle_mb:.1} peak_mb={:.1} \
         binary_mb={:.1} starts={}",
        ms(quantile(&times, 0.5)),
        ms(quantile(&times, 0.99)),
        worker.peak_mb()?,
        binary as f64 / 1e6,
        args.starts,
    );
    Ok(())
}

/// Asks `/readyz` until it says yes.
fn ready(mut worker: Worker, listen: &str) -> Result<Worker> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(1)))
        .max_idle_connections(0)
        .build();
    let agent = ureq::Agent::new_with_config(config);
    let url = format!("http://{listen}/readyz");
    let end = Instant::now() + LIMIT;
    // Anything but 200 is an error to the agent.
    while agent.get(&url).call().is_err() {
        worker.must_run()?;
        ensure!(Instant::now() < end, "the worker is not ready after {LIMIT:?}");
        std::thread::sleep(ASK_EVERY);
    }
    Ok(worker)
}

/// The value below which this share lies; of twenty values the 99th percentile is the greatest.
fn quantile(sorted: &[Duration], share: f64) -> Duration {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted[rank.clamp(1, sorted.len()) - 1]
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::quantile;

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let times: Vec<_> = (1..=20).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 0.5), Duration::from_millis(10));
        assert_eq!(quantile(&times, 0.99), Duration::from_millis(20));
        assert_eq!(quantile(&times[..1], 0.5), Duration::from_millis(1));
    }
}
