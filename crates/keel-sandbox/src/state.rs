//! The sandbox as one value: ledger, journal, faults and the file that makes effects survive a kill.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::fault::Faults;
use crate::journal::{Entry, Journal};
use crate::ledger::{Decision, Ledger};
use crate::protocol::{Operation, Request};

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The file cannot be opened, read or written.
    #[error("cannot use the state file {}: check that its folder exists and can be written", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A line is not one this sandbox wrote.
    #[error("line {line} of the state file {} is damaged: move the file away to start empty", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

/// Who asks: what the headers say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller<'a> {
    /// The `Idempotency-Key`.
    pub key: &'a str,
    /// The `traceparent`, if there was one.
    pub traceparent: Option<&'a str>,
}

/// Longest `traceparent` that is kept; that of version 00 has 55 bytes.
const MAX_TRACEPARENT_BYTES: usize = 64;

impl Caller<'_> {
    fn traceparent(self) -> Option<String> {
        self.traceparent.filter(|text| text.len() <= MAX_TRACEPARENT_BYTES).map(str::to_owned)
    }
}

/// One line of the state file: the first answer to a key.
#[derive(Serialize, Deserialize)]
struct Line {
    entry: Entry,
    answer: Box<RawValue>,
}

#[derive(Debug, Default)]
struct Books {
    ledger: Ledger,
    journal: Journal,
    file: Option<StateFile>,
}

#[derive(Debug)]
struct StateFile {
    file: File,
    /// Where the next whole line goes; a line that could not be written whole is cut off again.
    end: u64,
}

impl StateFile {
    /// Appends one line. It is with the operating system when this returns, so it survives a kill of the
    /// process.
    fn append(&mut self, line: &Line) -> std::io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        if let Err(error) = self.file.write_all(&text) {
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.end += text.len() as u64;
        Ok(())
    }
}

/// The two providers with all they remember. Cheap to clone; clones share everything.
#[derive(Clone, Debug, Default)]
pub struct Sandbox {
    books: Arc<Mutex<Books>>,
    faults: Arc<Mutex<Faults>>,
}

impl Sandbox {
    /// A sandbox that forgets everything when it ends.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// A sandbox that keeps its effects in `path`, and starts from what is there. A last line that was cut
    /// short by a kill was never answered and is dropped.
    ///
    /// # Errors
    /// [`StateError`] when the file cannot be used or holds something else.
    pub fn with_state_file(path: &Path) -> Result<Self, StateError> {
        let io = |source| StateError::Io { path: path.to_owned(), source };
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io)?;
        let mut books = Books::default();
        let mut reader = BufReader::new(&mut file);
        let mut text = Vec::new();
        let (mut end, mut number) = (0_u64, 0);
        loop {
            text.clear();
            let read = reader.read_until(b'\n', &mut text).map_err(io)?;
            if text.last() != Some(&b'\n') {
                break;
            }
            number += 1;
            books.replay(&text).map_err(|source| StateError::Damaged {
                path: path.to_owned(),
                line: number,
                source,
            })?;
            end += read as u64;
        }
        file.set_len(end).map_err(io)?;
        books.file = Some(StateFile { file, end });
        Ok(Self { books: Arc::new(Mutex::new(books)), faults: Arc::default() })
    }

    /// Answers a request, recording its effect first.
    ///
    /// # Errors
    /// When the state file cannot be written; then the request had no effect.
    pub fn answer(
        &self,
        operation: Operation,
        caller: Caller<'_>,
        request: &Request,
        status_seen: Option<u16>,
    ) -> std::io::Result<Decision> {
        let key = caller.key;
        let mut books = self.books();
        let seq = books.journal.next_seq();
        let decision = books.ledger.decide(operation, key, request, seq);
        let entry = Entry {
            seq,
            at: Timestamp::now(),
            provider: operation.provider(),
            operation,
            key: key.to_owned(),
            order_id: request.order_id().to_owned(),
            body: serde_json::value::to_raw_value(request)?,
            status: status_seen.unwrap_or(decision.status),
            effect: decision.effect,
            traceparent: caller.traceparent(),
        };
        if decision.first {
            if let Some(file) = &mut books.file {
                let entry = Entry { status: decision.status, ..entry.clone() };
                file.append(&Line { entry, answer: decision.answer.clone() })?;
            }
            let answer = decision.answer.clone();
            books.ledger.apply(operation, key, request, decision.status, decision.effect, answer);
        }
        books.journal.push(entry);
        Ok(decision)
    }

    /// Records a request that reached no rule: it was malformed, or a fault came first.
    pub fn record_unanswered(&self, operation: Operation, caller: Caller<'_>, body: &[u8], status: u16) {
        let request = Request::parse(operation, body).ok();
        let order_id = request.as_ref().map(|request| request.order_id().to_owned()).unwrap_or_default();
        let body = request.map_or_else(
            || crate::ledger::raw(&serde_json::Value::Null),
            |request| {
                serde_json::value::to_raw_value(&request).expect("strings and numbers always serialise")
            },
        );
        let mut books = self.books();
        let seq = books.journal.next_seq();
        books.journal.push(Entry {
            seq,
            at: Timestamp::now(),
            provider: operation.provider(),
            operation,
            key: caller.key.to_owned(),
            order_id,
            body,
            status,
            effect: false,
            traceparent: caller.traceparent(),
        });
    }

    /// A page of the journal; see [`Journal::page`].
    #[must_use]
    pub fn journal_page(&self, seq: u64, most: usize, order: Option<&str>) -> (String, u64) {
        self.books().journal.page(seq, most, order)
    }

    /// How many journal entries were dropped for want of room.
    #[must_use]
    pub fn journal_dropped(&self) -> u64 {
        self.books().journal.dropped()
    }

    /// `{"orders": {<id>: {captured, refunded, booked, cancelled}}}`, counting effects.
    #[must_use]
    pub fn summary(&self) -> String {
        let books = self.books();
        let orders =
            serde_json::to_string(books.ledger.effects()).expect("strings and numbers always serialise");
        format!("{{\"orders\":{orders}}}")
    }

    /// The faults, to read or set.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Books {
    fn replay(&mut self, text: &[u8]) -> Result<(), serde_json::Error> {
        let Line { mut entry, answer } = serde_json::from_slice(text)?;
        let request = Request::parse(entry.operation, entry.body.get().as_bytes())?;
        self.ledger.apply(entry.operation, &entry.key, &request, entry.status, entry.effect, answer);
        entry.seq = self.journal.next_seq();
        self.journal.push(entry);
        Ok(())
    }
}
