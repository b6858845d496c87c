//! `cargo xtask deploy`: images, secrets, everything started in order, and a table when it serves.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::stack::{ASK, Common, FRONT, Form, Stack, WORKER, say};
use super::status::{Status, show};
use super::{images, ready, rules, secrets, state};
use crate::rollout::{self, Journal, Limits, Outcome, Report};
use crate::tools;

/// Everything up to the start of the workers; the first start of a database is the longest part.
const UP: Duration = Duration::from_secs(300);
const READY: Duration = Duration::from_secs(90);
const CURRENT: Duration = Duration::from_secs(60);
const SEED: Duration = Duration::from_secs(30);

/// Deploy Keel on this machine and wait until it serves; running it again changes nothing.
#[derive(clap::Args)]
pub struct Args {
    /// Use images made here for everything, on a machine that reaches no registry; includes the demo's providers
    #[arg(long)]
    offline: bool,
    /// Let the sandbox play payments and courier, and put the demo's stock into the store
    #[arg(long)]
    demo: bool,
    /// Without the demo's providers, also offline
    #[arg(long, conflicts_with = "demo")]
    no_demo: bool,
    /// Deploy images with this tag that are here already, instead of those of this checkout
    #[arg(long, value_name = "ID")]
    build_id: Option<String>,
    /// Only make what is missing in deploy/secrets
    #[arg(long)]
    secrets_only: bool,
    /// Only check that Compose takes every combination of the files, and that they break no rule
    #[arg(long)]
    check: bool,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    common: Common,
}

/// What is to be deployed.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// From images made here alone.
    pub offline: bool,
    /// With the sandbox and the demo's stock.
    pub demo: bool,
    /// The tag of images that are here; those of this checkout without.
    pub tag: Option<String>,
    /// What a rollout tolerates.
    pub limits: Limits,
}

/// Runs the subcommand.
///
/// # Errors
/// With what did not come up, and why as far as its log tells.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.secrets_only {
        return secrets::ensure(&|| Ok(false));
    }
    if args.check {
        return rules::check(&tools::compose(&tools::docker()?)?);
    }
    let started = Instant::now();
    let mut stack = Stack::open(&args.common)?;
    let _lock = if stack.is_dry() { None } else { Some(stack.lock()?) };
    stack.reload()?;
    stack.state.take_ports(std::env::vars());
    let demo = args.demo || (args.offline && !args.no_demo);
    let plan = Plan { offline: args.offline, demo, tag: args.build_id.clone(), limits: args.limits.clone() };
    let rolled = deploy(&mut stack, &plan)?;
    if stack.is_dry() {
        return Ok(());
    }
    if let Some(journal) = &rolled {
        let report = Report::of(journal);
        report.print(args.common.output, journal.kind)?;
        ensure!(
            report.outcome == Outcome::Promoted,
            "build {} did not take over: see the table",
            journal.to.id
        );
    }
    if rolled.is_none() || args.common.output == Form::Text {
        show(&Status::of(&stack)?, args.common.output)?;
    }
    if args.common.output == Form::Text {
        println!("\ndeploy: ready in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Brings the stack to the plan; what is so already is left alone. Another build than the current one is rolled out, and
/// the journal of that is returned.
///
/// # Errors
/// With what did not come up, and why as far as its log tells. A build that was refused or rolled back is no error here.
pub fn deploy(stack: &mut Stack, plan: &Plan) -> anyhow::Result<Option<Journal>> {
    ensure!(
        stack.state.replicas.is_none() || stack.state.offline == plan.offline,
        "this project was deployed {} `--offline`, and its data does not fit the other kind: `cargo xtask down --volumes` \
         first, or go on with the same kind",
        if stack.state.offline { "with" } else { "without" }
    );
    stack.state.offline = plan.offline;
    stack.state.demo = plan.demo;
    stack.state.replicas = Some(stack.state.replicas.unwrap_or(state::REPLICAS));
    let build = match &plan.tag {
        Some(tag) => images::tagged(stack, tag)?,
        None => images::of_this_checkout(stack)?,
    };
    if !stack.is_dry() {
        secrets::ensure(&database(stack))?;
        if !plan.demo {
            secrets::warn_of_the_sandbox();
        }
    }
    adopt(stack)?;
    if let Some(journal) = Journal::unfinished(&stack.dir())? {
        ensure!(
            journal.to.id == build.id,
            "a rollout from {} to {} is under way: `cargo xtask deploy --build-id {}` goes on with it, `cargo xtask rollback` \
             ends it",
            journal.from.id,
            journal.to.id,
            journal.to.id
        );
        if stack.is_dry() {
            println!("the rollout {} -> {} goes on at {:?}", journal.from.id, journal.to.id, journal.stage);
            return Ok(None);
        }
        stack.save()?;
        // It may have been cut off by the end of the machine.
        start_all(stack)?;
        return rollout::resume(stack, journal, &plan.limits).map(Some);
    }
    let current = &stack.state.build.id;
    if current.is_empty() || *current == build.id {
        stack.state.build = build;
        stack.save()?;
        bring_up(stack)?;
        if !stack.is_dry() {
            rollout::sweep(stack)?;
        }
        return Ok(None);
    }
    if stack.is_dry() {
        println!(
            "{current} -> {}: replay, start, gate, ramp 1, 10, 50 and 100 %, promote, hand over, drain",
            build.id
        );
        return Ok(None);
    }
    stack.save()?;
    // The old build must be whole: it is what the new one is compared with, and what is gone back to.
    bring_up(stack)?;
    rollout::sweep(stack)?;
    rollout::roll_out(stack, build, &plan.limits).map(Some)
}

/// Another checkout may have deployed what runs here, or this one has lost its notes: the build that runs is the current one, and
/// another one has to prove itself against it.
fn adopt(stack: &mut Stack) -> anyhow::Result<()> {
    if !stack.state.build.id.is_empty() {
        return Ok(());
    }
    let workers = stack.service(WORKER)?;
    if let Some(build) = workers.iter().map(|worker| &worker.build).find(|build| !build.is_empty()) {
        say(&format!("build {build} runs here already, deployed by others: it is taken for the current one"));
        stack.state.build = images::tagged(stack, build)?;
        stack.state.replicas = Some(workers.len());
    }
    Ok(())
}

/// The volume of the database, whose passwords are set when it is made.
fn database(stack: &Stack) -> impl Fn() -> anyhow::Result<bool> {
    let (docker, name) = (stack.docker.clone(), format!("{}_postgres-data", stack.project));
    move || {
        let found = docker.ask(&["volume", "ls", "-q", "--filter", &format!("name=^{name}$")], ASK)?;
        Ok(!found.trim().is_empty())
    }
}

/// Starts what does not run, of every build, and sends nothing anywhere.
fn start_all(stack: &Stack) -> anyhow::Result<()> {
    say("starting, in order");
    let pull = if stack.state.offline { "never" } else { "missing" };
    let up = ["--progress", "plain", "up", "-d", "--no-build", "--pull", pull];
    stack.change(&mut stack.compose(&up), UP)
}

fn bring_up(stack: &Stack) -> anyhow::Result<()> {
    start_all(stack)?;
    let wanted = stack.state.replicas.unwrap_or(state::REPLICAS);
    let workers = stack.wait_ready(WORKER, wanted, READY)?;
    if stack.is_dry() {
        return Ok(());
    }
    if stack.state.demo && wanted > 0 {
        let worker = workers.iter().find(|worker| worker.runs()).context("no worker runs")?;
        stack.inside(worker, &["store", "seed"], SEED)?;
    }
    make_current(stack)?;
    stack.wait_ready(FRONT, 1, READY)?;
    let front = format!("http://localhost:{}/health", stack.port("FRONT", 8080));
    ready::wait_answers("the front", &front, READY)
}

/// Sends new runs to the build; a server that knows no build gives its workers nothing.
fn make_current(stack: &Stack) -> anyhow::Result<()> {
    let build = &stack.state.build.id;
    say(&format!("new runs go to build {build}"));
    stack.keel(&["fleet", "current", build], CURRENT).map(drop)
}
