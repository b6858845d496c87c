//! The machine: which step follows which, and what happens when one fails.

use anyhow::Context;

use super::journal::{Journal, Kind, Outcome, Stage};
use super::limits::Limits;
use super::replay::{Replayed, replay};
use super::{back, hand_over, ramp, start};
use crate::deploy::{Build, Stack, say};
use crate::interrupt;

/// Rolls a new build out over the current one; returns how it ended, which may be that it was refused or rolled back.
///
/// # Errors
/// When a step could be neither done nor undone; calling it again goes on.
pub fn roll_out(stack: &mut Stack, to: Build, limits: &Limits) -> anyhow::Result<Journal> {
    let replicas = stack.state.replicas.unwrap_or(1).max(1);
    resume(stack, Journal::new(Kind::Rollout, stack.state.build.clone(), to, replicas), limits)
}

/// Goes on with a rollout where it stands.
///
/// # Errors
/// When a step could be neither done nor undone; calling it again goes on.
pub fn resume(stack: &mut Stack, mut journal: Journal, limits: &Limits) -> anyhow::Result<Journal> {
    Journal::forget_to_stop(&stack.dir());
    while journal.stage != Stage::Done {
        if journal.stage == Stage::Back {
            back::save(stack, &journal);
        } else {
            journal.save(&stack.dir())?;
        }
        let (stage, at) = (journal.stage, journal.age());
        say(&format!("rollout {} -> {}: {}", journal.from.id, journal.to.id, name(stage)));
        match step(stack, &mut journal, limits) {
            Ok(what) => {
                if let Some(what) = what {
                    say(&what);
                    journal.note(at, &name(stage), &what);
                }
                if journal.stage == stage {
                    journal.stage = next(stage, journal.kind);
                }
            }
            // A program that was cut off along with xtask may have said something of its own.
            Err(error) if error.is::<interrupt::Interrupted>() || interrupt::requested() => {
                say(&format!(
                    "the rollout stands at `{}` and nobody watches it: the same command goes on, `cargo xtask rollback` puts it \
                     back",
                    name(stage)
                ));
                return Err(error);
            }
            Err(error) if goes_back(stage) && journal.kind == Kind::Rollout => {
                let why = format!("{error:#}");
                say(&format!("{}: {why}", name(stage)));
                journal.note(at, &name(stage), &format!("FAILED: {why}"));
                journal.failure = Some(why);
                journal.stage = Stage::Back;
            }
            Err(error) => {
                return Err(error.context(format!(
                    "the rollout stands at `{}`; the same command goes on from there",
                    name(stage)
                )));
            }
        }
    }
    if journal.outcome.is_none() {
        journal.outcome = Some(Outcome::Promoted);
    }
    journal.save(&stack.dir())?;
    Ok(journal)
}

/// Whether a failure of this step means that the build is no good.
fn goes_back(stage: Stage) -> bool {
    matches!(stage, Stage::Start | Stage::Gate | Stage::Ramp(_) | Stage::Promote)
}

fn step(stack: &mut Stack, journal: &mut Journal, limits: &Limits) -> anyhow::Result<Option<String>> {
    match journal.stage {
        Stage::Replay => return prove(stack, journal, limits).map(Some),
        Stage::Start => start::start(stack, journal),
        Stage::Gate => start::gate(stack, journal),
        Stage::Ramp(index) => ramp::step(stack, journal, index, limits),
        Stage::Promote => start::promote(stack, journal),
        Stage::Move => hand_over::move_runs(stack, journal),
        Stage::HandOver => hand_over::hand_over(stack, journal),
        Stage::Drain => hand_over::drain(stack, journal, limits),
        Stage::Back => {
            back::back(stack, journal)?;
            journal.outcome = Some(Outcome::RolledBack);
            return Ok(None);
        }
        Stage::Done => return Ok(None),
    }
    .map(Some)
}

fn prove(stack: &Stack, journal: &mut Journal, limits: &Limits) -> anyhow::Result<String> {
    match replay(stack, &journal.to, limits.replay).context("the new build could not be proved")? {
        Replayed::Fits(runs) => Ok(format!("{runs} real runs fit")),
        Replayed::Broken(why) => {
            let what = format!("REFUSED: {why}");
            journal.failure = Some(why);
            journal.outcome = Some(Outcome::Refused);
            journal.stage = Stage::Done;
            Ok(what)
        }
    }
}

fn next(stage: Stage, kind: Kind) -> Stage {
    match stage {
        Stage::Replay => Stage::Start,
        Stage::Start if kind == Kind::Rollback => Stage::Promote,
        Stage::Start => Stage::Gate,
        Stage::Gate => Stage::Ramp(0),
        Stage::Ramp(index) if index + 1 < ramp::SHARES.len() => Stage::Ramp(index + 1),
        Stage::Ramp(_) => Stage::Promote,
        Stage::Promote => Stage::HandOver,
        Stage::HandOver if kind == Kind::Rollback => Stage::Move,
        Stage::HandOver | Stage::Move => Stage::Drain,
        Stage::Drain | Stage::Back | Stage::Done => Stage::Done,
    }
}

/// The step for people.
fn name(stage: Stage) -> String {
    match stage {
        Stage::Replay => "replay".to_owned(),
        Stage::Start => "start".to_owned(),
        Stage::Gate => "gate".to_owned(),
        Stage::Ramp(index) => format!("ramp {} %", ramp::SHARES.get(index).copied().unwrap_or(100)),
        Stage::Promote => "promote".to_owned(),
        Stage::Move => "move".to_owned(),
        Stage::HandOver => "hand over".to_owned(),
        Stage::Drain => "drain".to_owned(),
        Stage::Back => "roll back".to_owned(),
        Stage::Done => "done".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Kind, Stage, goes_back, name, next};

    fn way(kind: Kind, first: Stage) -> Vec<String> {
        let mut stage = first;
        let mut names = Vec::new();
        while stage != Stage::Done {
            names.push(name(stage));
            stage = next(stage, kind);
        }
        names
    }

    #[test]
    fn a_rollout_takes_every_proof_and_a_rollback_the_short_way() {
        assert_eq!(
            way(Kind::Rollout, Stage::Replay),
            [
                "replay",
                "start",
                "gate",
                "ramp 1 %",
                "ramp 10 %",
                "ramp 50 %",
                "ramp 100 %",
                "promote",
                "hand over",
                "drain"
            ]
        );
        assert_eq!(way(Kind::Rollback, Stage::Start), ["start", "promote", "hand over", "move", "drain"]);
        assert_eq!(way(Kind::Rollout, Stage::Back), ["roll back"]);
    }

    #[test]
    fn after_the_promotion_nothing_goes_back_by_itself() {
        assert!(goes_back(Stage::Ramp(3)) && goes_back(Stage::Promote) && goes_back(Stage::Start));
        assert!(!goes_back(Stage::HandOver) && !goes_back(Stage::Drain) && !goes_back(Stage::Replay));
    }
}
