//! `cargo xtask rollback`: the build before the current one has everything again.

use anyhow::{Context, bail, ensure};

use super::journal::{Journal, Kind, Stage};
use super::{Limits, Report, resume};
use crate::deploy::{Build, Common, Stack, tagged};

/// Give everything back to the build before: new runs, and those that began on the current one.
#[derive(clap::Args)]
pub struct Args {
    /// Another build than the one before; its images must be here
    #[arg(long, value_name = "BUILD")]
    to: Option<String>,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    common: Common,
}

/// Runs the subcommand.
///
/// # Errors
/// When there is nothing to go back to, or a step could not be done; calling it again goes on.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut stack = Stack::open(&args.common)?;
    stack.must_be_deployed()?;
    if stack.is_dry() {
        let journal = plan(&stack, args.to.as_deref())?;
        println!(
            "{} gives everything back to {}: start, promote, hand over, move, drain",
            journal.from.id, journal.to.id
        );
        return Ok(());
    }
    let _lock = stack.lock()?;
    stack.reload()?;
    let journal = to(&mut stack, args.to.as_deref(), &args.limits)?;
    Report::of(&journal).print(args.common.output, journal.kind)
}

/// Goes back, or goes on going back.
///
/// # Errors
/// As [`run`].
pub fn to(stack: &mut Stack, build: Option<&str>, limits: &Limits) -> anyhow::Result<Journal> {
    let journal = plan(stack, build)?;
    resume(stack, journal, limits)
}

fn plan(stack: &Stack, build: Option<&str>) -> anyhow::Result<Journal> {
    if let Some(mut journal) = Journal::unfinished(&stack.dir())? {
        match (journal.kind, journal.stage) {
            (Kind::Rollback, _) | (_, Stage::Back) => return Ok(journal),
            (Kind::Rollout, Stage::HandOver | Stage::Move | Stage::Drain) => bail!(
                "the rollout of {} is past its promotion: finish it with `cargo xtask deploy --build-id {}`, then roll back",
                journal.to.id,
                journal.to.id
            ),
            // What was begun is put back the way a failure would.
            (Kind::Rollout, _) => {
                ensure!(
                    build.is_none_or(|build| build == journal.from.id),
                    "a rollout from {} to {} is under way: `cargo xtask rollback` without --to ends it first",
                    journal.from.id,
                    journal.to.id
                );
                journal.failure = Some("an operator asked for it".to_owned());
                journal.stage = Stage::Back;
                return Ok(journal);
            }
        }
    }
    let target = target(stack, build)?;
    ensure!(target.id != stack.state.build.id, "build {} has everything already", target.id);
    let replicas = stack.state.replicas.unwrap_or(1).max(1);
    Ok(Journal::new(Kind::Rollback, stack.state.build.clone(), target, replicas))
}

fn target(stack: &Stack, build: Option<&str>) -> anyhow::Result<Build> {
    let previous = stack.state.previous.clone();
    match build {
        None => previous.context("no build came before the current one: name one with --to"),
        Some(id) => match previous.filter(|previous| previous.id == id) {
            Some(previous) => Ok(previous),
            None => tagged(stack, id),
        },
    }
}
