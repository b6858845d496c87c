//! A batch: the segments of a span, counted by several threads and committed in order.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::aggregate::Aggregates;
use super::segment::{RowFile, SegmentError, SegmentOutcome, SegmentReader};

/// Bytes of a segment. Small enough for a core's own cache, large enough that nothing around it counts.
pub(super) const SEGMENT: u64 = 128 << 10;
/// Bytes of rejected rows that may wait for an earlier segment.
const WAITING: usize = 4 << 20;
/// A thread that waits for its turn looks this often whether the others still live.
const LOOK: Duration = Duration::from_millis(50);

/// Why a batch did not come to its end.
#[derive(Debug)]
pub(super) enum BatchError {
    Segment(SegmentError),
    Rejects(io::Error),
    /// The caller asked to stop; the sums are of no use any more.
    Stopped,
}

impl BatchError {
    const fn is_stop(&self) -> bool {
        matches!(self, Self::Stopped)
    }
}

/// Where a run stands: everything before `bytes` is counted and its bad rows are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Position {
    pub(super) bytes: u64,
    pub(super) rows_accepted: u64,
    pub(super) rows_rejected: u64,
    /// The number of the line that starts next.
    pub(super) line: u64,
    /// Bytes of the rejects file.
    pub(super) rejects_bytes: u64,
}

/// Takes the outcome of segments in any order and applies them in the order of the file.
#[derive(Debug)]
pub(super) struct Committer {
    pub(super) position: Position,
    pub(super) rejects: BufWriter<File>,
    next: u64,
    waiting: BTreeMap<u64, SegmentOutcome>,
    waiting_bytes: usize,
}

impl Committer {
    /// Goes on at `position`; `rejects` stands at its end.
    pub(super) fn new(position: Position, rejects: File) -> Self {
        let rejects = BufWriter::with_capacity(64 << 10, rejects);
        Self { position, rejects, next: 0, waiting: BTreeMap::new(), waiting_bytes: 0 }
    }

    fn accept(&mut self, index: u64, outcome: SegmentOutcome) -> io::Result<()> {
        self.waiting_bytes += outcome.rejects.size();
        self.waiting.insert(index, outcome);
        while let Some(outcome) = self.waiting.remove(&self.next) {
            self.waiting_bytes -= outcome.rejects.size();
            self.next += 1;
            let position = &mut self.position;
            position.rejects_bytes += outcome.rejects.write(position.line, &mut self.rejects)?;
            position.line += outcome.lines;
            position.rows_accepted += outcome.accepted;
            position.rows_rejected += outcome.rejects.len();
        }
        Ok(())
    }
}

/// One batch over the segments of `span`.
pub(super) struct Batch<'a> {
    source: RowFile<'a>,
    span: Range<u64>,
    next: AtomicU64,
    failed: AtomicBool,
    /// No segment is started after this moment, so that a slow disk does not delay the checkpoint.
    deadline: Instant,
    stop: &'a (dyn Fn() -> bool + Sync),
    committer: Mutex<&'a mut Committer>,
    turn: Condvar,
}

impl<'a> Batch<'a> {
    /// Counts the segments of `span` into `sums`, one thread for each, and moves `committer` behind them. Ends early,
    /// but not before the first segment, when `time` is over.
    pub(super) fn run(
        source: RowFile<'a>,
        span: Range<u64>,
        time: Duration,
        stop: &'a (dyn Fn() -> bool + Sync),
        committer: &'a mut Committer,
        sums: &mut [Aggregates],
    ) -> Result<(), BatchError> {
        committer.next = 0;
        let batch = Batch {
            source,
            span: span.clone(),
            next: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            deadline: Instant::now() + time,
            stop,
            committer: Mutex::new(committer),
            turn: Condvar::new(),
        };
        match sums {
            [one] => batch.work(one)?,
            many => std::thread::scope(|scope| {
                let threads: Vec<_> = many.iter_mut().map(|sums| scope.spawn(|| batch.work(sums))).collect();
                let results: Vec<_> = threads.into_iter().map(joined).collect();
                // The first real error counts, not the stop it caused elsewhere.
                let real = |result: &Result<(), BatchError>| matches!(result, Err(error) if !error.is_stop());
                let first = results.iter().position(real).or_else(|| results.iter().position(Result::is_err));
                first.and_then(|index| results.into_iter().nth(index)).unwrap_or(Ok(()))
            })?,
        }
        let mut committer = batch.lock();
        committer.position.bytes = (span.start + committer.next * SEGMENT).min(span.end);
        Ok(())
    }

    fn work(&self, sums: &mut Aggregates) -> Result<(), BatchError> {
        let guard = FailOnDrop(self);
        let mut reader = SegmentReader::new(self.source);
        while let Some((index, span)) = self.take()? {
            let outcome = reader.count(span, sums).map_err(BatchError::Segment)?;
            self.commit(index, outcome)?;
        }
        std::mem::forget(guard);
        Ok(())
    }

    /// The next segment, if there is one and time for it.
    fn take(&self) -> Result<Option<(u64, Range<u64>)>, BatchError> {
        if self.failed.load(Ordering::Relaxed) || (self.stop)() {
            return Err(BatchError::Stopped);
        }
        if self.next.load(Ordering::Relaxed) > 0 && Instant::now() >= self.deadline {
            return Ok(None);
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        let start = self.span.start + index * SEGMENT;
        Ok((start < self.span.end).then(|| (index, start..(start + SEGMENT).min(self.span.end))))
    }

    /// Hands a segment over, and waits for earlier ones when too much would have to be kept for them.
    fn commit(&self, index: u64, outcome: SegmentOutcome) -> Result<(), BatchError> {
        let mut committer = self.lock();
        while committer.next != index && committer.waiting_bytes + outcome.rejects.size() > WAITING {
            if self.failed.load(Ordering::Relaxed) {
                return Err(BatchError::Stopped);
            }
            let waited = self.turn.wait_timeout(committer, LOOK);
            committer = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        committer.accept(index, outcome).map_err(BatchError::Rejects)?;
        drop(committer);
        self.turn.notify_all();
        Ok(())
    }

    /// A poisoned lock only means that another thread panicked, which ends the batch anyway.
    fn lock(&self) -> MutexGuard<'_, &'a mut Committer> {
        self.committer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The result of a thread; its panic goes on here.
fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Tells the other threads when one gives up, even by a panic.
struct FailOnDrop<'a, 'b>(&'a Batch<'b>);

impl Drop for FailOnDrop<'_, '_> {
    fn drop(&mut self) {
        self.0.failed.store(true, Ordering::Relaxed);
        self.0.turn.notify_all();
    }
}

/// Brings everything that is committed to the disk.
pub(super) fn sync(committer: &mut Committer) -> io::Result<()> {
    committer.rejects.flush()?;
    committer.rejects.get_ref().sync_data()
}
