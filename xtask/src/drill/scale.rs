//! `drill scale`: the Compose stack under load while a worker is killed, more come, and most go again.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use super::ground::{Toll, toll_of_orders};
use crate::deploy::Site;
use crate::stack::{Flow, Load, Logs};
use crate::{binaries, paths, wait};

const NAME: &str = "drill-scale";
const ORDERS: usize = 20;
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
    let (_, program) = binaries::build_with_load(false)?;
    let claim = paths::claim(NAME)?;
    let logs = Logs::new(&claim.scope)?;
    let mut site = Site::start(&claim.scope, args.build_id.as_deref())?;
    let flow = Flow { orders: ORDERS, ..Flow::default() };
    let result = Load::beside(&program, flow, &site.temporal(), &claim.dir, &logs)
        .and_then(|load| disturb(&mut site, load))
        .with_context(|| claim.logs.clone());
    // With it go the containers' logs, which are all that tells why.
    if result.is_err() {
        eprintln!("  the stack is left as it is: `KEEL_PROJECT={} cargo xtask logs`", site.stack().project);
        return result;
    }
    site.remove()?;
    result
}

fn disturb(site: &mut Site, mut load: Load) -> anyhow::Result<()> {
    wait::pause(CALM)?;
    let times =
        Times { back: kill_one(site)?, up: calmly(site, &mut load, 5)?, down: calmly(site, &mut load, 2)? };
    wait::pause(CALM)?;
    eprintln!("  waiting for everything that is in flight");
    let account = load.finish(FINISH)?;
    let toll = toll_of_orders(&account, site.effects()?, &site.export_store()?)?;
    for line in toll.details.iter().take(20) {
        eprintln!("  {line}");
    }
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
