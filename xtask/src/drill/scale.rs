//! `drill scale`: the Compose stack under load while a worker is killed, more come, and most go again.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::ground::{Toll, toll_of_orders};
use crate::deploy::Site;
use crate::stack::{Flow, Keel, Load, Logs, sample_order};
use crate::{binaries, exec, paths, wait};

const NAME: &str = "drill-scale";
const ORDERS: usize = 20;
const ORDER: &str = "DRILL-BY-HAND";
const CALL: Duration = Duration::from_secs(60);
/// Two scrapes, and the look-up of names before them.
const SEEN: Duration = Duration::from_secs(60);
/// Between two interventions.
const CALM: Duration = Duration::from_secs(3);
/// From `docker kill` to as many pollers as before.
const BACK: Duration = Duration::from_secs(30);
/// All that is in flight at the end; what a killed worker held comes back after its timeout.
const FINISH: Duration = Duration::from_secs(240);

/// Kill a worker of the Compose stack under load, then scale 3 -> 5 -> 2, and count what that cost.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Images with this tag that are here already, instead of those of this checkout
    #[arg(long, value_name = "ID")]
    build_id: Option<String>,
}

/// How long each intervention took, in seconds.
#[derive(Debug)]
struct Times {
    back: f64,
    up: f64,
    down: f64,
}

/// Runs the drill.
///
/// # Errors
/// When anything was lost or done twice, or a replica did not come or go as it should.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (binaries, program) = binaries::build_with_load(false)?;
    let claim = paths::claim(NAME)?;
    let logs = Logs::new(&claim.scope)?;
    let mut site = Site::start(&claim.scope, args.build_id.as_deref())?;
    let keel = Keel { program: binaries.keel, temporal: site.temporal(), data_dir: claim.dir.clone() };
    let flow = Flow { orders: ORDERS, ..Flow::default() };
    let result = all_seen(&site)
        .and_then(|()| Load::beside(&program, flow, &site.temporal(), &claim.dir, &logs))
        .and_then(|load| disturb(&mut site, load, &keel))
        .with_context(|| claim.logs.clone());
    site.settle(result)
}

/// Places and approves one order as a person does.
fn one_order(keel: &Keel) -> anyhow::Result<()> {
    let file = keel.data_dir.join("order.json");
    sample_order(ORDER, &file)?;
    keel.text(&["order", "submit", "--file", &file.display().to_string()], CALL)?;
    keel.text(&["order", "approve", ORDER, "--by", "manager@company.com"], CALL)?;
    let said = keel.text(&["order", "watch", ORDER], CALL)?;
    eprintln!("  {}", exec::last_lines(&said, 1));
    ensure!(said.contains("completed successfully"), "order {ORDER} did not complete: {said}");
    Ok(())
}

/// Waits until Prometheus sees every worker.
fn all_seen(site: &Site) -> anyhow::Result<()> {
    let workers = site.workers()?.len();
    wait::until("Prometheus does not see every worker as up", SEEN, || {
        let up = site.targets_up("keel-worker")?;
        Ok((up == workers).then_some(()))
    })?;
    eprintln!("  Prometheus sees {workers} workers as up");
    Ok(())
}

fn disturb(site: &mut Site, mut load: Load, keel: &Keel) -> anyhow::Result<()> {
    wait::pause(CALM)?;
    let times =
        Times { back: kill_one(site)?, up: calmly(site, &mut load, 5)?, down: calmly(site, &mut load, 2)? };
    wait::pause(CALM)?;
    eprintln!("  waiting for everything that is in flight");
    let account = load.finish(FINISH)?;
    let toll = toll_of_orders(&account, site.effects()?, &site.export_store()?)?;
    toll.tell();
    // Afterwards, for it buys other things than the load, whose stock has been counted.
    one_order(keel)?;
    report(&times, &toll)
}

/// Kills the oldest worker and waits until as many poll as before.
fn kill_one(site: &Site) -> anyhow::Result<f64> {
    let workers = site.workers()?;
    let victim = workers.first().context("no worker runs")?;
    eprintln!("  docker kill {}", victim.name);
    let started = Instant::now();
    site.kill(victim)?;
    site.wait_workers(workers.len(), BACK)?;
    let now = site.workers()?;
    let again = now.iter().find(|worker| worker.id == victim.id).context("the killed container is gone")?;
    ensure!(again.started_at != victim.started_at, "{} was not killed", victim.name);
    Ok(started.elapsed().as_secs_f64())
}

fn calmly(site: &mut Site, load: &mut Load, wanted: usize) -> anyhow::Result<f64> {
    wait::pause(CALM)?;
    load.must_run()?;
    let took = site.scale(wanted)?;
    eprintln!("  scaled to {wanted} in {took:.1} s");
    Ok(took)
}

fn report(times: &Times, toll: &Toll) -> anyhow::Result<()> {
    println!(
        "scale: orders={} killed=1 back_s={:.1} up_3_to_5_s={:.1} down_5_to_2_s={:.1} lost={} double={}",
        toll.runs.0, times.back, times.up, times.down, toll.lost, toll.double
    );
    ensure!(toll.lost + toll.double == 0, "a count is off");
    ensure!(toll.runs.0 > 0, "no order was placed, so nothing was shown");
    Ok(())
}
