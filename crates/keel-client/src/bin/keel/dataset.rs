//! `keel dataset …`

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use clap::{Args, Subcommand};
use jiff::Timestamp;
use keel_client::generate::{DatasetSpec, generate};
use keel_client::{CallError, Datasets, JobView, Kind, RunInfo, RunStatus, Subject, Tasks};
use serde_json::{Map, Value, json};

use crate::cli::id;
use crate::output::{Exit, Failure, note};
use crate::settings::Context;
use crate::task::{cancel, job_text, start};
use crate::{show, watch};

/// What a finished dataset leaves behind, in the order worth reading.
const RESULT_FILES: [&str; 5] =
    ["summary.json", "report.html", "rejects.csv", "aggregates.json", "manifest.json"];
/// A summary larger than this is not read for its headline.
const MAX_SUMMARY_BYTES: u64 = 16 * 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum DatasetCommand {
    /// Write a dataset of order lines; the same seed gives the same bytes
    Generate(GenerateArgs),
    /// Process a dataset
    Start {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Follow it until it ends
        #[arg(long)]
        watch: bool,
    },
    /// Follow a dataset run until it ends; exit 0 if it completed
    Watch {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
    },
    /// Show the run, and the results if they are here
    Show {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        #[command(flatten)]
        place: Place,
    },
    /// Cancel a dataset run; it removes its partial output first
    Cancel {
        #[arg(value_name = "ID", value_parser = id)]
        id: String,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "cancelled with keel")]
        reason: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Place {
    /// The data directory [env: KEEL__DATASET__DATA_DIR] [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct GenerateArgs {
    #[arg(value_name = "ID", value_parser = id)]
    id: String,
    /// Rows, good and bad
    #[arg(long, value_parser = clap::value_parser!(u64).range(0..=10_000_000_000))]
    rows: u64,
    /// The same seed gives the same bytes
    #[arg(long)]
    seed: u64,
    /// Share of bad rows, 0 to 1
    #[arg(long, default_value_t = 0.01, value_parser = share)]
    bad_share: f64,
    /// Replace the dataset if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    place: Place,
}

pub(crate) async fn run(context: &Context, command: DatasetCommand) -> Result<Exit, Failure> {
    match command {
        DatasetCommand::Generate(args) => write(context, args),
        DatasetCommand::Start { id, watch } => {
            start(context, &Datasets::new(context.connect().await?), &id, watch).await
        }
        DatasetCommand::Watch { id } => {
            let watcher = Datasets::new(context.connect().await?).watch(&id);
            watch::job(context.out, &id, watcher).await
        }
        DatasetCommand::Show { id, place } => {
            let results = context.data_dir(place.data_dir).join("results").join(&id);
            show(context, &id, &results).await
        }
        DatasetCommand::Cancel { id, reason } => {
            cancel(context, &Datasets::new(context.connect().await?), &id, &reason).await
        }
    }
}

/// Writes beside the target and renames, so that nobody ever reads half a dataset.
fn write(context: &Context, args: GenerateArgs) -> Result<Exit, Failure> {
    let folder = context.data_dir(args.place.data_dir).join("datasets");
    let target = folder.join(format!("{}.csv", args.id));
    let shown = target.display();
    if target.exists() && !args.force {
        return Err(anyhow!("the dataset {shown} exists; --force replaces it").into());
    }
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}; name another place with --data-dir", folder.display()))?;
    let partial = folder.join(format!(".{}.csv.{}.partial", args.id, std::process::id()));
    let spec = DatasetSpec { rows: args.rows, seed: args.seed, bad_share: args.bad_share };
    let written = File::create(&partial).and_then(|file| {
        let done = generate(&spec, BufWriter::with_capacity(1 << 20, &file))?;
        file.sync_all()?;
        fs::rename(&partial, &target)?;
        Ok(done)
    });
    if written.is_err() {
        // The half-written file is of no use; the error worth telling is the first one.
        drop(fs::remove_file(&partial));
    }
    let done = written.with_context(|| format!("cannot write {shown}; is there room, and is it allowed?"))?;
    let document = json!({
        "id": args.id, "path": target, "rows": done.rows, "badRows": done.bad_rows, "bytes": done.bytes,
    });
    context.out.data(&document, || {
        let (rows, bad, bytes) =
            (show::grouped(done.rows), show::grouped(done.bad_rows), show::grouped(done.bytes));
        format!("dataset {} is written to {shown}: {rows} rows, {bad} of them bad, {bytes} bytes", args.id)
    })?;
    Ok(Exit::Success)
}

/// The run and the results; either may be missing, but not both.
async fn show(context: &Context, id: &str, results: &Path) -> Result<Exit, Failure> {
    let files = result_files(results);
    let mut last_run = None;
    let view = match view(context, id).await {
        Ok((view, task)) => {
            if view.is_none() && files.is_empty() {
                return Err(nothing_known(id, results, task.as_ref()));
            }
            let runs = view.as_ref().map(|view| view.run.clone()).into_iter().chain(task);
            last_run = runs.max_by(|a, b| a.started_at.cmp(&b.started_at));
            view
        }
        // Results need no server to be shown.
        Err(failure) if !files.is_empty() => {
            failure.print();
            note("showing the results only");
            None
        }
        Err(failure) => {
            note(&format!("there are no results in {} either", results.display()));
            return Err(failure);
        }
    };
    let stale = last_run.is_some_and(|run| are_stale(&files, &run));
    let headline = headline(&results.join("summary.json"));
    let document = json!({
        "id": id, "state": view, "results": files.iter().map(|file| json!({
            "path": results.join(file.name), "bytes": file.bytes,
        })).collect::<Vec<_>>(), "stale": stale, "summary": headline,
    });
    context.out.data(&document, || {
        let mut parts = Vec::new();
        parts.extend(view.as_ref().map(|view| job_text("dataset", view)));
        if files.is_empty() {
            parts.push(format!("no results in {}", results.display()));
        } else {
            let whose = if stale { "results of an earlier run" } else { "results" };
            parts.push(format!("{whose} in {}", results.display()));
            parts.extend(
                files
                    .iter()
                    .map(|file| format!("  {:<16} {:>14} bytes", file.name, show::grouped(file.bytes))),
            );
            parts.extend(headline_lines(&headline));
        }
        parts.join("\n")
    })?;
    Ok(Exit::Success)
}

/// The dataset run and the task run of this name, as far as they exist: both work on the same files.
async fn view(context: &Context, id: &str) -> Result<(Option<JobView>, Option<RunInfo>), Failure> {
    let caller = context.connect().await?;
    let view = known(Datasets::new(caller.clone()).view(id).await)?;
    Ok((view, known(Tasks::new(caller).run(id).await)?))
}

fn known<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(CallError::Unknown { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Neither a dataset run nor results: says where it was looked, and of a task that has the name.
fn nothing_known(id: &str, results: &Path, task: Option<&RunInfo>) -> Failure {
    note(&format!("there are no results in {}; --data-dir names another data directory", results.display()));
    if let Some(task) = task {
        note(&format!("there is a task `{id}`, {}; `keel task show {id}` tells more", task.status.word()));
    }
    CallError::Unknown { subject: Subject::new(Kind::Dataset, id) }.into()
}

/// A result file that is there.
struct ResultFile {
    name: &'static str,
    bytes: u64,
    written_at: Option<Timestamp>,
}

fn result_files(folder: &Path) -> Vec<ResultFile> {
    let find = |name: &'static str| {
        let data = fs::metadata(folder.join(name)).ok().filter(fs::Metadata::is_file)?;
        let written_at = data.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
        Some(ResultFile { name, bytes: data.len(), written_at })
    };
    RESULT_FILES.into_iter().filter_map(find).collect()
}

/// Whether the last run did not complete, and some of the files are older than it.
fn are_stale(files: &[ResultFile], run: &RunInfo) -> bool {
    let started_at = run.started_at.as_ref().and_then(|text| text.parse::<Timestamp>().ok());
    let is_older = |file: &ResultFile| file.written_at.zip(started_at).is_some_and(|(w, s)| w < s);
    run.status != RunStatus::Completed && files.iter().any(is_older)
}

/// The single figures of a summary, in all and by currency; its tables are in the report.
fn headline(path: &Path) -> Map<String, Value> {
    let small = fs::metadata(path).is_ok_and(|data| data.len() <= MAX_SUMMARY_BYTES);
    let text = if small { fs::read(path).unwrap_or_default() } else { Vec::new() };
    let mut summary = serde_json::from_slice::<Map<String, Value>>(&text).unwrap_or_default();
    for currency in summary.get_mut("currencies").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Value::Object(figures) = currency {
            figures.retain(|_, value| !value.is_array());
        }
    }
    summary.retain(|name, value| name == "currencies" || value.is_number() || value.is_string());
    summary
}

/// The headline for people: one figure a line, one currency a line.
fn headline_lines(headline: &Map<String, Value>) -> Vec<String> {
    let mut lines: Vec<String> = headline
        .iter()
        .filter(|(_, value)| !value.is_array())
        .map(|(name, value)| format!("  {name}: {}", plain(value)))
        .collect();
    for currency in headline.get("currencies").and_then(Value::as_array).into_iter().flatten() {
        let number = |path: &str| currency.pointer(path).and_then(Value::as_i64);
        let code = currency["currency"].as_str().unwrap_or_default();
        if let (Some(revenue), Some(rows)) = (number("/total/revenueMinor"), number("/total/rows")) {
            let rows = show::grouped(rows.unsigned_abs());
            lines.push(format!("  revenue: {} in {rows} rows", keel_types::money::plain(revenue, code)));
        }
    }
    lines
}

fn plain(value: &Value) -> String {
    match (value, value.as_u64()) {
        (_, Some(number)) => show::grouped(number),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

fn share(text: &str) -> Result<f64, String> {
    text.parse::<f64>()
        .ok()
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "write a share between 0 and 1, such as 0.01".to_owned())
}
