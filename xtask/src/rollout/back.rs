//! The way back, taken by itself when a new build does worse.

use std::time::Duration;

use super::fleet::{self, Moved};
use super::journal::Journal;
use super::{builds, sweep};
use crate::deploy::Stack;

/// Moving runs; each is asked how it is.
pub const MOVE: Duration = Duration::from_secs(120);

/// Gives the old build everything again: new runs first, then those that had begun on the new one, then its replicas go.
///
/// # Errors
/// When the server does not answer; doing it again goes on.
pub fn back(stack: &mut Stack, journal: &mut Journal) -> anyhow::Result<()> {
    let (old, new) = (journal.from.id.clone(), journal.to.id.clone());
    let at = journal.age();
    fleet::unramp(stack)?;
    fleet::current(stack, &old)?;
    journal.note(at, "unramp", &format!("all new runs go to {old}"));
    journal.save(&stack.dir())?;
    let at = journal.age();
    let known = fleet::Fleet::of(stack)?.build(&new).is_some();
    if known {
        let moved = fleet::move_runs(stack, &new, &old, MOVE)?;
        let what = note_moved(journal, &moved)?;
        journal.note(at, "move", &what);
        journal.save(&stack.dir())?;
    }
    let at = journal.age();
    let drained = builds::stop_beside(stack, &new);
    let how =
        drained.err().map_or_else(|| "drained and stopped".to_owned(), |error| format!("stopped: {error:#}"));
    // A worker that goes may still have ended a step, whose next task found no other worker of its build.
    if known {
        let late = fleet::move_runs(stack, &new, &old, MOVE)?;
        note_moved(journal, &late)?;
    }
    let forgotten = sweep::forget(stack, &new)?;
    journal.note(at, "stop", &format!("replicas of {new} {how}{forgotten}"));
    Ok(())
}

/// Notes the runs in the journal, and says what became of them.
///
/// # Errors
/// When nobody can tell of a run whether it goes on.
pub fn note_moved(journal: &mut Journal, moved: &Moved) -> anyhow::Result<String> {
    for (how, ids) in [("moved", &moved.moved), ("reset", &moved.reset)] {
        let list = journal.moved.entry(how.to_owned()).or_default();
        list.extend(ids.iter().cloned());
        list.sort_unstable();
        list.dedup();
    }
    let what =
        format!("{} runs go on where they stood, {} began again", moved.moved.len(), moved.reset.len());
    if moved.unproven.is_empty() {
        return Ok(what);
    }
    Ok(format!("{what}, {} did not answer: `keel fleet status`, then `keel why ID`", moved.unproven.len()))
}
