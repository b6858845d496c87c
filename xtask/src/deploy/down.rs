//! `cargo xtask down`: everything stopped in order; what is kept is only removed by those who say so.

use std::io::{BufRead, IsTerminal};
use std::process::Command;
use std::time::Duration;

use anyhow::bail;

use super::stack::{Common, Stack};
use super::state::State;

const LIMIT: Duration = Duration::from_secs(180);

/// Stop the stack in order; its data stays unless `--volumes`.
#[derive(clap::Args)]
pub struct Args {
    /// Also remove every order, run and metric that was kept
    #[arg(long)]
    volumes: bool,
    /// Do not ask before that
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs the subcommand.
///
/// # Errors
/// When Compose fails, or nobody confirms.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut stack = Stack::open(&args.common)?;
    if args.volumes && !args.yes && !stack.is_dry() {
        confirm(&stack.project)?;
    }
    let _lock = if stack.is_dry() { None } else { Some(stack.lock()?) };
    if args.volumes { remove(&mut stack) } else { stop(&stack) }
}

/// Stops everything and removes the containers.
///
/// # Errors
/// When Compose fails.
pub fn stop(stack: &Stack) -> anyhow::Result<()> {
    stack.change(&mut command(stack), LIMIT)
}

/// Stops everything and removes what it kept.
///
/// # Errors
/// When Compose fails.
pub fn remove(stack: &mut Stack) -> anyhow::Result<()> {
    stack.change(command(stack).arg("--volumes"), LIMIT)?;
    stack.state = State::default();
    if !stack.is_dry() {
        // A rollout of what is gone must not be gone on with.
        for file in ["rollout.json", "builds.yml"] {
            match std::fs::remove_file(stack.dir().join(file)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
    }
    stack.save()
}

/// Whatever was started with whatever profile goes.
fn command(stack: &Stack) -> Command {
    stack.compose(&["--profile", "*", "--progress", "plain", "down", "--remove-orphans"])
}

fn confirm(project: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("`--volumes` removes every order and run of {project}: add `--yes` if that is meant");
    }
    eprint!("This removes every order, run and metric of {project} for good. Type its name to go on: ");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    if answer.trim() != project {
        bail!("nothing was changed");
    }
    Ok(())
}
