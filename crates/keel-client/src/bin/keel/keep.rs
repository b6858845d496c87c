//! `keel keep`: starts the containers of a Compose project again that were killed.
//!
//! Docker restarts what crashed, but never what `docker kill` ended, whatever the restart policy says. A container is
//! started again when it ended badly and nobody asked it to stop. Nothing else is ever done to any.

mod engine;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Deserialize;

use crate::output::{Exit, Failure, note};
use engine::Engine;

/// Between two looks, and so how late a kill is noticed.
const PAUSE: Duration = Duration::from_secs(1);
/// An end that is so young may be the first half of a `docker stop`, which says only afterwards that it was one.
const SETTLED: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

/// What `keel keep` is told.
#[derive(Args, Debug)]
pub(crate) struct KeepArgs {
    /// The Compose project; of its containers those with the label keel.keep=true
    #[arg(long, default_value = "keel", value_parser = crate::cli::id)]
    project: String,
    /// The engine's socket
    #[arg(long, default_value = "/var/run/docker.sock", value_name = "PATH")]
    socket: PathBuf,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inspected {
    name: String,
    state: State,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    status: String,
    exit_code: i64,
    started_at: jiff::Timestamp,
    finished_at: jiff::Timestamp,
}

/// Looks every second until the process is ended.
pub(crate) fn run(args: &KeepArgs) -> Result<Exit, Failure> {
    let engine = Engine::new(&args.socket);
    let (mut left, mut silent) = (BTreeSet::new(), false);
    loop {
        match look(&engine, &args.project, &mut left) {
            Ok(()) => silent = false,
            // Said once: an engine that restarts is away for a while, and comes back.
            Err(error) if !silent => {
                note(&format!("{error:#}"));
                silent = true;
            }
            Err(_) => {}
        }
        std::thread::sleep(PAUSE);
    }
}

/// Starts what was killed; `left` remembers the ends that are nobody's to mend.
fn look(
    engine: &Engine,
    project: &str,
    left: &mut BTreeSet<(String, jiff::Timestamp)>,
) -> anyhow::Result<()> {
    let mut seen = BTreeSet::new();
    for id in engine.ended(project)? {
        // Gone meanwhile, or about to be: nothing to mend either.
        let Ok(container) = engine.inspect::<Inspected>(&id) else { continue };
        let end = (id.clone(), container.state.finished_at);
        if left.contains(&end) {
            seen.insert(end);
            continue;
        }
        let now = jiff::Timestamp::now();
        if !is_settled(&container.state, now) {
            continue;
        }
        if container.state.exit_code == 0 || engine.was_stopped(&id, container.state.started_at, now)? {
            seen.insert(end);
            continue;
        }
        engine.start(&id)?;
        note(&format!(
            "started {} again: it ended with {} and nobody had asked it to",
            container.name.trim_start_matches('/'),
            container.state.exit_code
        ));
    }
    *left = seen;
    Ok(())
}

fn is_settled(state: &State, now: jiff::Timestamp) -> bool {
    state.status == "exited" && now.duration_since(state.finished_at) >= SETTLED
}

#[cfg(test)]
mod tests;
