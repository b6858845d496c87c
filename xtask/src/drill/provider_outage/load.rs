//! Orders that come in steadily and are approved at once.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::chaos::judge::Store;
use crate::chaos::plan::{Ending, Planned};
use crate::stack::Stack;
use crate::wait;

const CALL: Duration = Duration::from_secs(60);
const APPROVER: &str = "manager@company.com";
/// Between two batches.
const TICK: Duration = Duration::from_secs(1);

/// An order, and when it was placed.
pub struct Placed {
    /// The order.
    pub order: Planned,
    /// Before it was submitted.
    pub at: Instant,
}

/// So many orders a second.
pub struct Load {
    /// What was placed so far, oldest first.
    pub placed: Vec<Placed>,
    skus: Vec<String>,
    rate: u64,
    next: Instant,
}

impl Load {
    /// Orders of the articles the stack has in stock.
    ///
    /// # Errors
    /// When the store cannot be read or is empty.
    pub fn new(stack: &Stack, rate: u64) -> anyhow::Result<Self> {
        let skus: Vec<String> = Store::parse(&stack.export_store()?)?.inventory.into_keys().collect();
        ensure!(!skus.is_empty(), "the seeded store has no inventory");
        Ok(Self { placed: Vec::new(), skus, rate, next: Instant::now() })
    }

    /// Places and approves a batch each second until `end`.
    ///
    /// # Errors
    /// When a call fails or a process of the stack ends.
    pub fn run(&mut self, stack: &mut Stack, end: Instant) -> anyhow::Result<()> {
        while self.next < end {
            wait::pause(self.next.saturating_duration_since(Instant::now()))?;
            stack.must_run()?;
            self.batch(stack)?;
            // A slow machine places fewer, and never a pile of them at once.
            self.next = (self.next + TICK).max(Instant::now());
        }
        wait::pause(end.saturating_duration_since(Instant::now()))
    }

    /// Every order so far.
    pub fn orders(&self) -> Vec<Planned> {
        self.placed.iter().map(|placed| placed.order.clone()).collect()
    }

    fn batch(&mut self, stack: &Stack) -> anyhow::Result<()> {
        let first = self.placed.len();
        for _ in 0..self.rate {
            let number = self.placed.len();
            let lines = vec![(self.skus[number % self.skus.len()].clone(), 1)];
            let order = Planned { id: format!("OUTAGE-{number:05}"), ending: Ending::Completed, lines };
            self.placed.push(Placed { order, at: Instant::now() });
        }
        let batch = &self.placed[first..];
        let file = stack.settings.state.join("batch.ndjson");
        let lines: String = batch.iter().map(|placed| format!("{}\n", placed.order.object())).collect();
        std::fs::write(&file, lines).with_context(|| format!("cannot write {}", file.display()))?;
        stack.keel.text(&["order", "submit", "--file", &file.display().to_string()], CALL)?;
        let mut approve = vec!["order", "approve"];
        approve.extend(batch.iter().map(|placed| placed.order.id.as_str()));
        approve.extend(["--by", APPROVER]);
        stack.keel.text(&approve, CALL).map(drop)
    }
}
