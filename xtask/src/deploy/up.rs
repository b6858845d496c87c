//! `cargo xtask deploy`: images, secrets, everything started in order, and a table when it serves.

use std::time::{Duration, Instant};

use anyhow::ensure;

use super::stack::{Common, FRONT, Form, Stack, WORKER, say};
use super::status::{Status, show};
use super::{images, ready, secrets, state};

/// Everything up to the start of the workers; the first start of a database is the longest part.
const UP: Duration = Duration::from_secs(300);
const READY: Duration = Duration::from_secs(90);
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
    #[command(flatten)]
    common: Common,
}

/// Runs the subcommand.
///
/// # Errors
/// With what did not come up, and why as far as its log tells.
pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.secrets_only {
        return secrets::ensure();
    }
    let started = Instant::now();
    let mut stack = Stack::open(&args.common)?;
    plan(args, &mut stack)?;
    if !stack.is_dry() {
        secrets::ensure()?;
    }
    stack.save()?;
    bring_up(&stack)?;
    if stack.is_dry() {
        return Ok(());
    }
    let status = Status::of(&stack)?;
    show(&status, args.common.output)?;
    if args.common.output == Form::Text {
        println!("\ndeploy: ready in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(())
}

/// What is to be deployed, over what is.
fn plan(args: &Args, stack: &mut Stack) -> anyhow::Result<()> {
    let exists = stack.state.replicas.is_some();
    ensure!(
        !exists || stack.state.offline == args.offline || stack.containers()?.is_empty(),
        "this project was deployed {} `--offline`; `cargo xtask down` first, its data does not fit the other kind",
        if stack.state.offline { "with" } else { "without" }
    );
    stack.state.offline = args.offline;
    stack.state.demo = args.demo || (args.offline && !args.no_demo);
    stack.state.take_ports(std::env::vars());
    stack.state.replicas = Some(stack.state.replicas.unwrap_or(state::REPLICAS));
    let build = args.build_id.clone().unwrap_or_else(|| "latest".to_owned());
    stack.state.build = state::Build { images: images::resolve(stack, &build)?, id: build };
    Ok(())
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
    if let (true, Some(worker)) = (stack.state.demo, workers.iter().find(|worker| worker.runs()))
        && let Some(program) = worker.check.first()
    {
        stack.call(&["exec", &worker.id, program, "store", "seed"], SEED)?;
    }
    stack.wait_ready(FRONT, 1, READY)?;
    let front = format!("http://localhost:{}/health", stack.port("FRONT", 8080));
    ready::wait_answers("the front", &front, READY)?;
    Ok(())
}
