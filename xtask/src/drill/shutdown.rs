//! `drill shutdown`: the worker is asked to stop under load, again and again, and nobody may notice.
//!
//! Attempts are counted by the load from what the server says: while no worker lives, what each pending activity last
//! failed with; at the end, every history. An attempt whose end nobody saw counts as failed.

use std::time::{Duration, Instant};

use super::ground::{DATASET, Ground, Layout, TASK, Toll};
use crate::random::Random;
use crate::stack::{Attempts, Exit, Flow};
use crate::{interrupt, wait};

/// The worker's hard deadline in this drill; the default of the product.
const DEADLINE: Duration = Duration::from_secs(25);
/// Between a worker's readiness and the signal.
const LIFE_MS: (u64, u64) = (200, 2_000);
/// The same every second time. What the worker before handed over is tried again a second later: its successor is just
/// leaving then.
const SHORT_LIFE_MS: (u64, u64) = (500, 800);
/// For one round, and for all that is in flight at the end.
const ROUND: Duration = Duration::from_secs(45);
const FINISH: Duration = Duration::from_secs(300);

/// Stop the worker with SIGTERM under load, and count what that cost.
#[derive(clap::Args)]
pub struct Args {
    /// How often
    #[arg(long, default_value_t = 50)]
    times: u32,
    /// Build and run optimised binaries
    #[arg(long)]
    release: bool,
    /// Repeat the moments of an earlier run
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the drill.
///
/// # Errors
/// When an attempt failed, anything timed out, was lost or done twice, or a worker did not end well and in time.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let seed = args.seed.unwrap_or_else(Random::fresh_seed);
    eprintln!("shutdown: seed {seed}");
    let mut ground = Ground::lay(&Layout {
        name: "drill-shutdown",
        release: args.release,
        durable: false,
        flow: Flow {
            orders: 20,
            tasks: Some((2, TASK)),
            datasets: Some((1, DATASET)),
            histories: true,
            ..Flow::default()
        },
        worker_settings: &[("KEEL__WORKER__SHUTDOWN_DEADLINE", format!("{}s", DEADLINE.as_secs()))],
    })?;
    let exits = stop_and_start(&mut ground, args.times, &mut Random::new(seed))?;
    let logs = ground.logs.clone();
    let (account, toll) = ground.clear(FINISH)?;
    report(&exits, &account.attempts, &toll, &logs)
}

fn stop_and_start(ground: &mut Ground, times: u32, random: &mut Random) -> anyhow::Result<Vec<Exit>> {
    let limit = Instant::now() + ROUND * times;
    let mut exits = Vec::new();
    for round in 1..=times {
        interrupt::check()?;
        anyhow::ensure!(Instant::now() < limit, "{round} rounds took longer than {ROUND:?} each");
        let (least, most) = if round % 2 == 0 { SHORT_LIFE_MS } else { LIFE_MS };
        wait::pause(Duration::from_millis(random.between(least, most)))?;
        ground.load.must_run()?;
        ground.stack.must_run()?;
        let exit = ground.stack.terminate_worker()?;
        ground.load.sample()?;
        if round == 1 || round % 10 == 0 || !is_good(&exit) {
            eprintln!("  stop {round}: {} after {:.2} s", exit.status, exit.took.as_secs_f64());
        }
        exits.push(exit);
        ground.stack.start_worker()?;
    }
    Ok(exits)
}

fn is_good(exit: &Exit) -> bool {
    exit.status.success() && exit.took < DEADLINE
}

fn report(exits: &[Exit], attempts: &Attempts, toll: &Toll, logs: &str) -> anyhow::Result<()> {
    for reason in &attempts.reasons {
        eprintln!("  {reason}");
    }
    let bad_exits = exits.iter().filter(|exit| !is_good(exit)).count();
    let longest = exits.iter().map(|exit| exit.took).max().unwrap_or_default();
    let (orders, tasks, datasets) = toll.runs;
    let timeouts = attempts.activity_timeouts;
    let late = attempts.workflow_task_timeouts;
    eprintln!(
        "  {orders} orders, {tasks} tasks, {datasets} dataset runs, {} activities, {} failed workflow tasks",
        attempts.activities, attempts.workflow_task_failures
    );
    println!(
        "shutdown: times={} failed_activities={} timeouts={timeouts} late_workflow_tasks={late} sticky_waits={} handed_over={} lost={} \
         double={} bad_exits={bad_exits} longest_exit_s={:.2} deadline_s={}",
        exits.len(),
        attempts.failed_attempts,
        attempts.sticky_timeouts,
        attempts.handed_over,
        toll.lost,
        toll.double,
        longest.as_secs_f64(),
        DEADLINE.as_secs()
    );
    let workflow_tasks = late + attempts.sticky_timeouts + attempts.workflow_task_failures;
    let clean = attempts.failed_attempts + timeouts + workflow_tasks == 0;
    anyhow::ensure!(clean && toll.lost + toll.double + bad_exits == 0, "a count is off; {logs}");
    Ok(())
}
