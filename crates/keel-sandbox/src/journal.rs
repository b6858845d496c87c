//! The journal: every request in order, bounded.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::protocol::{Operation, Provider};

/// Most entries kept; the oldest are dropped beyond it.
pub const MAX_ENTRIES: usize = 1_000_000;

/// One request and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// When it was answered.
    pub at: Timestamp,
    /// Who was asked.
    pub provider: Provider,
    /// What was asked.
    pub operation: Operation,
    /// The `Idempotency-Key`; empty if it was missing.
    pub key: String,
    /// The order; empty if the body was not understood.
    pub order_id: String,
    /// The body; null if it was not JSON.
    pub body: Box<RawValue>,
    /// The HTTP status of the answer; 0 if the connection was dropped without one.
    pub status: u16,
    /// Whether it changed something: a first capture, refund, booking or cancellation.
    pub effect: bool,
    /// The `traceparent` header that names the caller's trace; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
}

/// The entries, oldest first.
#[derive(Debug)]
pub struct Journal {
    entries: VecDeque<Entry>,
    dropped: u64,
    capacity: usize,
}

impl Default for Journal {
    fn default() -> Self {
        Self::with_capacity(MAX_ENTRIES)
    }
}

impl Journal {
    /// A journal of at most `capacity` entries, at least one.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), dropped: 0, capacity: capacity.max(1) }
    }

    /// The number the next entry gets.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.dropped + self.entries.len() as u64 + 1
    }

    /// Appends an entry under the next number.
    pub fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
            self.dropped += 1;
        }
        self.entries.push_back(entry);
    }

    /// How many of the oldest entries are gone.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.dropped
    }

    /// At most `most` entries from number `seq` on, as NDJSON, and the number to go on with; only those of
    /// `order` if one is named.
    #[must_use]
    pub fn page(&self, seq: u64, most: usize, order: Option<&str>) -> (String, u64) {
        let skip = usize::try_from(seq.saturating_sub(self.dropped + 1)).unwrap_or(usize::MAX);
        let mut text = String::new();
        let mut next = seq.max(self.dropped + 1);
        for entry in self.entries.iter().skip(skip).take(most) {
            next += 1;
            if order.is_none_or(|order| order == entry.order_id) {
                text.push_str(&serde_json::to_string(entry).expect("an entry always serialises"));
                text.push('\n');
            }
        }
        (text, next)
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, Journal};
    use crate::protocol::{Operation, Provider};

    fn entry(seq: u64, order: &str) -> Entry {
        Entry {
            seq,
            at: jiff::Timestamp::UNIX_EPOCH,
            provider: Provider::Payments,
            operation: Operation::Charges,
            key: String::new(),
            order_id: order.to_owned(),
            body: crate::ledger::raw(&serde_json::Value::Null),
            status: 200,
            effect: true,
            traceparent: None,
        }
    }

    #[test]
    fn the_oldest_are_dropped_and_counted_and_pages_go_on() {
        let mut journal = Journal::with_capacity(3);
        for order in ["a", "b", "a", "b", "a"] {
            journal.push(entry(journal.next_seq(), order));
        }
        assert_eq!((journal.dropped(), journal.next_seq()), (2, 6));
        let (text, next) = journal.page(1, 2, None);
        assert_eq!((text.lines().count(), next), (2, 5));
        let (text, next) = journal.page(next, 2, Some("a"));
        assert_eq!((text.lines().count(), next), (1, 6));
        assert!(text.contains("\"seq\":5"), "{text}");
        assert_eq!(journal.page(next, 2, None), (String::new(), 6));
    }
}
