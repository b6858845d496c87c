//! The way back, taken by itself when a new build does worse.

use std::time::Duration;

use anyhow::ensure;

use super::fleet::{self, Moved};
use super::journal::Journal;
use super::{builds, sweep};
use crate::deploy::{Stack, say};
use crate::wait;

/// Moving runs; each is asked how it is.
const MOVE: Duration = Duration::from_secs(120);
/// The server's index is a moment late.
const LATE: Duration = Duration::from_secs(2);
const ROUNDS: usize = 5;

/// Gives the old build everything again: new runs first, then its replicas go, then those that had begun on the new one.
///
/// # Errors
/// When the server does not answer; doing it again goes on.
pub fn back(stack: &mut Stack, journal: &mut Journal) -> anyhow::Result<()> {
    let (old, new) = (journal.from.id.clone(), journal.to.id.clone());
    let at = journal.age();
    fleet::unramp(stack)?;
    fleet::current(stack, &old)?;
    journal.note(at, "unramp", &format!("all new runs go to {old}"));
    save(stack, journal);
    let at = journal.age();
    let drained = builds::stop_beside(stack, &new);
    let how =
        drained.err().map_or_else(|| "drained and stopped".to_owned(), |error| format!("stopped: {error:#}"));
    journal.note(at, "stop", &format!("replicas of {new} {how}"));
    save(stack, journal);
    let at = journal.age();
    let what = move_runs(stack, journal, &new, &old)?;
    journal.note(at, "move", &what);
    sweep::forget(stack, &new)?;
    Ok(())
}

/// Notes how far it is. On the way back each step is done, whether or not it can be noted: a full disk may be why it goes
/// back, and must not keep the bad build its runs.
pub fn save(stack: &Stack, journal: &Journal) {
    if let Err(error) = journal.save(&stack.dir()) {
        say(&format!("{error:#}"));
    }
}

/// Takes every open run from a build whose workers are gone to another, until none is left.
///
/// Its workers must be gone: a step that one of them is still at would be recorded after its run was proved.
///
/// # Errors
/// When some are left, or the server does not answer.
pub fn move_runs(stack: &Stack, journal: &mut Journal, from: &str, to: &str) -> anyhow::Result<String> {
    let mut all = Moved::default();
    for _ in 0..ROUNDS {
        if fleet::Fleet::of(stack)?.build(from).is_none() {
            break;
        }
        let moved = fleet::move_runs(stack, from, to, MOVE)?;
        all.moved.extend(moved.moved);
        all.reset.extend(moved.reset);
        all.unproven.extend(moved.unproven);
        let left = fleet::Fleet::of(stack)?.build(from).map_or(0, |build| build.open_runs);
        if left == 0 {
            return note_moved(journal, &all);
        }
        wait::pause(LATE)?;
    }
    let left = fleet::Fleet::of(stack)?.build(from).map_or(0, |build| build.open_runs);
    ensure!(
        left == 0,
        "{left} runs are still on build {from}: `keel fleet move --from {from} --to {to}` says why"
    );
    note_moved(journal, &all)
}

/// Notes the runs in the journal, and says what became of them.
///
/// # Errors
/// When nobody can tell of a run whether it goes on.
fn note_moved(journal: &mut Journal, moved: &Moved) -> anyhow::Result<String> {
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
