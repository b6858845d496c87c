//! `cargo xtask chaos`: orders and datasets in flight while the worker is killed and restarted again and again. At the
//! end nothing may be lost, done twice or left half done, counted from the journal of the providers, the store, the
//! workflows and the files.

mod plan;
mod results;
pub mod storm;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::judge::{self, Evidence, Verdict};
use crate::random::Random;
use crate::stack::{Plan, ServerOptions, Stack};
use crate::{binaries, paths, tools, up};

use plan::{DATASETS, KILLS, ORDERS, ROWS, dataset_id, dataset_seed};

/// The whole run after the build; more means that something hangs.
const LIMIT: Duration = Duration::from_secs(300);
/// How long a throttled dataset takes when nothing disturbs it.
const DATASET_SECONDS: u64 = 30;

/// Kill the worker ten times under 200 orders and 5 datasets, and count what went wrong.
#[derive(clap::Args)]
pub struct Args {
    /// Build and run optimised binaries
    #[arg(long)]
    release: bool,
    /// Repeat the moments of an earlier run
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs the subcommand.
///
/// # Errors
/// When a count is off, or the run does not come to its end within five minutes.
pub fn run(args: Args) -> anyhow::Result<()> {
    let tool = tools::temporal()?;
    let binaries = binaries::build(args.release)?;
    let paths::Claim { dir, scope, logs, .. } = &paths::claim("chaos")?;
    // The undisturbed run has a folder of its own beside it.
    let logs = &format!("{logs}*");
    let seed = args.seed.unwrap_or_else(Random::fresh_seed);
    let deadline = Instant::now() + LIMIT;
    eprintln!("chaos: seed {seed} (the same moments again: `cargo xtask chaos --seed {seed}`)");

    let (reference, storm) = (dir.join("reference"), dir.join("storm"));
    undisturbed(&reference, &format!("{scope}-reference"), &tool, &binaries, deadline)
        .with_context(|| format!("the undisturbed run; {logs}"))?;

    eprintln!("the storm: {ORDERS} orders, {DATASETS} datasets, {KILLS} kills");
    let mut stack = Stack::start(plan(&storm, scope, storm_settings(&reference)?), &tool, &binaries)
        .with_context(|| logs.clone())?;
    for index in 0..DATASETS {
        let name = format!("data/datasets/{}.csv", dataset_id(index));
        std::fs::copy(reference.join(&name), storm.join(&name))
            .with_context(|| format!("cannot copy {name}"))?;
    }
    let raged = storm::rage(&mut stack, &mut Random::new(seed), deadline)
        .and_then(|raged| Ok((collect(&stack, raged.workflows)?, raged.orders, raged.kills)))
        .with_context(|| logs.clone());
    let stopped = stack.stop().with_context(|| logs.clone());
    let (evidence, orders, kills) = raged?;
    stopped?;

    let mut verdict = judge::orders(&orders, &evidence);
    results::datasets(&reference, &storm, &evidence.workflows, &mut verdict)?;
    report(&verdict, kills, logs)
}

fn report(verdict: &Verdict, kills: usize, logs: &str) -> anyhow::Result<()> {
    for line in &verdict.details {
        eprintln!("chaos: {line}");
    }
    println!(
        "chaos: orders={ORDERS} lost={} double_charged={} double_shipped={} uncompensated={} datasets={DATASETS} \
         different={} kills={kills}",
        verdict.lost,
        verdict.double_charged,
        verdict.double_shipped,
        verdict.uncompensated,
        verdict.different
    );
    anyhow::ensure!(verdict.is_clean() && kills == KILLS, "a count is off; {logs}");
    Ok(())
}

fn plan<'a>(state: &Path, scope: &'a str, worker_settings: Vec<(String, String)>) -> Plan<'a> {
    Plan {
        scope,
        state: state.to_path_buf(),
        server: ServerOptions::default(),
        sandbox_port: None,
        http_port: None,
        worker_settings,
        keep_settings: false,
    }
}

/// Settings under which a dead attempt is noticed soon, so that many kills fit in the time.
fn storm_settings(reference: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let file = reference.join(format!("data/datasets/{}.csv", dataset_id(0)));
    let bytes = std::fs::metadata(&file).with_context(|| format!("cannot read {}", file.display()))?.len();
    let mut settings = up::throttle((bytes / DATASET_SECONDS).max(1));
    let short = [
        // Heartbeats go out at four fifths of it; on a busy machine less than this ends attempts that live.
        ("KEEL__TASK__HEARTBEAT_TIMEOUT", "5s"),
        ("KEEL__TASK__RETRY__MAXIMUM_INTERVAL", "2s"),
        ("KEEL__ORDER__STEP_TIMEOUT", "15s"),
    ];
    settings.extend(short.map(|(name, value)| (name.to_owned(), value.to_owned())));
    Ok(settings)
}

/// Makes the datasets and processes each one without any disturbance.
fn undisturbed(
    state: &Path,
    scope: &str,
    tool: &tools::Temporal,
    binaries: &binaries::Binaries,
    deadline: Instant,
) -> anyhow::Result<()> {
    eprintln!("the undisturbed run: {DATASETS} datasets of {ROWS} rows");
    let mut stack = Stack::start(plan(state, scope, Vec::new()), tool, binaries)?;
    for index in 0..DATASETS {
        stack.keel.generate(&dataset_id(index), ROWS, dataset_seed(index))?;
    }
    stack.start_worker()?;
    storm::start_datasets(&stack)?;
    let workflows = storm::wait_for_end(&mut stack, DATASETS, deadline)?;
    for (id, status) in workflows {
        anyhow::ensure!(status == "COMPLETED", "workflow {id} ended as {status}");
    }
    stack.stop()
}

fn collect(stack: &Stack, workflows: judge::Workflows) -> anyhow::Result<Evidence> {
    Ok(Evidence {
        workflows,
        effects: stack.sandbox.effects()?,
        store: judge::Store::parse(&stack.export_store()?)?,
    })
}
