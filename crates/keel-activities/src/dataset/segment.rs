//! One segment of the file: the rows that *start* in a span of bytes.
//!
//! The rows of a segment follow from the file and the span alone. Who reads it, when, and how the file is cut elsewhere
//! makes no difference, and that is why any number of threads and any interruption lead to the same result.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use super::aggregate::{Aggregates, TooMany};
use super::columns::Columns;
use super::rejects::SegmentRejects;
use super::row::{Reason, RowParser, Traits};

/// Bytes read past a segment at first; the last row usually ends there.
const TAIL: usize = 1 << 10;
/// Bytes read at once when it does not.
const MORE: usize = 64 << 10;

/// The part of a file that holds rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowFile<'a> {
    pub(super) file: &'a File,
    /// Where the first row starts, behind the header.
    pub(super) data_start: u64,
    /// The length of the file when it was opened; what was appended later does not count.
    pub(super) len: u64,
    pub(super) columns: &'a Columns,
    pub(super) max_row_bytes: usize,
}

/// Why a segment could not be counted.
#[derive(Debug)]
pub(super) enum SegmentError {
    Read(io::Error),
    /// The file is shorter than it was.
    Truncated,
    TooMany(TooMany),
}

impl From<io::Error> for SegmentError {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl From<TooMany> for SegmentError {
    fn from(error: TooMany) -> Self {
        Self::TooMany(error)
    }
}

/// What a segment holds, beside its sums.
#[derive(Debug, Default)]
pub(super) struct SegmentOutcome {
    /// Rows that start here, empty ones included.
    pub(super) lines: u64,
    pub(super) accepted: u64,
    pub(super) rejects: SegmentRejects,
}

/// Reads segments; keep one per thread.
#[derive(Debug)]
pub(super) struct SegmentReader<'a> {
    source: RowFile<'a>,
    window: Window,
    parser: RowParser,
}

/// A span of the file in memory.
#[derive(Debug, Default)]
struct Window {
    bytes: Vec<u8>,
    filled: usize,
    /// Where in the file the window starts.
    start: u64,
}

impl<'a> SegmentReader<'a> {
    pub(super) fn new(source: RowFile<'a>) -> Self {
        Self { source, window: Window::default(), parser: RowParser::new(source.columns) }
    }

    /// Counts the rows that start in `span` into `sums`.
    pub(super) fn count(
        &mut self,
        span: Range<u64>,
        sums: &mut Aggregates,
    ) -> Result<SegmentOutcome, SegmentError> {
        let mut outcome = SegmentOutcome::default();
        let span = span.start.max(self.source.data_start)..span.end.min(self.source.len);
        if span.is_empty() {
            return Ok(outcome);
        }
        let Some(mut at) = self.open(&span)? else { return Ok(outcome) };
        let traits = Traits::of(&self.window.bytes[..self.window.filled]);
        let stop = offset(&self.window, span.end);
        while at < stop {
            outcome.lines += 1;
            let (end, next) = match memchr::memchr(b'\n', &self.window.bytes[at..self.window.filled]) {
                Some(length) => (at + length, at + length + 1),
                None => self.last_row_end(at)?,
            };
            // Only the last row can reach bytes that were read after the traits were taken.
            let traits = if next >= stop { Traits { ascii: false, quotes: true } } else { traits };
            let end = if end > at && self.window.bytes[end - 1] == b'\r' { end - 1 } else { end };
            if end > at {
                match self.row(at, end, traits, sums)? {
                    Ok(()) => outcome.accepted += 1,
                    Err(reason) => {
                        outcome.rejects.push(outcome.lines - 1, reason, &self.window.bytes[at..end]);
                    }
                }
            }
            at = next;
        }
        Ok(outcome)
    }

    #[inline]
    fn row(
        &mut self,
        start: usize,
        end: usize,
        traits: Traits,
        sums: &mut Aggregates,
    ) -> Result<Result<(), Reason>, TooMany> {
        if end - start > self.source.max_row_bytes {
            return Ok(Err(Reason::TooLong(self.source.max_row_bytes)));
        }
        match self.parser.parse(&self.window.bytes, start, end, traits) {
            Ok(line) => sums.add(&line).map(Ok),
            Err(reason) => Ok(Err(reason)),
        }
    }

    /// Reads the span and a little more; returns where its first row starts, if one does.
    fn open(&mut self, span: &Range<u64>) -> Result<Option<usize>, SegmentError> {
        // The byte before tells whether a row starts at the first byte of the span.
        let before = u64::from(span.start > self.source.data_start);
        self.window.start = span.start - before;
        self.window.filled = 0;
        let length = offset(&self.window, span.end);
        self.fill(length + TAIL)?;
        if before == 0 {
            return Ok(Some(0));
        }
        let start = memchr::memchr(b'\n', &self.window.bytes[..length]).map(|newline| newline + 1);
        Ok(start.filter(|start| *start < length))
    }

    /// The end of a row whose newline is not in the window, and where the next one would start. Of a row that is too
    /// long, only as much is read as proves it.
    fn last_row_end(&mut self, at: usize) -> Result<(usize, usize), SegmentError> {
        let mut searched = self.window.filled;
        // With two bytes more than the limit the row is too long even if a line end of two bytes comes next.
        while searched - at < self.source.max_row_bytes + 2 {
            self.fill(searched + MORE)?;
            if let Some(length) = memchr::memchr(b'\n', &self.window.bytes[searched..self.window.filled]) {
                return Ok((searched + length, searched + length + 1));
            }
            if self.window.filled == searched {
                break;
            }
            searched = self.window.filled;
        }
        Ok((searched, searched))
    }

    /// Fills the window up to `length` bytes or the end of the file.
    fn fill(&mut self, length: usize) -> Result<(), SegmentError> {
        let window = &mut self.window;
        let length = length.min(offset(window, self.source.len));
        if window.bytes.len() < length {
            window.bytes.resize(length, 0);
        }
        while window.filled < length {
            let at = window.start + window.filled as u64;
            match self.source.file.read_at(&mut window.bytes[window.filled..length], at) {
                Ok(0) => return Err(SegmentError::Truncated),
                Ok(read) => window.filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// `position` of the file as an index into the window.
fn offset(window: &Window, position: u64) -> usize {
    usize::try_from(position - window.start).unwrap_or(usize::MAX)
}
