//! `cargo xtask bench`: how fast the product is, on release builds.

use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context;
use clap::Subcommand;

use crate::stack::{Keel, Logs, Sandbox, ServerOptions, TemporalServer, clean_environment};
use crate::{binaries, deploy, exec, paths, tools};

const BYTES: u64 = 500_000_000;
const SAMPLE_ROWS: u64 = 100_000;

/// Measure datasets, orders, telemetry, threads, starts or the stack on release builds.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// The whole process step of a dataset over a file of 500 MB
    Dataset,
    /// Orders and tasks against a real server, beside a bare worker
    Orders(How),
    /// What logs, metrics and traces cost the worker per order
    Telemetry(How),
    /// Workflow code on one thread against two
    Threads(How),
    /// How soon a worker is ready, and its memory while it idles
    Start(How),
    /// Images, and the Compose stack: from `deploy` to ready, from 3 workers to 5, memory of an idle one
    Deploy {
        /// Images with this tag that are here already, instead of those of this checkout
        #[arg(long, value_name = "ID")]
        build_id: Option<String>,
    },
}

/// How a measurement beside a server runs.
#[derive(clap::Args)]
struct How {
    /// Run debug binaries, for a quick look; the figures mean nothing
    #[arg(long)]
    debug: bool,
    /// For the measurement itself, after `--`, such as `-- --rounds 10`
    #[arg(last = true)]
    more: Vec<String>,
}

/// Runs the subcommand.
///
/// # Errors
/// When a build or the measurement fails.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::Dataset => dataset(),
        What::Orders(how) => beside_a_stack("bench-orders", !how.debug, &how.more),
        What::Telemetry(how) => beside_a_stack("bench-telemetry", !how.debug, &how.more),
        What::Threads(how) => beside_a_stack("bench-threads", !how.debug, &how.more),
        What::Deploy { build_id } => deploy::bench(build_id.as_deref()),
        What::Start(how) => beside_a_stack("bench-start", !how.debug, &how.more),
    }
}

fn dataset() -> anyhow::Result<()> {
    let file = big_file()?;
    let mut command = exec::cargo();
    command.args(["bench", "--locked", "-p", "keel-activities", "--bench", "dataset"]);
    command.env("KEEL_BENCH_FILE", &file);
    pass_through(&mut command)
}

/// A dataset of about 500 MB, made once.
fn big_file() -> anyhow::Result<PathBuf> {
    let data_dir = paths::keel("bench");
    let file = data_dir.join(format!("dataset-{BYTES}.csv"));
    if file.is_file() {
        return Ok(file);
    }
    let (built, _) = binaries::build_with_load(true)?;
    let keel = Keel { program: built.keel, temporal: "127.0.0.1:1".to_owned(), data_dir };
    let sample = fresh(&keel, "sample", SAMPLE_ROWS)?;
    let rows = BYTES * SAMPLE_ROWS / std::fs::metadata(&sample)?.len().max(1);
    eprintln!("making a dataset of {rows} rows ({} MB), once", BYTES / 1_000_000);
    let made = fresh(&keel, "big", rows)?;
    std::fs::remove_file(&sample)?;
    std::fs::rename(&made, &file).with_context(|| format!("cannot move {} into place", made.display()))?;
    Ok(file)
}

fn fresh(keel: &Keel, id: &str, rows: u64) -> anyhow::Result<PathBuf> {
    let file = keel.dataset(id);
    if file.exists() {
        std::fs::remove_file(&file)?;
    }
    keel.generate(id, rows, 1)?;
    Ok(file)
}

/// Runs one measurement of `keel-load` beside a server and a sandbox of its own.
fn beside_a_stack(measurement: &str, release: bool, more: &[String]) -> anyhow::Result<()> {
    let tool = tools::temporal()?;
    let (built, load) = binaries::build_with_load(release)?;
    let logs = Logs::new(measurement)?;
    let mut server = TemporalServer::start(&tool, &ServerOptions::default(), &logs)?;
    let mut sandbox = Sandbox::start(&built, None, None, &logs)?;
    let mut command = exec::tied(load, "TERM");
    clean_environment(&mut command, false);
    command
        .arg(measurement)
        .args(more)
        .env("KEEL_BIN_DIR", built.dir())
        .env("TEMPORAL_ADDRESS", server.address())
        .env("KEEL_SANDBOX_URL", sandbox.url());
    let result = pass_through(&mut command);
    sandbox.stop()?;
    server.stop()?;
    result
}

/// Runs a measurement with its output on the terminal, and its last line as the last of stdout.
fn pass_through(command: &mut std::process::Command) -> anyhow::Result<()> {
    let out = tempfile::NamedTempFile::new()?;
    let result = exec::foreground(command.stdin(Stdio::null()).stdout(out.reopen()?));
    let text = std::fs::read_to_string(out.path())?;
    std::io::stdout().write_all(text.as_bytes())?;
    result?;
    anyhow::ensure!(!text.trim().is_empty(), "the measurement said nothing");
    Ok(())
}
