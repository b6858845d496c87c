//! `cargo xtask deploy`: images, secrets, everything started in order, and a table when it serves.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::stack::{Common, FRONT, Form, Stack, WORKER, say};
use super::status::{Status, show};
use super::{images, ready, rules, secrets, state};
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
}

/// Runs the subcommand.
///
/// # Errors
/// With what did not come up, and why as far as its log tells.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.secrets_only {
        return secrets::ensure();
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
    deploy(&mut stack, &Plan { offline: args.offline, demo, tag: args.build_id.clone() })?;
    if stack.is_dry() {
        return Ok(());
    }
    show(&Status::of(&stack)?, args.common.output)?;
    if args.common.output == Form::Text {
        println!("\ndeploy: ready in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// Brings the stack to the plan; what is so already is left alone.
///
/// # Errors
/// With what did not come up, and why as far as its log tells.
pub fn deploy(stack: &mut Stack, plan: &Plan) -> anyhow::Result<()> {
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
    if !stack.state.build.id.is_empty() && stack.state.build.id != build.id {
        stack.state.previous = Some(stack.state.build.clone());
    }
    stack.state.build = build;
    if !stack.is_dry() {
        secrets::ensure()?;
    }
    stack.save()?;
    bring_up(stack)
}

fn bring_up(stack: &Stack) -> anyhow::Result<()> {
    say("starting, in order");
    let pull = if stack.state.offline { "never" } else { "missing" };
    let up = ["--progress", "plain", "up", "-d", "--no-build", "--pull", pull];
    stack.change(&mut stack.compose(&up), UP)?;
    let wanted = stack.state.replicas.unwrap_or(state::REPLICAS);
    let workers = stack.wait_ready(WORKER, wanted, READY)?;
    if stack.is_dry() {
        return Ok(());
    }
    if stack.state.demo {
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
