//! The journal of a rollout: where it stands, on disk before the next step begins.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::measure::Snapshot;
use crate::deploy::{Build, replace};
use crate::paths;

const FILE: &str = "rollout.json";
/// Lies beside it while somebody asks for the end of the rollout.
const STOP: &str = "stop-rollout";

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// To a new build, with every proof.
    Rollout,
    /// Back to an earlier build, at once.
    Rollback,
}

/// What is done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The new build replays real histories.
    Replay,
    /// Its replicas start beside the old ones.
    Start,
    /// They prove that they work.
    Gate,
    /// They get a share of new runs; the index of the share.
    Ramp(usize),
    /// They get all new runs.
    Promote,
    /// Runs of the build that is given up go to the one that takes over; only on the way back.
    Move,
    /// The service `temporal-worker` becomes the new build.
    HandOver,
    /// The old build's last runs end.
    Drain,
    /// Something was off: all is put back.
    Back,
    /// Nothing more.
    Done,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The new build has all new runs.
    Promoted,
    /// It could not replay real runs; nothing was started.
    Refused,
    /// It did worse than the old one, which has everything again.
    RolledBack,
}

/// One step that was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Seconds from the rollout's start to the step's.
    pub at: f64,
    /// How long it took, in seconds.
    pub took: f64,
    /// Its name.
    pub step: String,
    /// What came of it.
    pub what: String,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Journal {
    /// Which way.
    pub kind: Kind,
    /// The build that has the work in the beginning.
    pub from: Build,
    /// The build that is to have it.
    pub to: Build,
    /// Replicas of either.
    pub replicas: usize,
    /// What is done next.
    pub stage: Stage,
    /// When it began, in seconds since 1970.
    pub started: f64,
    /// What was done.
    pub lines: Vec<Line>,
    /// Every counter as it was before the ramp.
    pub base: Option<Snapshot>,
    /// Why it goes back, or was refused.
    pub failure: Option<String>,
    /// How it ended; absent until then.
    pub outcome: Option<Outcome>,
    /// Workflow ids of runs that were taken from one build to the other, by how.
    #[serde(default)]
    pub moved: BTreeMap<String, Vec<String>>,
}

impl Journal {
    /// A rollout that is about to begin.
    pub fn new(kind: Kind, from: Build, to: Build, replicas: usize) -> Self {
        let stage = if kind == Kind::Rollout { Stage::Replay } else { Stage::Start };
        Self {
            kind,
            from,
            to,
            replicas,
            stage,
            started: now(),
            lines: Vec::new(),
            base: None,
            failure: None,
            outcome: None,
            moved: BTreeMap::new(),
        }
    }

    /// The last rollout, if there was one.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(dir: &Path) -> anyhow::Result<Option<Self>> {
        let path = dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).with_context(|| {
                format!(
                    "{} is damaged: see `keel fleet status` for where new runs go, remove it and deploy again",
                    paths::shown(&path)
                )
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", paths::shown(&path))),
        }
    }

    /// The rollout that was cut off, if there is one.
    ///
    /// # Errors
    /// As [`Journal::load`].
    pub fn unfinished(dir: &Path) -> anyhow::Result<Option<Self>> {
        Ok(Self::load(dir)?.filter(|journal| journal.stage != Stage::Done))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> anyhow::Result<()> {
        paths::create(dir)?;
        replace(&dir.join(FILE), &serde_json::to_vec_pretty(self)?).context("the journal of the rollout")
    }

    /// Whether it is a rollout that is not past its promotion.
    pub fn can_be_put_back(&self) -> bool {
        let past =
            matches!(self.stage, Stage::HandOver | Stage::Move | Stage::Drain | Stage::Back | Stage::Done);
        self.kind == Kind::Rollout && !past
    }

    /// Whether `other` is the same rollout, at whatever stage.
    pub fn is_of(&self, other: &Self) -> bool {
        (self.kind, self.started, &self.to.id) == (other.kind, other.started, &other.to.id)
    }

    /// Asks whoever works on the rollout to put it back.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn ask_to_stop(dir: &Path) -> anyhow::Result<()> {
        std::fs::write(dir.join(STOP), "").context("asking the rollout to stop")
    }

    /// Takes the question back, whether or not there was one.
    pub fn forget_to_stop(dir: &Path) {
        // Not there is as good.
        let _ = std::fs::remove_file(dir.join(STOP));
    }

    /// Whether an operator asked for the end of the rollout.
    pub fn must_stop(dir: &Path) -> bool {
        dir.join(STOP).exists()
    }

    /// Seconds since it began.
    pub fn age(&self) -> f64 {
        (now() - self.started).max(0.0)
    }

    /// Notes what a step that began at `at` came to.
    pub fn note(&mut self, at: f64, step: &str, what: &str) {
        let took = rounded((self.age() - at).max(0.0));
        self.lines.push(Line { at: rounded(at), took, step: step.to_owned(), what: what.to_owned() });
    }
}

fn now() -> f64 {
    rounded(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64())
}

/// To whole milliseconds, which JSON gives back as they were; the last digit of a longer number may differ.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::{Journal, Kind, Stage, rounded};
    use crate::deploy::Build;

    #[test]
    fn a_rollout_that_was_cut_off_is_found_and_one_that_ended_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Journal::load(dir.path()).unwrap(), None);
        let mut journal = Journal::new(Kind::Rollout, Build::default(), Build::default(), 3);
        // A time with more digits than JSON's reader keeps.
        journal.started = rounded(1_795_391_760.508_775_2);
        journal.stage = Stage::Ramp(2);
        journal.note(0.123_456_789, "replay", "12 runs");
        journal.save(dir.path()).unwrap();
        assert_eq!(Journal::unfinished(dir.path()).unwrap().as_ref(), Some(&journal));
        journal.stage = Stage::Done;
        journal.save(dir.path()).unwrap();
        assert_eq!(Journal::unfinished(dir.path()).unwrap(), None);
        assert_eq!(Journal::load(dir.path()).unwrap(), Some(journal));
        std::fs::write(dir.path().join("rollout.json"), "{").unwrap();
        assert!(format!("{:#}", Journal::load(dir.path()).unwrap_err()).contains("damaged"));
    }

    #[test]
    fn a_rollout_can_be_put_back_until_it_is_promoted() {
        let mut journal = Journal::new(Kind::Rollout, Build::default(), Build::default(), 3);
        let begun = journal.clone();
        assert!(journal.can_be_put_back());
        for stage in [Stage::HandOver, Stage::Drain, Stage::Back, Stage::Done] {
            journal.stage = stage;
            assert!(!journal.can_be_put_back() && journal.is_of(&begun), "{stage:?}");
        }
        let back = Journal::new(Kind::Rollback, Build::default(), Build::default(), 3);
        assert!(!back.can_be_put_back() && !back.is_of(&begun));
    }

    #[test]
    fn an_operator_is_heard_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!Journal::must_stop(dir.path()));
        Journal::ask_to_stop(dir.path()).unwrap();
        assert!(Journal::must_stop(dir.path()));
        Journal::forget_to_stop(dir.path());
        Journal::forget_to_stop(dir.path());
        assert!(!Journal::must_stop(dir.path()));
    }
}
