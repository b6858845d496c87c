//! Running the commands of the pages, and saying of each what became of it.

use std::time::{Duration, Instant};

use super::session::{Place, Session};
use super::shown::Shown;
use super::table::{Entry, Ground, Run, Table};
use crate::interrupt;

/// What became of the commands.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many were run.
    pub run: usize,
    /// Those another test runs, each with which.
    pub elsewhere: Vec<String>,
    /// Those nobody runs, each with the reason.
    pub excused: Vec<String>,
    /// What is wrong.
    pub problems: Vec<String>,
}

impl Tally {
    /// Every command.
    pub fn count(&self) -> usize {
        self.run + self.elsewhere.len() + self.excused.len()
    }

    /// Says loudly what was not run.
    pub fn tell(&self) {
        for (title, lines) in [("RUN BY OTHER TESTS", &self.elsewhere), ("RUN BY NO TEST", &self.excused)] {
            if !lines.is_empty() {
                eprintln!("{title}:\n  {}", lines.join("\n  "));
            }
        }
        for problem in &self.problems {
            eprintln!("docs: {problem}");
        }
    }
}

/// Runs the commands whose ground this is, page by page, and goes on after one that fails.
///
/// # Errors
/// After a signal, or when a page's session cannot be opened.
pub fn all(
    pages: &[(String, Vec<Shown>)],
    table: &Table,
    on: Ground,
    place: &Place,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    for (_, commands) in pages {
        let mut session = None;
        for shown in commands {
            match table.entry(&shown.text) {
                Some(Entry::Run(run)) if run.on == on => {
                    let session = match &mut session {
                        Some(session) => session,
                        None => session.insert(Session::open(place)?),
                    };
                    one(session, table, run, shown, &mut tally)?;
                }
                Some(Entry::Run(run)) => tally.elsewhere.push(said(shown, run.on.runs())),
                Some(Entry::Elsewhere(entry)) => tally.elsewhere.push(said(shown, &entry.by)),
                Some(Entry::Excused(entry)) => tally.excused.push(said(shown, &entry.why)),
                // Told by the check of the table.
                None => {}
            }
        }
    }
    Ok(tally)
}

fn one(
    session: &mut Session<'_>,
    table: &Table,
    run: &Run,
    shown: &Shown,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    interrupt::check()?;
    if let Some((condition, otherwise)) = &run.when
        && !session.holds(condition)?
    {
        tally.excused.push(said(shown, otherwise));
        return Ok(());
    }
    let command = table.filled(run.instead.as_deref().unwrap_or(&shown.text));
    let started = Instant::now();
    tally.run += 1;
    let name = shown.at.replace(['/', ':'], "-");
    match session.run(run, &command, &name) {
        Ok(()) => progress("ok", shown, run, started.elapsed()),
        Err(error) if error.is::<interrupt::Interrupted>() => return Err(error),
        Err(error) => {
            progress("FAILED", shown, run, started.elapsed());
            tally.problems.push(format!("{}: `{command}`: {error:#}", shown.at));
        }
    }
    Ok(())
}

fn progress(how: &str, shown: &Shown, run: &Run, took: Duration) {
    let instead = run.instead.as_ref().filter(|instead| **instead != shown.text);
    let form = instead.map(|instead| format!(" as `{instead}`")).unwrap_or_default();
    eprintln!("  {how:<6} {:>5.1} s  {}  {}{form}", took.as_secs_f64(), shown.at, shown.text);
}

fn said(shown: &Shown, why: &str) -> String {
    format!("{}  {}: {why}", shown.at, shown.text)
}
