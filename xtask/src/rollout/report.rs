//! What a rollout came to, in one table with times.

use serde::Serialize;

use super::journal::{Journal, Kind, Outcome};
use crate::deploy::{Form, table};

/// What a rollout came to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report<'a> {
    /// How it ended.
    pub outcome: Outcome,
    /// The build that had the work.
    pub from: &'a str,
    /// The build that was to have it.
    pub to: &'a str,
    /// Why it did not get it.
    pub failure: Option<&'a str>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Every step.
    pub steps: &'a [super::journal::Line],
}

impl<'a> Report<'a> {
    /// The report of a rollout that ended.
    pub fn of(journal: &'a Journal) -> Self {
        let seconds = journal.lines.iter().map(|line| line.at + line.took).fold(0.0, f64::max);
        Self {
            outcome: journal.outcome.unwrap_or(Outcome::Promoted),
            from: &journal.from.id,
            to: &journal.to.id,
            failure: journal.failure.as_deref(),
            seconds,
            steps: &journal.lines,
        }
    }

    /// Prints it; as JSON on one line.
    ///
    /// # Errors
    /// Never, in practice: when it cannot be written as JSON.
    pub fn print(&self, form: Form, kind: Kind) -> anyhow::Result<()> {
        if form == Form::Json {
            println!("{}", serde_json::to_string(self)?);
            return Ok(());
        }
        let rows: Vec<_> = self
            .steps
            .iter()
            .map(|line| {
                vec![
                    format!("{:.1}", line.at),
                    format!("{:.1}", line.took),
                    line.step.clone(),
                    line.what.clone(),
                ]
            })
            .collect();
        print!("{}", table(&["at s", "took s", "step", "what"], &rows));
        println!("\n  {}", self.sentence(kind));
        Ok(())
    }

    /// How it ended, in one sentence.
    pub fn sentence(&self, kind: Kind) -> String {
        let Self { from, to, seconds, .. } = self;
        let why = self.failure.unwrap_or("no reason was noted");
        match (self.outcome, kind) {
            (Outcome::Promoted, Kind::Rollout) => {
                format!("rollout: {to} took over from {from} in {seconds:.1} s")
            }
            (Outcome::Promoted, Kind::Rollback) => {
                format!("rollback: {to} has everything again after {seconds:.1} s")
            }
            (Outcome::Refused, _) => {
                format!("rollout: {to} was refused and nothing was started; {from} goes on: {why}")
            }
            (Outcome::RolledBack, _) => {
                format!("rollout: {to} was rolled back after {seconds:.1} s; {from} goes on: {why}")
            }
        }
    }
}
