//! `cargo xtask rollback`: the build before the current one has everything again.

use anyhow::{Context, ensure};

use super::journal::{Journal, Kind, Stage};
use super::{Limits, Report, resume};
use crate::deploy::{Build, Common, Stack, say, tagged};

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
        println!("{}", shown(&plan(&stack, args.to.as_deref())?));
        return Ok(());
    }
    // Before the lock: what the operator means is what is under way now, and not what it may have become meanwhile.
    let aimed = Journal::unfinished(&stack.dir())?.filter(Journal::can_be_put_back);
    if aimed.is_some() {
        Journal::ask_to_stop(&stack.dir())?;
    }
    let _lock = stack.lock()?;
    stack.reload()?;
    let ended = Journal::load(&stack.dir())?.filter(|journal| journal.stage == Stage::Done);
    if let (Some(aimed), Some(ended)) = (&aimed, &ended)
        && ended.is_of(aimed)
    {
        say(&format!("the rollout of {} has ended meanwhile", ended.to.id));
        return Report::of(ended).print(args.common.output, ended.kind);
    }
    if let Some(ended) = ended.filter(|ended| ended.kind == Kind::Rollback && args.to.is_none())
        && ended.to.id == stack.state.build.id
    {
        say(&format!("build {} has everything already", ended.to.id));
        return Report::of(&ended).print(args.common.output, ended.kind);
    }
    let journal = to(&mut stack, args.to.as_deref(), &args.limits)?;
    Report::of(&journal).print(args.common.output, journal.kind)
}

fn shown(journal: &Journal) -> String {
    let (from, to) = (&journal.from.id, &journal.to.id);
    match journal.kind {
        Kind::Rollback => {
            format!("{from} gives everything back to {to}: start, promote, hand over, move, drain")
        }
        Kind::Rollout => format!("the rollout of {to} is put back, and {from} has everything again"),
    }
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
            // It has not taken anything over yet, and may never: another one may be named.
            (Kind::Rollback, Stage::Start | Stage::Promote)
                if build.is_some_and(|build| build != journal.to.id) => {}
            (Kind::Rollback, _) | (_, Stage::Back) => return Ok(journal),
            (Kind::Rollout, Stage::HandOver | Stage::Move | Stage::Drain) => {
                let replicas = journal.replicas;
                ensure!(
                    build.is_none_or(|build| build == journal.from.id),
                    "the rollout from {} to {} is not done: `cargo xtask rollback` without --to gives everything back to {}",
                    journal.from.id,
                    journal.to.id,
                    journal.from.id
                );
                return Ok(Journal::new(Kind::Rollback, journal.to, journal.from, replicas));
            }
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
