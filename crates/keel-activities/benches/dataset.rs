//! How fast, and in how much memory, the whole step *process* runs: read, parse, validate, reject, sum, checkpoint,
//! publish.
//!
//! `cargo bench -p keel-activities --bench dataset [-- --file PATH]`; without `--file` or `KEEL_BENCH_FILE` it generates
//! 500 MB. Every run is a process of its own, so that its peak memory is its own. The last line of the output is
//! `dataset: mb_per_s=… mb_per_s_2cores=… rows_per_s=… peak_mb=…`, where MB is 10^6 bytes and the best of three counts.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark talks")]

#[path = "../../keel-client/src/generate.rs"]
#[allow(dead_code, unused_imports, reason = "the generator belongs to another crate")]
mod generate;

use std::fs::{self, File};
use std::io::BufWriter;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use keel_activities::dataset::DatasetOptions;
use keel_activities::dataset::checkpoint::Heartbeat;
use keel_activities::dataset::engine::{self, Control, Stop};

const RUNS: usize = 3;
/// About 500 MB.
const ROWS: u64 = 6_720_000;
/// A run that takes longer has hung.
const DEADLINE: Duration = Duration::from_secs(300);
const CHILD: &str = "--child";

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, data_dir, threads] = &arguments[..]
        && flag == CHILD
    {
        return child(Path::new(data_dir), threads.parse()?);
    }
    let named = arguments.iter().position(|argument| argument == "--file");
    let named = named.and_then(|index| arguments.get(index + 1)).map(PathBuf::from);
    let named = named.or_else(|| std::env::var_os("KEEL_BENCH_FILE").map(PathBuf::from));
    let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dataset-bench");
    let bytes = prepare(&data_dir, named)?;
    eprintln!("{:.1} MB, {RUNS} runs with one thread and {RUNS} with two", bytes as f64 / 1e6);
    let one = best(&data_dir, 1)?;
    let two = best(&data_dir, 2)?;
    let rate = |run: &Run| bytes as f64 / 1e6 / run.seconds;
    println!(
        "dataset: mb_per_s={:.0} mb_per_s_2cores={:.0} rows_per_s={:.0} peak_mb={:.1}",
        rate(&one),
        rate(&two),
        one.rows as f64 / one.seconds,
        one.peak_mb.max(two.peak_mb),
    );
    Ok(())
}

/// What one process measured.
struct Run {
    seconds: f64,
    rows: u64,
    peak_mb: f64,
}

/// Puts the input in place and into the page cache; returns its size.
fn prepare(data_dir: &Path, named: Option<PathBuf>) -> anyhow::Result<u64> {
    let input = data_dir.join("datasets/bench.csv");
    fs::create_dir_all(data_dir.join("datasets"))?;
    if let Some(named) = named {
        let named = fs::canonicalize(&named).with_context(|| format!("cannot find {}", named.display()))?;
        let _ = fs::remove_file(&input);
        symlink(named, &input)?;
    } else if fs::symlink_metadata(&input)
        .map_or(true, |there| there.is_symlink() || there.len() < 490_000_000)
    {
        let _ = fs::remove_file(&input);
        eprintln!("generating {}", input.display());
        let spec = generate::DatasetSpec { rows: ROWS, seed: 1, bad_share: 0.01 };
        let partial = input.with_extension("partial");
        generate::generate(&spec, BufWriter::new(File::create(&partial)?))?;
        fs::rename(partial, &input)?;
    }
    Ok(std::io::copy(&mut File::open(&input)?, &mut std::io::sink())?)
}

fn best(data_dir: &Path, threads: usize) -> anyhow::Result<Run> {
    let mut best: Option<Run> = None;
    for _ in 0..RUNS {
        let _ = fs::remove_dir_all(data_dir.join("results"));
        let run = measure(data_dir, threads)?;
        eprintln!("{threads} thread(s): {:.3} s, {:.1} MB at most", run.seconds, run.peak_mb);
        if best.as_ref().is_none_or(|best| run.seconds < best.seconds) {
            best = Some(run);
        }
    }
    best.context("no run")
}

/// Runs this program once more as a child.
fn measure(data_dir: &Path, threads: usize) -> anyhow::Result<Run> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(CHILD)
        .arg(data_dir)
        .arg(threads.to_string())
        .stdout(Stdio::piped())
        .spawn()?;
    let began = Instant::now();
    while child.try_wait()?.is_none() {
        if began.elapsed() > DEADLINE {
            child.kill()?;
            bail!("a run with {threads} threads took longer than {} s", DEADLINE.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "a run with {threads} threads failed");
    let text = String::from_utf8(output.stdout)?;
    let [seconds, rows, peak_kb] = text.split_whitespace().collect::<Vec<_>>()[..] else {
        bail!("a run answered `{text}`");
    };
    Ok(Run {
        seconds: seconds.parse()?,
        rows: rows.parse()?,
        peak_mb: peak_kb.parse::<f64>()? * 1024.0 / 1e6,
    })
}

/// The measured part: `seconds rows peak_kb` on stdout.
fn child(data_dir: &Path, threads: usize) -> anyhow::Result<()> {
    let options = DatasetOptions { data_dir: data_dir.to_owned(), threads, ..DatasetOptions::default() };
    let began = Instant::now();
    let done = engine::process(&options, "bench", None, &Undisturbed)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{seconds} {} {}", done.rows_accepted + done.rows_rejected, peak_kb()?);
    Ok(())
}

struct Undisturbed;

impl Control for Undisturbed {
    fn stop(&self) -> Option<Stop> {
        None
    }

    /// A worker would encode it and send it away.
    fn heartbeat(&self, heartbeat: Heartbeat) {
        std::hint::black_box(serde_json::to_vec(&heartbeat).ok());
    }
}

/// The highest resident memory of this process, in KiB.
fn peak_kb() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
