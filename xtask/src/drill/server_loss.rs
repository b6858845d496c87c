//! `drill server-loss`: the Temporal server is killed and comes back under load, again and again; the worker stays.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::ground::{DATASET, Ground, Layout, TASK, Toll};
use crate::random::Random;
use crate::stack::Flow;
use crate::wait;

/// Between two losses.
const CALM_MS: (u64, u64) = (3_000, 6_000);
/// How long the server is away.
const OUTAGE_MS: (u64, u64) = (2_000, 15_000);
/// What is promised: ready again this long after the server's return.
const PROMISE: Duration = Duration::from_secs(10);
/// When the drill gives up on a worker that does not come back.
const GIVE_UP: Duration = Duration::from_secs(60);
const FINISH: Duration = Duration::from_secs(300);

/// Kill the Temporal server under load and bring it back, and count what that cost.
#[derive(clap::Args)]
pub struct Args {
    /// How often
    #[arg(long, default_value_t = 10)]
    times: u32,
    /// Build and run optimised binaries
    #[arg(long)]
    release: bool,
    /// Repeat the moments of an earlier run
    #[arg(long)]
    seed: Option<u64>,
}

/// One loss, seen from outside.
#[derive(Clone, Copy, Debug)]
struct Loss {
    /// Whether `/readyz` said no before the server was back.
    noticed: bool,
    /// From the server's return until `/readyz` said yes.
    ready: Duration,
    /// From the server's return until the next run ended.
    work: Duration,
}

/// Runs the drill.
///
/// # Errors
/// When anything was lost or done twice, the worker was not ready within ten seconds, or it had to be started again.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or_else(Random::fresh_seed);
    eprintln!("server-loss: seed {seed}");
    let mut ground = Ground::lay(&Layout {
        name: "drill-server-loss",
        release: args.release,
        durable: true,
        flow: Flow {
            orders: 20,
            orders_per_second: 20,
            tasks: Some((2, TASK)),
            datasets: Some((1, DATASET)),
            ..Flow::default()
        },
        worker_settings: &[],
    })?;
    let pid = ground.stack.worker_pid();
    let mut random = Random::new(seed);
    let mut losses = Vec::new();
    for round in 1..=args.times {
        let loss = lose(&mut ground, &mut random)?;
        eprintln!(
            "  loss {round}: ready {:.2} s after the return{}, first work after {:.2} s",
            loss.ready.as_secs_f64(),
            if loss.noticed { "" } else { " (the outage was over before it was noticed)" },
            loss.work.as_secs_f64()
        );
        losses.push(loss);
    }
    let restarts = usize::from(ground.stack.worker_pid() != pid);
    let logs = ground.logs.clone();
    let (_, toll) = ground.clear(FINISH)?;
    report(&losses, &toll, restarts, &logs)
}

fn lose(ground: &mut Ground, random: &mut Random) -> anyhow::Result<Loss> {
    wait::pause(Duration::from_millis(random.between(CALM_MS.0, CALM_MS.1)))?;
    ground.load.must_run()?;
    ground.stack.must_run()?;
    let probe = ground.probe.clone();
    wait::until("the worker is not ready between two losses", GIVE_UP, || {
        Ok(probe.is_ready().then_some(()))
    })?;

    ground.stack.server.kill()?;
    let outage = Duration::from_millis(random.between(OUTAGE_MS.0, OUTAGE_MS.1));
    let end = Instant::now() + outage;
    let mut noticed = false;
    while Instant::now() < end {
        wait::pause(Duration::from_millis(100).min(end.saturating_duration_since(Instant::now())))?;
        ground.stack.worker_must_run()?;
        noticed |= !probe.is_ready();
    }
    ground.stack.server.revive()?;
    let back = Instant::now();
    let ended = ground.load.stats()?.ended;
    wait::until("the worker is not ready after the server's return", GIVE_UP, || {
        ground.stack.worker_must_run()?;
        Ok(probe.is_ready().then_some(()))
    })?;
    let ready = back.elapsed();
    wait::until("no run ended after the server's return", GIVE_UP, || {
        ground.stack.worker_must_run()?;
        Ok((ground.load.stats()?.ended > ended).then_some(()))
    })?;
    Ok(Loss { noticed, ready, work: back.elapsed() })
}

fn report(losses: &[Loss], toll: &Toll, restarts: usize, logs: &str) -> anyhow::Result<()> {
    let longest = |of: fn(&Loss) -> Duration| losses.iter().map(of).max().unwrap_or_default();
    let ready = longest(|loss| loss.ready);
    let mean = losses.iter().map(|loss| loss.ready.as_secs_f64()).sum::<f64>() / losses.len().max(1) as f64;
    let noticed = losses.iter().filter(|loss| loss.noticed).count();
    let (orders, tasks, datasets) = toll.runs;
    println!(
        "server-loss: times={} noticed={noticed} orders={orders} tasks={tasks} datasets={datasets} lost={} double={} \
         ready_max_s={:.2} ready_mean_s={mean:.2} work_max_s={:.2} worker_restarts={restarts}",
        losses.len(),
        toll.lost,
        toll.double,
        ready.as_secs_f64(),
        longest(|loss| loss.work).as_secs_f64()
    );
    ensure!(toll.lost + toll.double + restarts == 0, "a count is off; {logs}");
    ensure!(ready <= PROMISE, "ready only {:.1} s after the server's return; {logs}", ready.as_secs_f64());
    Ok(())
}
