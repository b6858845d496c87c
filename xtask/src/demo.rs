//! `cargo xtask demo`: the stack from nothing, one order and one task driven to their end, everything stopped again.

use std::io::IsTerminal;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::stack::{Plan, ServerOptions, Stack, sample_order};
use crate::{binaries, paths, tools, up, wait};

const TASK: &str = "DEMO-TASK";
const ROWS: u64 = 100_000;
const SEED: u64 = 42;
/// About three seconds of visible progress.
const BYTES_PER_SECOND: u64 = 2_500_000;
const APPROVER: &str = "manager@company.com";
/// How long the order visibly waits for its person.
const THINKING: Duration = Duration::from_secs(2);
const CALL: Duration = Duration::from_secs(30);

/// Show Keel at work: one order and one task, from nothing to the end.
#[derive(clap::Args)]
pub struct Args {
    /// Build and run optimised binaries
    #[arg(long)]
    release: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// With the reason and where the logs are.
pub fn run(args: Args) -> anyhow::Result<()> {
    let tool = tools::temporal()?;
    let binaries = binaries::build(args.release)?;
    let started = Instant::now();
    let paths::Claim { dir: state, scope, logs, .. } = &paths::claim("demo")?;

    headline("1. Start");
    let plan = Plan {
        scope,
        state: state.clone(),
        server: ServerOptions { ui: true, ..ServerOptions::default() },
        sandbox_port: None,
        http_port: None,
        worker_settings: up::throttle(BYTES_PER_SECOND),
        keep_settings: false,
    };
    let mut stack = Stack::start(plan, &tool, &binaries).with_context(|| logs.clone())?;
    let played = play(&mut stack).with_context(|| logs.clone());
    headline("5. Stop");
    let stopped = stack.stop().with_context(|| logs.clone());
    let order = played?;
    stopped?;
    println!("\n{}", closing(state, &order, started.elapsed()));
    Ok(())
}

/// Drives the order and the task, and returns the order's id.
fn play(stack: &mut Stack) -> anyhow::Result<String> {
    eprintln!("  making a dataset of {ROWS} rows");
    stack.keel.generate(TASK, ROWS, SEED)?;
    eprintln!("  starting the worker");
    stack.start_worker()?;
    let server = &stack.server;
    let web_ui = server.ui_port.map(|port| format!("http://127.0.0.1:{port}")).unwrap_or_default();
    eprintln!("  Temporal {}, web UI {web_ui}, providers {}", server.address(), stack.sandbox.url());
    eprintln!("  worker http://{}/health and /metrics", stack.settings.http);

    headline("2. An order that a person approves");
    let order = place_order(stack)?;
    stack.keel.show(&["order", "approve", &order, "--by", APPROVER])?;
    stack.keel.show(&["order", "watch", &order])?;
    let state = status_of(stack, &order)?;
    ensure!(state == "completed", "order {order} ended as `{state}`, expected `completed`");

    headline("3. A task whose progress people watch");
    stack.keel.show(&["task", "start", TASK, "--watch"])?;

    headline("4. What happened");
    stack.must_run()?;
    println!("order {order}: completed, approved by {APPROVER}");
    effects(stack, &order)?;
    println!("task {TASK}: completed, {ROWS} rows");
    files(&stack.keel.results(TASK))?;
    Ok(order)
}

fn place_order(stack: &Stack) -> anyhow::Result<String> {
    let id = format!("DEMO-{}", std::process::id());
    let file = stack.settings.state.join("order.json");
    sample_order(&id, &file)?;

    let file = paths::shown(&file);
    stack.keel.show(&["order", "submit", "--file", &file])?;
    let mut pending = String::new();
    wait::until(&format!("order {id} is not pending but `{pending}`"), CALL, || {
        pending = status_of(stack, &id)?;
        Ok((pending == "pending").then_some(()))
    })?;
    stack.keel.show(&["order", "show", &id])?;
    eprintln!("  the order waits for a person; the demo plays the person in {} s", THINKING.as_secs());
    wait::pause(THINKING)?;
    let still = status_of(stack, &id)?;
    ensure!(still == "pending", "order {id} is `{still}` before anybody decided");
    Ok(id)
}

/// The status in the answer of `keel order show`; `unknown` while nobody can tell.
fn status_of(stack: &Stack, id: &str) -> anyhow::Result<String> {
    let shown = stack.keel.json(&["order", "show", id], CALL)?;
    let places = [shown.get("status"), shown.pointer("/state/status")];
    let status = places.into_iter().flatten().find_map(Value::as_str);
    Ok(status.unwrap_or("unknown").to_owned())
}

fn effects(stack: &Stack, order: &str) -> anyhow::Result<()> {
    for entry in stack.sandbox.journal(order)? {
        let meaning = if entry.effect { "took effect" } else { "had no effect" };
        let key = entry.key.unwrap_or_default();
        println!("  {:<9} {:<13} key {key:<28} {} {meaning}", entry.provider, entry.operation, entry.status);
    }
    let effects = stack.sandbox.effects()?.get(order).copied().unwrap_or_default();
    let once =
        effects.captured == 1 && effects.booked == 1 && effects.refunded == 0 && effects.cancelled == 0;
    ensure!(once, "order {order} should be charged and shipped exactly once, found {effects:?}");
    Ok(())
}

fn files(dir: &Path) -> anyhow::Result<()> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).with_context(|| format!("no results in {}", paths::shown(dir)))? {
        let entry = entry?;
        found.push((entry.path(), entry.metadata()?.len()));
    }
    found.sort();
    for (path, bytes) in &found {
        println!("  {:<56} {bytes:>9} bytes", paths::shown(path));
    }
    for name in ["aggregates.json", "rejects.csv", "summary.json", "report.html", "manifest.json"] {
        ensure!(
            found.iter().any(|(path, _)| path.ends_with(name)),
            "the task left no {name} in {}",
            paths::shown(dir)
        );
    }
    Ok(())
}

fn closing(state: &Path, order: &str, took: Duration) -> String {
    let report = paths::shown(&state.join("data/results").join(TASK).join("report.html"));
    format!(
        "demo: order {order} completed, task {TASK} completed, in {:.1} s\n\n\
         Open {report} in a browser.\n\
         `cargo xtask up` starts the same and keeps it running, with commands to try.",
        took.as_secs_f64()
    )
}

fn headline(text: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("\n\x1b[1m{text}\x1b[0m");
    } else {
        eprintln!("\n{text}");
    }
}
