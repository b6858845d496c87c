//! `drill rollout`: four versions of the worker on the Compose stack under load. A has orders that wait for a person; B is
//! compatible and takes over, though its rollout is cut off once; C breaks determinism and is refused; D fails at run time and is rolled back.

mod cut;
mod versions;

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::ground::{Toll, toll_of_orders};
use crate::deploy::Site;
use crate::rollout::{Limits, Outcome, Report};
use crate::stack::{Account, Flow, Keel, Load, Logs, sample_order};
use crate::{exec, paths, tools, wait};
use versions::Versions;

const NAME: &str = "drill-rollout";
/// Orders that wait on A for a person.
const WAITING: [&str; 3] = ["DRILL-WAITS-1", "DRILL-WAITS-2", "DRILL-WAITS-3"];
const ORDERS: usize = 10;
const ORDERS_PER_SECOND: u32 = 5;
const STEP_S: u64 = 3;
const CALL: Duration = Duration::from_secs(60);
const CALM: Duration = Duration::from_secs(5);
/// All that is in flight at the end.
const FINISH: Duration = Duration::from_secs(240);

/// Roll out a compatible build, one that breaks determinism and one that fails, and count what that cost.
#[derive(clap::Args)]
pub struct Args {
    /// How long each share of the ramp lasts at least, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = STEP_S)]
    step: u64,
}

impl Default for Args {
    fn default() -> Self {
        Self { step: STEP_S }
    }
}

/// How orders ended, by id.
type Ends = Vec<(String, Result<String, String>)>;

/// One event of the drill, for the sequence at its end.
#[derive(Debug)]
struct Event {
    at: f64,
    what: String,
}

/// What the drill saw.
#[derive(Debug, Default)]
struct Seen {
    events: Vec<Event>,
    refused: Vec<&'static str>,
    rolled_back: Vec<&'static str>,
    began: Option<Instant>,
}

impl Seen {
    fn note(&mut self, what: String) {
        let at = self.began.get_or_insert_with(Instant::now).elapsed().as_secs_f64();
        eprintln!("  {at:.1} s: {what}");
        self.events.push(Event { at, what });
    }
}

/// Runs the drill.
///
/// # Errors
/// When a build did not end as it should, an order failed, or anything was lost.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let claim = paths::claim(NAME)?;
    let versions = versions::make(&tools::docker()?, &claim.scope)?;
    let logs = Logs::new(&claim.scope)?;
    let mut site = Site::start(&claim.scope, Some(&versions.tags[0]))?;
    let keel = Keel {
        program: versions.binaries.keel.clone(),
        temporal: site.temporal(),
        data_dir: claim.dir.clone(),
    };
    let flow = Flow { orders: ORDERS, orders_per_second: ORDERS_PER_SECOND, ..Flow::default() };
    let mut seen = Seen::default();
    let result = place(&keel, &mut seen)
        .and_then(|()| Load::beside(&versions.load, flow, &site.temporal(), &claim.dir, &logs))
        .and_then(|load| hold(&mut site, load, &keel, &versions, &mut seen, &limits(args), &logs))
        .with_context(|| claim.logs.clone());
    site.settle(result)
}

fn hold(
    site: &mut Site,
    mut load: Load,
    keel: &Keel,
    versions: &Versions,
    seen: &mut Seen,
    limits: &Limits,
    logs: &Logs,
) -> anyhow::Result<()> {
    wait::pause(CALM)?;
    seen.note("deploy of B".to_owned());
    let stage = cut::cut_off(site, &versions.tags[1], limits, logs)?;
    seen.note(format!("Ctrl-C at {stage:?}; the same command again").to_lowercase());
    for (letter, tag) in ["B", "C", "D"].into_iter().zip(&versions.tags[1..]) {
        load.must_run()?;
        deploy(site, letter, tag, seen, limits)?;
    }
    wait::pause(CALM)?;
    seen.note("the load ends".to_owned());
    let mut account = load.finish(FINISH)?;
    let (effects, store) = (site.effects()?, site.export_store()?);
    let failed = account.orders.values().filter(|end| end.is_err()).count();
    // Before those that wait are approved: they buy other things than the load, whose stock is counted.
    let mut toll = toll_of_orders(&account, effects, &store)?;
    let (approved, unfinished) = approve(keel, seen)?;
    account.orders.extend(approved);
    toll.lost += unfinished;
    report(&toll, failed, &account, seen)
}

fn limits(args: &Args) -> Limits {
    Limits {
        step: Duration::from_secs(args.step),
        quiet: Duration::from_secs(20),
        min_runs: 5,
        drain_timeout: Duration::ZERO,
        // Others may keep the machine busy.
        slower: 5.0,
        ..Limits::default()
    }
}

/// Orders that nobody decides for now.
fn place(keel: &Keel, seen: &mut Seen) -> anyhow::Result<()> {
    for id in WAITING {
        let file = keel.data_dir.join(format!("{id}.json"));
        sample_order(id, &file)?;
        keel.text(&["order", "submit", "--file", &file.display().to_string()], CALL)?;
    }
    seen.note(format!("{} orders of A wait for a person", WAITING.len()));
    Ok(())
}

fn deploy(
    site: &mut Site,
    letter: &'static str,
    tag: &str,
    seen: &mut Seen,
    limits: &Limits,
) -> anyhow::Result<()> {
    seen.note(format!("deploy of {letter}"));
    let journal = site.roll_out(Some(tag), limits.clone())?.context("nothing was rolled out")?;
    let report = Report::of(&journal);
    let start = seen.began.map_or(0.0, |began| began.elapsed().as_secs_f64()) - report.seconds;
    for line in report.steps {
        seen.events
            .push(Event { at: start + line.at, what: format!("  {letter} {}: {}", line.step, line.what) });
    }
    match report.outcome {
        Outcome::Promoted => {}
        Outcome::Refused => seen.refused.push(letter),
        Outcome::RolledBack => seen.rolled_back.push(letter),
    }
    seen.note(format!("{letter} is {:?}", report.outcome).to_lowercase());
    Ok(())
}

/// The person decides; returns how each ended, and how many did not complete.
fn approve(keel: &Keel, seen: &mut Seen) -> anyhow::Result<(Ends, usize)> {
    let mut ends = Vec::new();
    for id in WAITING {
        keel.text(&["order", "approve", id, "--by", "manager@company.com"], CALL)?;
    }
    for id in WAITING {
        let said = keel.text(&["order", "watch", id], CALL);
        let end = match said {
            Ok(said) if said.contains("completed successfully") => Ok(exec::last_lines(&said, 1)),
            Ok(said) => Err(exec::last_lines(&said, 1)),
            Err(error) => Err(format!("{error:#}")),
        };
        ends.push((id.to_owned(), end));
    }
    let unfinished = ends.iter().filter(|(_, end)| end.is_err()).count();
    seen.note(format!("{} of {} orders of A are approved and complete", ends.len() - unfinished, ends.len()));
    Ok((ends, unfinished))
}

fn report(toll: &Toll, failed: usize, account: &Account, seen: &Seen) -> anyhow::Result<()> {
    toll.tell();
    for Event { at, what } in &seen.events {
        println!("  {at:>7.1}  {what}");
    }
    let named = |letters: &[&str]| if letters.is_empty() { "none".to_owned() } else { letters.join(",") };
    let (refused, rolled_back) = (named(&seen.refused), named(&seen.rolled_back));
    println!(
        "rollout: failed_workflows={failed} lost={} refused={refused} rolled_back={rolled_back}",
        toll.lost + toll.double
    );
    ensure!(account.orders.len() > WAITING.len(), "no order was placed, so nothing was shown");
    ensure!(failed == 0 && toll.lost + toll.double == 0, "a count is off");
    ensure!(refused == "C" && rolled_back == "D", "a build did not end as it should");
    Ok(())
}
