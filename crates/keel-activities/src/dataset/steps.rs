//! The five steps of a task. Each may be repeated, alone or after a crash, and leaves the same files.

use std::io::Write;

use keel_types::progress::Step;

use super::aggregate::Aggregates;
use super::batch::SEGMENT;
use super::checkpoint::Checkpoint;
use super::engine::{self, Control};
use super::error::DatasetError;
use super::files::{self, Layout, WorkDir};
use super::manifest;
use super::options::DatasetOptions;
use super::output::{self, REPORT, SUMMARY};
use super::report;
use super::segment::{SegmentError, SegmentReader};
use super::source::Source;
use super::summary::{self, Summary};

/// Does `step` for dataset `id`; answers with one line for people.
pub(super) fn run(
    step: Step,
    options: &DatasetOptions,
    id: &str,
    resume: Option<Checkpoint>,
    control: &dyn Control,
) -> Result<String, DatasetError> {
    let layout = Layout::new(&options.data_dir, id)?;
    match step {
        Step::Validate => validate(options, &layout),
        Step::Process => process(options, id, resume, control),
        Step::Analyze => locked(&layout, || analyze(&layout)),
        Step::Generate => locked(&layout, || generate(&layout)),
        Step::Complete => locked(&layout, || complete(options, &layout, control)),
    }
}

/// The file is there, its columns fit, and not all of its first rows are bad.
fn validate(options: &DatasetOptions, layout: &Layout) -> Result<String, DatasetError> {
    let source = Source::open(layout, options.max_row_bytes)?;
    let start = source.data_start();
    let mut sums = Aggregates::new(usize::MAX);
    let sample = SegmentReader::new(source.rows()).count(start..start + SEGMENT, &mut sums);
    let sample = sample.map_err(|error| match error {
        SegmentError::Read(error) => DatasetError::io("read", &layout.input())(error),
        SegmentError::Truncated | SegmentError::TooMany(_) => {
            DatasetError::Changed { id: layout.id().to_owned() }
        }
    })?;
    let rows = sample.accepted + sample.rejects.len();
    match sample.rejects.first() {
        Some((line, reason)) if sample.accepted == 0 => {
            Err(DatasetError::NoGoodRow { id: layout.id().to_owned(), rows, line: line + 2, reason })
        }
        _ => Ok(format!(
            "dataset {} has {} and all {} columns; {} of its first {rows} rows are good",
            layout.id(),
            size(source.len()),
            keel_types::dataset::COLUMNS.len(),
            sample.accepted,
        )),
    }
}

fn process(
    options: &DatasetOptions,
    id: &str,
    resume: Option<Checkpoint>,
    control: &dyn Control,
) -> Result<String, DatasetError> {
    let done = engine::process(options, id, resume, control)?;
    let (accepted, rejected) = (done.rows_accepted, done.rows_rejected);
    Ok(format!("counted {accepted} rows and rejected {rejected} of dataset {id} ({})", size(done.bytes)))
}

fn analyze(layout: &Layout) -> Result<String, DatasetError> {
    let summary = summarize(layout)?;
    let days: usize = summary.currencies.iter().map(|currency| currency.days.len()).max().unwrap_or(0);
    Ok(format!(
        "analyzed {} rows in {} currencies over {days} days of dataset {}",
        summary.rows_accepted,
        summary.currencies.len(),
        layout.id(),
    ))
}

fn generate(layout: &Layout) -> Result<String, DatasetError> {
    let summary = summarize(layout)?;
    let page = report::render(&summary).into_string();
    files::write_atomically(&layout.result(REPORT), |out| out.write_all(page.as_bytes()))?;
    Ok(format!("wrote {SUMMARY} and {REPORT} ({}) of dataset {}", size(page.len() as u64), layout.id()))
}

fn complete(
    options: &DatasetOptions,
    layout: &Layout,
    control: &dyn Control,
) -> Result<String, DatasetError> {
    let manifest = manifest::build(options, layout, control)?;
    manifest::write(layout, &manifest)?;
    Ok(format!("sealed {} result files of dataset {} with checksums", manifest.files.len(), layout.id()))
}

fn summarize(layout: &Layout) -> Result<Summary, DatasetError> {
    let summary = summary::of(output::read(layout)?);
    files::write_json(&layout.result(SUMMARY), &summary)?;
    Ok(summary)
}

/// Runs a step that writes while no other attempt does.
fn locked<T>(layout: &Layout, step: impl FnOnce() -> Result<T, DatasetError>) -> Result<T, DatasetError> {
    let work = WorkDir::lock(layout)?;
    let result = step();
    let left = work.leave();
    result.and_then(|value| left.map(|()| value))
}

/// Bytes for people, in decimal units.
pub(super) fn size(bytes: u64) -> String {
    let bytes_f = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", bytes_f / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes_f / 1e6),
        _ => format!("{:.1} GB", bytes_f / 1e9),
    }
}
