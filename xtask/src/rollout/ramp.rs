//! The ramp: a growing share of new runs, and a comparison of the two builds all the while.

use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use super::fleet::{self, Fleet};
use super::journal::Journal;
use super::judge::{Figures, Verdict, judge};
use super::limits::Limits;
use super::measure::Snapshot;
use super::start::healthy;
use crate::deploy::{Stack, say};
use crate::wait;

/// The shares, in percent.
pub const SHARES: [u8; 4] = [1, 10, 50, 100];
/// Between two looks: Prometheus scrapes workers every five seconds.
const LOOK: Duration = Duration::from_secs(2);
/// So long Prometheus may be silent before nobody knows how the build does.
const BLIND: Duration = Duration::from_secs(60);

/// So many runs must have ended a workflow task after so long.
const FEW: u64 = 5;
const STUCK: Duration = Duration::from_secs(30);

/// One share, for as long as it takes; returns what was seen.
///
/// # Errors
/// With what is off, which is a reason to go back.
pub fn step(stack: &Stack, journal: &mut Journal, index: usize, limits: &Limits) -> anyhow::Result<String> {
    let percent = SHARES[index];
    let prometheus = format!("http://127.0.0.1:{}", stack.port("PROMETHEUS", 9090));
    let base = match &journal.base {
        Some(base) => base.clone(),
        None => {
            let base = Snapshot::take(&prometheus).context("comparing the builds needs Prometheus")?;
            journal.base = Some(base.clone());
            journal.save(&stack.dir())?;
            base
        }
    };
    healthy(stack, journal)?;
    fleet::ramp(stack, &journal.to.id, percent)?;
    let begun = Instant::now();
    let mut seen = Instant::now();
    let before = runs(stack, journal, &Figures::default())?;
    let mut told = Instant::now();
    loop {
        wait::pause(LOOK)?;
        ensure!(!Journal::must_stop(&stack.dir()), "an operator asked for it");
        healthy(stack, journal)?;
        let snapshot = match Snapshot::take(&prometheus) {
            Ok(snapshot) if snapshot.instances(&journal.to.id) > 0 => snapshot,
            other => {
                if seen.elapsed() > BLIND {
                    other.context("nobody can tell how the new build does")?;
                    bail!("Prometheus sees no worker of the new build");
                }
                continue;
            }
        };
        seen = Instant::now();
        let (old, new) = (snapshot.since(&base, &journal.from.id), snapshot.since(&base, &journal.to.id));
        if let Verdict::Bad(why) = judge(&old, &new, limits) {
            bail!("{}", why.join("; "));
        }
        let runs = runs(stack, journal, &new)?;
        // Few runs may be the gate's, and all that Prometheus says is a scrape old.
        let stuck = new.tasks <= 0.0 && runs >= limits.min_runs.max(FEW);
        ensure!(
            !stuck || begun.elapsed() < STUCK,
            "{runs} runs began on the new build, and no workflow task of theirs has ended"
        );
        let enough =
            runs.saturating_sub(before) >= limits.min_runs || runs >= limits.min_runs * SHARES.len() as u64;
        if !stuck && begun.elapsed() >= limits.step && (enough || begun.elapsed() >= limits.quiet) {
            return Ok(shown(percent, runs, &old, &new));
        }
        if told.elapsed() >= Duration::from_secs(10) {
            told = Instant::now();
            say(&shown(percent, runs, &old, &new));
        }
    }
}

/// Runs that began on the new build, whether they have ended or not.
fn runs(stack: &Stack, journal: &Journal, new: &Figures) -> anyhow::Result<u64> {
    let open = Fleet::of(stack)?.build(&journal.to.id).map_or(0, |build| build.open_runs);
    // Counts of this size are exact.
    let ended = format!("{:.0}", new.completed + new.failed).parse::<u64>().unwrap_or(0);
    Ok(open + ended)
}

fn shown(percent: u8, runs: u64, old: &Figures, new: &Figures) -> String {
    let ms =
        |p95: Option<f64>| p95.map_or_else(|| "-".to_owned(), |seconds| format!("{:.0}", seconds * 1000.0));
    format!(
        "{percent} %: {runs} runs; failed runs {:.0} ({:.0} on the old build), tasks {:.0} ({:.0}), attempts {:.0} ({:.0}); activity p95 {} ms ({})",
        new.failed,
        old.failed,
        new.task_failures,
        old.task_failures,
        new.activity_failures,
        old.activity_failures,
        ms(new.activity_p95),
        ms(old.activity_p95)
    )
}
