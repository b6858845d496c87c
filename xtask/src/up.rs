//! `cargo xtask up`: the stack for people, one per checkout, kept running until Ctrl-C.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::stack::{Plan, ServerOptions, Stack, TASK_QUEUE, is_running};
use crate::tools::Temporal;
use crate::{binaries, exec, interrupt, paths, tools, wait};

const TEMPORAL_PORT: u16 = 7233;
const SANDBOX_PORT: u16 = 8079;
const HTTP_PORT: u16 = 8080;
const TASK: &str = "TASK-67890";
const ROWS: u64 = 200_000;
const SEED: u64 = 67_890;
/// Slow enough that a person sees the bar move, fast enough not to bore.
const BYTES_PER_SECOND: u64 = 4_000_000;
const LEFTOVERS: Duration = Duration::from_secs(15);

/// Start server, providers and worker, and keep them running until Ctrl-C.
#[derive(clap::Args)]
pub struct Args {
    /// Build and run optimised binaries
    #[arg(long)]
    release: bool,
    /// Forget orders, runs and data of earlier times
    #[arg(long)]
    fresh: bool,
}

/// What `up` tells others about itself, in `target/keel/up.json`.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Running {
    pid: u32,
    temporal: String,
    web_ui: String,
    sandbox: String,
    worker: String,
    data_dir: PathBuf,
    processes: Vec<(String, u32)>,
}

/// Runs the subcommand.
///
/// # Errors
/// When one is running already, or a process does not start or ends by itself.
pub fn run(args: Args) -> anyhow::Result<()> {
    let about = paths::keel("up.json");
    let Some(_lock) = paths::Lock::try_take(&paths::keel("up.lock"))? else {
        bail!("{}", already_running(&about));
    };
    wait_for_leftovers(&about)?;
    let tool = tools::temporal()?;
    let binaries = binaries::build(args.release)?;
    let state = paths::keel("dev");
    if args.fresh {
        paths::wipe(&state)?;
    }
    let mut stack = Stack::start(plan(state.clone()), &tool, &binaries)?;
    if !stack.keel.dataset(TASK).is_file() {
        eprintln!("  making the dataset {TASK} of {ROWS} rows");
        stack.keel.generate(TASK, ROWS, SEED)?;
    }
    eprintln!("  starting the worker");
    stack.start_worker()?;
    let running = describe(&stack);
    std::fs::write(&about, serde_json::to_vec_pretty(&running)?)
        .with_context(|| format!("cannot write {}", about.display()))?;
    print!("{}", page(&running, &stack, &tool));
    let ended = until_signal(&mut stack);
    let stopped = stack.stop();
    std::fs::remove_file(&about).with_context(|| format!("cannot remove {}", about.display()))?;
    ended?;
    stopped?;
    eprintln!("Keel is down; its state stays in {} (`--fresh` forgets it)", paths::shown(&state));
    Ok(())
}

fn plan(state: PathBuf) -> Plan<'static> {
    Plan {
        scope: "up",
        server: ServerOptions {
            database: Some(state.join("temporal.db")),
            port: Some(TEMPORAL_PORT),
            ui: true,
        },
        state,
        sandbox_port: Some(SANDBOX_PORT),
        http_port: Some(HTTP_PORT),
        worker_settings: throttle(BYTES_PER_SECOND),
        keep_settings: true,
    }
}

/// The setting that slows datasets down, so that progress is visible.
pub fn throttle(bytes_per_second: u64) -> Vec<(String, String)> {
    vec![("KEEL__DATASET__MAX_BYTES_PER_SECOND".to_owned(), bytes_per_second.to_string())]
}

fn until_signal(stack: &mut Stack) -> anyhow::Result<()> {
    while !interrupt::requested() {
        stack.must_run().context("stopping the rest")?;
        if wait::pause(Duration::from_millis(200)).is_err() {
            break;
        }
    }
    Ok(())
}

fn describe(stack: &Stack) -> Running {
    Running {
        pid: std::process::id(),
        temporal: stack.server.address(),
        web_ui: stack.server.ui_port.map(|port| format!("http://127.0.0.1:{port}")).unwrap_or_default(),
        sandbox: stack.sandbox.url(),
        worker: format!("http://{}", stack.settings.http),
        data_dir: stack.settings.data_dir(),
        processes: stack.processes().into_iter().map(|(name, pid)| (name.to_owned(), pid)).collect(),
    }
}

fn read(about: &Path) -> Option<Running> {
    serde_json::from_slice(&std::fs::read(about).ok()?).ok()
}

fn already_running(about: &Path) -> String {
    match read(about) {
        Some(it) => format!(
            "`cargo xtask up` is running already (pid {}): Temporal {}, web UI {}, providers {}; stop it with \
             Ctrl-C in its terminal or `kill {}`",
            it.pid, it.temporal, it.web_ui, it.sandbox, it.pid
        ),
        None => "`cargo xtask up` is starting already in this checkout: wait for it, or stop it".to_owned(),
    }
}

/// When the one before was killed, its processes are told to end, but may need a moment.
fn wait_for_leftovers(about: &Path) -> anyhow::Result<()> {
    let Some(before) = read(about) else { return Ok(()) };
    for (name, pid) in before.processes {
        let what =
            format!("process {pid} ({name}) of an earlier `cargo xtask up` is still there: `kill {pid}`");
        wait::until(&what, LEFTOVERS, || Ok((!is_running(pid, &name)).then_some(())))?;
    }
    std::fs::remove_file(about).with_context(|| format!("cannot remove {}", about.display()))
}

fn page(running: &Running, stack: &Stack, tool: &Temporal) -> String {
    let keel = command_name(&stack.keel.program, "keel");
    let temporal = command_name(&tool.path, "temporal");
    let (mut temporal_address, mut keel_address) = (String::new(), String::new());
    if stack.server.port != TEMPORAL_PORT {
        temporal_address = format!(" --address {}", running.temporal);
        keel_address = format!(" --address {}", running.temporal);
    }
    let data = paths::shown(&running.data_dir);
    let table = [
        ("Temporal", format!("{}   namespace default, task queue {TASK_QUEUE}", running.temporal)),
        ("Web UI", running.web_ui.clone()),
        ("Providers", format!("{0}/payments and /courier; what they did: {0}/journal", running.sandbox)),
        ("Worker", format!("{0}/health and {0}/metrics", running.worker)),
        ("Data", data.clone()),
        ("Logs", format!("{}/", stack.logs.shown())),
    ];
    let mut text = String::from("\nKeel is up. Ctrl-C stops it.\n\n");
    for (name, value) in table {
        text.push_str(&format!("  {name:<11}{value}\n"));
    }
    let sections = [
        ("An order, with the temporal command line alone", temporal_order(&temporal, &temporal_address)),
        ("A task, while it runs", temporal_task(&temporal, &temporal_address)),
        ("The same with keel, and more", keel_commands(&keel, &keel_address, &data)),
    ];
    for (title, commands) in sections {
        text.push_str(&format!("\n{title}:\n"));
        for command in commands {
            text.push_str(&format!("  {command}\n"));
        }
    }
    text.push('\n');
    text
}

fn temporal_order(temporal: &str, address: &str) -> Vec<String> {
    let call = format!("{temporal} workflow");
    let id = format!("--workflow-id order-ORDER-12345{address}");
    vec![
        format!(
            "{call} start --type interactiveOrderWorkflow --task-queue {TASK_QUEUE} {id} --input '\"ORDER-12345\"'"
        ),
        format!("{call} query {id} --type getState"),
        format!("{call} signal {id} --name approve --input '\"manager@company.com\"'"),
        format!("{call} result {id}"),
    ]
}

fn temporal_task(temporal: &str, address: &str) -> Vec<String> {
    let call = format!("{temporal} workflow");
    let id = format!("--workflow-id task-{TASK}{address}");
    vec![
        format!("{call} start --type trackableWorkflow --task-queue {TASK_QUEUE} {id} --input '\"{TASK}\"'"),
        format!("{call} query {id} --type getProgress"),
    ]
}

fn keel_commands(keel: &str, address: &str, data: &str) -> Vec<String> {
    vec![
        format!("{keel}{address} order submit --file deploy/dev/order.json"),
        format!("{keel}{address} order approve ORDER-1001 --by manager@company.com"),
        format!("{keel}{address} order watch ORDER-1001"),
        format!("{keel}{address} order list"),
        format!("{keel} dataset generate TASK-1 --rows {ROWS} --seed 1 --data-dir {data}"),
        format!("{keel}{address} task start TASK-1 --watch"),
    ]
}

/// The name alone when it is the one on the PATH, otherwise the path.
fn command_name(program: &Path, name: &str) -> String {
    match which::which(name) {
        Ok(found) if found == program => name.to_owned(),
        _ => exec::quoted(&paths::shown(program)),
    }
}
