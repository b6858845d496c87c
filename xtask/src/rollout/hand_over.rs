//! The hand-over: the service `temporal-worker` becomes the new build, and the old one keeps a poller for its pinned runs.
//!
//! At no moment a build with open runs is without a poller: the old build's replica beside starts before the service lets
//! go of it, and the new build's replicas beside end after the service has taken it over.

use std::time::Duration;

use super::fleet::Fleet;
use super::journal::{Journal, Kind};
use super::limits::Limits;
use super::{builds, sweep};
use crate::deploy::{Stack, WORKER};
use crate::wait;

/// Each old container gets its grace of 40 s, all at once.
const UP: Duration = Duration::from_secs(180);
const READY: Duration = Duration::from_secs(90);
const DRAINS: Duration = Duration::from_secs(3);

/// Lets the service take over the new build.
pub fn hand_over(stack: &mut Stack, journal: &Journal) -> anyhow::Result<String> {
    let (from, to) = (&journal.from, &journal.to);
    // A build that is given up gets no more work: its runs go to the other right after.
    let stays = journal.kind == Kind::Rollout;
    if stays {
        builds::run_beside(stack, from, 1)?;
    }
    stack.state.build = to.clone();
    // What was given up is not the build to go back to.
    stack.state.previous = stays.then(|| from.clone());
    // An operator may have scaled meanwhile.
    let wanted = stack.state.replicas.unwrap_or(journal.replicas);
    stack.save()?;
    let scale = format!("{WORKER}={wanted}");
    let args = ["up", "-d", "--no-deps", "--no-build", "--scale", &scale, WORKER];
    stack.change(stack.compose(&["--progress", "quiet"]).args(args), UP)?;
    stack.wait_ready(WORKER, wanted, READY)?;
    builds::stop_beside(stack, &to.id)?;
    // The front and all else that is not a worker.
    let pull = if stack.state.offline { "never" } else { "missing" };
    let args = ["--progress", "quiet", "up", "-d", "--no-build", "--pull", pull];
    stack.change(&mut stack.compose(&args), UP)?;
    if stays {
        return Ok(format!("{WORKER} is {}, 1 replica of {} stays for its runs", to.id, from.id));
    }
    builds::stop_beside(stack, &from.id)?;
    Ok(format!("{WORKER} is {}, no worker of {} is left", to.id, from.id))
}

/// Waits for the old build's runs for a while, and removes it when none is left.
pub fn drain(stack: &mut Stack, journal: &Journal, limits: &Limits) -> anyhow::Result<String> {
    let old = journal.from.id.clone();
    if journal.kind == Kind::Rollback {
        // Its workers are gone and its runs are elsewhere.
        let forgotten = sweep::forget(stack, &old)?;
        return Ok(format!("{old} has nothing left{forgotten}"));
    }
    let deadline = std::time::Instant::now() + limits.drain_timeout;
    loop {
        let fleet = Fleet::of(stack)?;
        let Some(build) = fleet.build(&old) else {
            builds::stop_beside(stack, &old)?;
            return Ok(format!("{old} is gone"));
        };
        if build.status == "drained" {
            builds::stop_beside(stack, &old)?;
            let forgotten = sweep::forget(stack, &old)?;
            return Ok(format!("{old} drained and was stopped{forgotten}"));
        }
        if std::time::Instant::now() >= deadline {
            let open = build.open_runs;
            return Ok(format!(
                "{old} stays with 1 replica for {open} open runs; the next `cargo xtask deploy` removes it when the server \
                 says that it has drained"
            ));
        }
        wait::pause(DRAINS)?;
    }
}

/// On the way back from a build that had everything: its runs go to the one that takes over.
pub fn move_runs(stack: &Stack, journal: &mut Journal) -> anyhow::Result<String> {
    let (from, to) = (journal.from.id.clone(), journal.to.id.clone());
    super::back::move_runs(stack, journal, &from, &to)
}
