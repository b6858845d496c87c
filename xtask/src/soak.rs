//! `cargo xtask soak`: so many activities through one worker, and its memory at the end as at the beginning.
//!
//! What counts as an activity is what the worker's own metrics count. Memory is resident memory from `/proc`, once a
//! second; the medians of two windows are compared: the last quarter of the first fifth of the run, and the last quarter
//! of its last fifth. Both are under full load, and at the default size both lie at the end of a generation of the SDK
//! worker, where memory is highest.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::drill::ground::{Ground, Layout, Toll};
use crate::stack::{Flow, Metrics};
use crate::wait;

/// Orders in flight: enough that the server is never idle.
const IN_FLIGHT: usize = 50;
const SAMPLE: Duration = Duration::from_secs(1);
/// Without any further activity for this long, something hangs.
const STALLED: Duration = Duration::from_secs(60);
const FINISH: Duration = Duration::from_secs(300);
/// How much more memory the last window may take.
const GROWTH: f64 = 1.15;
/// The fewest samples a window is judged by.
const ENOUGH: usize = 3;

/// Put many activities through one worker and watch its memory
#[derive(clap::Args)]
pub struct Args {
    /// How many
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1_000..))]
    activities: u64,
    /// Run debug binaries, for a quick look
    #[arg(long)]
    debug: bool,
    /// After how many activities the SDK worker is rebuilt; the product's default without
    #[arg(long)]
    rebuild_after: Option<u64>,
}

/// The worker at one moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    activities: u64,
    resident: u64,
}

/// Runs the subcommand.
///
/// # Errors
/// When memory grew, anything was lost or done twice, or nothing moves any more.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let rebuild =
        args.rebuild_after.map(|count| ("KEEL__WORKER__REBUILD_AFTER_ACTIVITIES", count.to_string()));
    let quiet = ("KEEL__LOG__LEVEL", "warn".to_owned());
    let settings: Vec<_> = std::iter::once(quiet).chain(rebuild).collect();
    let mut ground = Ground::lay(&Layout {
        name: "soak",
        release: !args.debug,
        durable: false,
        flow: Flow { orders: IN_FLIGHT, ..Flow::default() },
        worker_settings: &settings,
    })?;
    let started = Instant::now();
    let samples = watch(&mut ground, args.activities)?;
    let took = started.elapsed();
    let rebuilds = ground.probe.metrics()?.sum("keel_worker_rebuilds_total").unwrap_or(0.0);
    let pace = samples.last().map_or(0.0, |last| last.activities as f64 / took.as_secs_f64());
    eprintln!("  {pace:.0} activities/s");
    let logs = ground.logs.clone();
    let (_, toll) = ground.clear(FINISH)?;
    report(args.activities, &samples, took, rebuilds, &toll, &logs)
}

/// Samples until the count is reached.
fn watch(ground: &mut Ground, wanted: u64) -> anyhow::Result<Vec<Sample>> {
    let pid = ground.stack.worker_pid();
    let mut samples: Vec<Sample> = Vec::new();
    let (mut moved, mut said) = (Instant::now(), 0);
    loop {
        ground.load.must_run()?;
        ground.stack.must_run()?;
        let sample = Sample { activities: activities(&ground.probe.metrics()?)?, resident: resident(pid)? };
        if samples.last().is_none_or(|last| last.activities < sample.activities) {
            moved = Instant::now();
        }
        ensure!(moved.elapsed() < STALLED, "no activity for {} s; {}", STALLED.as_secs(), ground.logs);
        samples.push(sample);
        if sample.activities * 10 / wanted > said {
            said = sample.activities * 10 / wanted;
            eprintln!("  {} activities, {:.1} MB", sample.activities, mb(sample.resident));
        }
        if sample.activities >= wanted {
            return Ok(samples);
        }
        wait::pause(SAMPLE)?;
    }
}

/// Attempts of activities that ended, well or not; local ones are not among them.
fn activities(metrics: &Metrics) -> anyhow::Result<u64> {
    let ended = metrics
        .sum("temporal_activity_execution_latency_seconds_count")
        .context("the worker's metrics have no temporal_activity_execution_latency_seconds")?;
    // A count of things is a whole number of moderate size.
    Ok(ended as u64)
}

fn resident(pid: u32) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).and_then(|kib| kib.parse::<u64>().ok());
    kib.map(|kib| kib * 1024).with_context(|| format!("no VmRSS in {path}"))
}

/// The median of resident memory over the samples in the last quarter of the fifth number `fifth`, from 1.
fn window(samples: &[Sample], wanted: u64, fifth: u64) -> anyhow::Result<u64> {
    let end = wanted * fifth / 5;
    let begin = end - wanted / 20;
    let inside = |sample: &&Sample| (begin..=end).contains(&sample.activities);
    let mut found: Vec<u64> = samples.iter().filter(inside).map(|sample| sample.resident).collect();
    ensure!(
        found.len() >= ENOUGH,
        "only {} samples from {begin} to {end}: take more activities",
        found.len()
    );
    found.sort_unstable();
    Ok(found[found.len() / 2])
}

fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn report(
    wanted: u64,
    samples: &[Sample],
    took: Duration,
    rebuilds: f64,
    toll: &Toll,
    logs: &str,
) -> anyhow::Result<()> {
    let (first, last) = (window(samples, wanted, 1)?, window(samples, wanted, 5)?);
    let peak = samples.iter().map(|sample| sample.resident).max().unwrap_or(0);
    let ratio = mb(last) / mb(first);
    let reached = samples.last().map_or(0, |sample| sample.activities);
    println!(
        "soak: activities={reached} first_mb={:.1} last_mb={:.1} ratio={ratio:.2} peak_mb={:.1} orders={} lost={} double={} \
         rebuilds={rebuilds} minutes={:.1}",
        mb(first),
        mb(last),
        mb(peak),
        toll.runs.0,
        toll.lost,
        toll.double,
        took.as_secs_f64() / 60.0
    );
    ensure!(toll.lost + toll.double == 0, "a count is off; {logs}");
    ensure!(ratio <= GROWTH, "memory grew by {:.0} %; {logs}", (ratio - 1.0) * 100.0);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Sample, window};

    #[test]
    fn windows_are_the_ends_of_the_first_and_the_last_fifth() {
        let samples: Vec<_> =
            (0..=100).map(|at| Sample { activities: at * 1_000, resident: at * 10 }).collect();
        assert_eq!(window(&samples, 100_000, 1).unwrap(), 180);
        assert_eq!(window(&samples, 100_000, 5).unwrap(), 980);
        assert!(window(&samples[..18], 100_000, 1).is_ok());
        assert!(window(&samples[..10], 100_000, 1).is_err());
    }
}
