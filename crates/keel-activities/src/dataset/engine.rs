//! Processing a dataset from its first byte, or its last checkpoint, to its results.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use keel_types::dataset::DatasetProgress;

use super::aggregate::{Aggregates, TooMany};
use super::batch::{self, Batch, BatchError, Committer, Position};
use super::checkpoint::{self, Checkpoint, Heartbeat, Keeper, Resumed};
use super::error::DatasetError;
use super::files::{Layout, WorkDir};
use super::options::DatasetOptions;
use super::output;
use super::pace::Pace;
use super::rejects;
use super::segment::SegmentError;
use super::source::Source;
use crate::count;

/// Longest time between two looks at the caller's wishes.
const BATCH_TIME: Duration = Duration::from_millis(500);
/// With an unlimited rate, checkpoints are not made more often than this.
const CHECKPOINT_EVERY: Duration = Duration::from_millis(250);
const PARTIAL_REJECTS: &str = "rejects.csv";

/// Why a run should end before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Nobody wants the result any more: partial output is removed.
    Cancelled,
    /// The worker stops: everything is kept for the next attempt.
    Stopping,
}

/// How a run talks to whoever started it. Called from several threads.
pub trait Control: Sync {
    /// Whether to stop. Asked for every segment, so it must be cheap.
    fn stop(&self) -> Option<Stop>;
    /// A new checkpoint.
    fn heartbeat(&self, heartbeat: Heartbeat);
}

/// How often checkpoints are made.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rhythm {
    /// Not sooner than this after the last one; zero makes one for every batch.
    pub(super) every: Duration,
    /// A checkpoint may cost one part in this many of the time.
    pub(super) share: u32,
}

impl Rhythm {
    /// With a limited rate the batches themselves set the rhythm.
    fn of(options: &DatasetOptions) -> Self {
        match options.max_bytes_per_second {
            0 => Self { every: CHECKPOINT_EVERY, share: 20 },
            // There is time to spare.
            _ => Self { every: Duration::ZERO, share: 4 },
        }
    }

    fn is_due(&self, last: Instant, cost: Duration) -> bool {
        last.elapsed() >= self.every.max(cost * self.share)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Processed {
    /// Good rows.
    pub rows_accepted: u64,
    /// Bad rows, listed in `rejects.csv`.
    pub rows_rejected: u64,
    /// Bytes of the input.
    pub bytes: u64,
    /// Where this attempt started; 0 unless it went on from a checkpoint.
    pub resumed_at: u64,
}

/// Reads dataset `id`, rejects or counts every row, and writes `rejects.csv` and `aggregates.json`.
///
/// `resume` is the checkpoint of the last heartbeat, if there was one. The result is the same, byte for byte, for any
/// number of threads, interruptions and attempts. It blocks the thread for as long as it takes.
///
/// # Errors
/// Any [`DatasetError`]. After a fault the work so far is kept for the next attempt; after a refusal or a cancellation
/// it is removed.
pub fn process(
    options: &DatasetOptions,
    id: &str,
    resume: Option<Checkpoint>,
    control: &dyn Control,
) -> Result<Processed, DatasetError> {
    process_in(Rhythm::of(options), options, id, resume, control)
}

/// [`process`] with checkpoints in a chosen rhythm.
pub(super) fn process_in(
    rhythm: Rhythm,
    options: &DatasetOptions,
    id: &str,
    resume: Option<Checkpoint>,
    control: &dyn Control,
) -> Result<Processed, DatasetError> {
    let layout = Layout::new(&options.data_dir, id)?;
    let source = Source::open(&layout, options.max_row_bytes)?;
    let work = WorkDir::lock(&layout)?;
    let run = Run { rhythm, options, layout: &layout, source: &source, work: &work, control };
    match run.run(resume) {
        Ok(processed) => {
            work.remove()?;
            Ok(processed)
        }
        Err(error) => {
            let keep = error.kind().is_retryable() && !matches!(error, DatasetError::Cancelled { .. });
            if !keep {
                work.remove()?;
            }
            Err(error)
        }
    }
}

struct Run<'a> {
    rhythm: Rhythm,
    options: &'a DatasetOptions,
    layout: &'a Layout,
    source: &'a Source,
    work: &'a WorkDir,
    control: &'a dyn Control,
}

impl Run<'_> {
    fn run(&self, resume: Option<Checkpoint>) -> Result<Processed, DatasetError> {
        let (mut committer, mut sums) = self.start(resume)?;
        let resumed_at = committer.position.bytes;
        self.count(&mut committer, &mut sums)?;
        self.source.check_unchanged(self.layout)?;
        let sums = self.merged(sums)?;
        let position = committer.position;
        drop(committer);
        output::publish(self.layout, self.source, self.work, &position, &sums, PARTIAL_REJECTS)?;
        Ok(Processed {
            rows_accepted: position.rows_accepted,
            rows_rejected: position.rows_rejected,
            bytes: self.source.len(),
            resumed_at: if resumed_at == self.source.data_start() { 0 } else { resumed_at },
        })
    }

    /// Opens the rejects file and finds out where to start.
    fn start(&self, resume: Option<Checkpoint>) -> Result<(Committer, Vec<Aggregates>), DatasetError> {
        let path = self.work.file(PARTIAL_REJECTS);
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(DatasetError::io("open", &path))?;
        let length = file.metadata().map_err(DatasetError::io("look at", &path))?.len();
        let limit = self.options.max_distinct_keys;
        let found = checkpoint::resume(resume, &self.source.identity, self.work, length, limit)?;
        let mut sums = vec![Aggregates::new(limit); self.options.effective_threads().max(1)];
        let position = match found {
            Some(Resumed { position, sums: earlier }) => {
                for earlier in &earlier {
                    sums[0].merge(earlier).map_err(|problem| self.too_many(problem))?;
                }
                position
            }
            None => {
                checkpoint::forget(self.work)?;
                Position {
                    bytes: self.source.data_start(),
                    line: 2,
                    rejects_bytes: rejects::HEADER.len() as u64,
                    ..Position::default()
                }
            }
        };
        reopen(&mut file, &position).map_err(DatasetError::io("write", &path))?;
        Ok((Committer::new(position, file), sums))
    }

    /// Batch by batch to the end of the file.
    fn count(&self, committer: &mut Committer, sums: &mut [Aggregates]) -> Result<(), DatasetError> {
        let mut keeper = Keeper::new(self.source.identity.clone(), self.work)?;
        let pace = Pace::new(self.options, committer.position.bytes);
        let mut kept = committer.position.bytes;
        // Nothing is new yet, so nothing has to reach the disk before this one.
        self.checkpoint(&mut keeper, committer, sums)?;
        let (mut last, mut cost) = (Instant::now(), Duration::ZERO);
        while committer.position.bytes < self.source.len() {
            let before = committer.position;
            let start = before.bytes;
            let end = self.source.len().min(start.saturating_add(pace.batch_bytes()));
            let stop = || self.control.stop().is_some();
            Batch::run(self.source.rows(), start..end, BATCH_TIME, &stop, committer, sums)
                .map_err(|error| self.failed(error, kept))?;
            tell(&before, &committer.position);
            self.source.check_unchanged(self.layout)?;
            // Behind the last row the results come next; they are as good as a checkpoint.
            if committer.position.bytes < self.source.len() && self.rhythm.is_due(last, cost) {
                let began = Instant::now();
                self.flush(committer)?;
                self.checkpoint(&mut keeper, committer, sums)?;
                kept = committer.position.bytes;
                (last, cost) = (Instant::now(), began.elapsed());
            }
            pace.wait(committer.position.bytes, &stop);
        }
        self.flush(committer)
    }

    fn checkpoint(
        &self,
        keeper: &mut Keeper,
        committer: &Committer,
        sums: &[Aggregates],
    ) -> Result<(), DatasetError> {
        let position = committer.position;
        let checkpoint = keeper.make(self.work, position, sums)?;
        let progress = DatasetProgress {
            bytes_done: position.bytes,
            bytes_total: self.source.len(),
            rows_accepted: position.rows_accepted,
            rows_rejected: position.rows_rejected,
        };
        self.control.heartbeat(Heartbeat { progress, checkpoint: Some(checkpoint) });
        Ok(())
    }

    fn flush(&self, committer: &mut Committer) -> Result<(), DatasetError> {
        batch::sync(committer).map_err(DatasetError::io("write", &self.work.file(PARTIAL_REJECTS)))
    }

    fn merged(&self, sums: Vec<Aggregates>) -> Result<Aggregates, DatasetError> {
        let mut sums = sums.into_iter();
        let mut all = sums.next().unwrap_or_else(|| Aggregates::new(self.options.max_distinct_keys));
        for more in sums {
            all.merge(&more).map_err(|problem| self.too_many(problem))?;
        }
        Ok(all)
    }

    fn failed(&self, error: BatchError, bytes_done: u64) -> DatasetError {
        let id = self.source.id.clone();
        match error {
            BatchError::Stopped if self.control.stop() == Some(Stop::Stopping) => {
                DatasetError::Stopping { id, bytes_done }
            }
            BatchError::Stopped => DatasetError::Cancelled { id },
            BatchError::Segment(SegmentError::Truncated) => DatasetError::Changed { id },
            BatchError::Segment(SegmentError::TooMany(problem)) => self.too_many(problem),
            BatchError::Segment(SegmentError::Read(error)) => {
                DatasetError::io("read", &self.layout.input())(error)
            }
            BatchError::Rejects(error) => DatasetError::io("write", &self.work.file(PARTIAL_REJECTS))(error),
        }
    }

    fn too_many(&self, TooMany(dimension): TooMany) -> DatasetError {
        let (id, limit) = (self.source.id.clone(), self.options.max_distinct_keys);
        DatasetError::TooManyKeys { id, limit, dimension }
    }
}

/// Tells the metrics what one batch read.
fn tell(before: &Position, after: &Position) {
    count::read(
        after.rows_accepted - before.rows_accepted,
        after.rows_rejected - before.rows_rejected,
        after.bytes - before.bytes,
    );
}

/// Cuts the rejects file back to the checkpoint, or starts it.
fn reopen(file: &mut File, position: &Position) -> io::Result<()> {
    let header = rejects::HEADER.len() as u64;
    if position.rejects_bytes == header {
        file.set_len(0)?;
        file.write_all(rejects::HEADER.as_bytes())?;
    }
    file.set_len(position.rejects_bytes)?;
    file.seek(SeekFrom::Start(position.rejects_bytes)).map(drop)
}
