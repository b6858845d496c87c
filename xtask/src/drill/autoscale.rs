//! `drill autoscale`: orders come in waves to workers that take only so much each, and their number has to follow.

mod ride;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;

use super::ground::{Toll, toll_of_orders};
use crate::deploy::Site;
use crate::stack::{Flow, Load, Logs, Service, Wave};
use crate::{binaries, paths};
use ride::{Ride, watch};

const NAME: &str = "drill-autoscale";
/// Activities that one worker takes in a second, so that workers are what is short, and not the machine's cores. An
/// order has four.
const EACH_PER_SECOND: f64 = 1.5;
/// A limit of the whole queue that nobody reaches: with one, the SDK takes activities by polls alone, which are what the
/// limit of a worker holds; without, a worker also gets those of its own workflow tasks along with them.
const NO_LIMIT: u32 = 1000;
/// Orders a second: one worker is enough at the bottom, and it takes five or six at the top.
const WAVE: Wave = Wave { low: 0.2, high: 2.0, seconds: 100 };
const WAVES: u32 = 2;
const MAX: usize = 6;
/// More than are ever in flight, so that late workers delay no new order.
const IN_FLIGHT: usize = 200;
/// What the autoscaler is told to keep to, and what fails the drill: a busy machine is no fault of it.
const TARGET_S: u32 = 5;
const AT_MOST_S: f64 = 10.0;
/// All that is in flight at the end.
const FINISH: Duration = Duration::from_secs(240);
/// A worker that drains is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Let orders come in waves to workers that take only so much each, and see whether their number follows.
#[derive(clap::Args)]
pub struct Args {
    /// Images with this tag that are here already, instead of those of this checkout
    #[arg(long, value_name = "ID")]
    build_id: Option<String>,
    /// The oldest task may wait so many seconds at most; the autoscaler's target is 5
    #[arg(long, default_value_t = AT_MOST_S, value_name = "SECONDS")]
    at_most: f64,
}

impl Default for Args {
    fn default() -> Self {
        Self { build_id: None, at_most: AT_MOST_S }
    }
}

/// Runs the drill.
///
/// # Errors
/// When the workers did not follow, a task waited too long, or anything was lost or done twice.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (_, program) = binaries::build_with_load(false)?;
    let claim = paths::claim(NAME)?;
    let logs = Logs::new(&claim.scope)?;
    let overlays = [slow_workers(&claim)?];
    let site = Site::start_with(&claim.scope, args.build_id.as_deref(), 1, &overlays)?;
    let flow = Flow { orders: IN_FLIGHT, wave: Some(WAVE), ..Flow::default() };
    let result = Load::beside(&program, flow, &site.temporal(), &claim.dir, &logs)
        .and_then(|load| hold(&site, load, &logs))
        .and_then(|(ride, toll)| report(args, &ride, &toll))
        .with_context(|| claim.logs.clone());
    site.settle(result)
}

/// A Compose file that lets each worker take only so much.
fn slow_workers(claim: &paths::Claim) -> anyhow::Result<PathBuf> {
    let file = claim.dir.join("slow-workers.yml");
    let text = format!(
        "services:\n  temporal-worker:\n    environment:\n      \
         KEEL__WORKER__MAX_ACTIVITIES_PER_SECOND: \"{EACH_PER_SECOND}\"\n      \
         KEEL__WORKER__MAX_TASK_QUEUE_ACTIVITIES_PER_SECOND: \"{NO_LIMIT}\"\n"
    );
    std::fs::write(&file, text).with_context(|| format!("cannot write {}", paths::shown(&file)))?;
    Ok(file)
}

fn hold(site: &Site, mut load: Load, logs: &Logs) -> anyhow::Result<(Ride, Toll)> {
    let mut autoscaler = start(site, logs)?;
    let length = Duration::from_secs((WAVE.seconds * WAVES).into());
    let seen = watch(site, &mut load, &mut autoscaler, length)?;
    eprintln!("  waiting for everything that is in flight");
    let account = load.finish(FINISH)?;
    let ended = autoscaler.stop()?;
    ensure!(ended.success(), "the autoscaler ended with {ended}");
    let toll = toll_of_orders(&account, site.effects()?, &site.export_store()?)?;
    toll.tell();
    Ok((Ride::read(seen, &autoscaler.log_text())?, toll))
}

/// Starts `cargo xtask autoscale` on the site as a person would.
fn start(site: &Site, logs: &Logs) -> anyhow::Result<Service> {
    let mut command = site.xtask()?;
    command.args(["autoscale", "--output", "json", "--interval", "2s", "--min", "1"]);
    command.args(["--max", &MAX.to_string(), "--target-age", &format!("{TARGET_S}s")]);
    // Minutes are right for a day, and too long for a drill.
    command.args(["--cool-down-in", "6s", "--headroom", "0.2"]);
    let log = logs.path("autoscale");
    Service::start("autoscaler", &mut command, log, false, Signal::TERM, PATIENCE)
}

fn report(args: &Args, ride: &Ride, toll: &Toll) -> anyhow::Result<()> {
    println!(
        "autoscale: replicas={}..{} max_backlog_age_s={:.1} scale_outs={} scale_ins={} orders={} lost={} double={}",
        ride.fewest, ride.most, ride.oldest, ride.outs, ride.ins, toll.runs.0, toll.lost, toll.double
    );
    ensure!(toll.lost + toll.double == 0, "a count is off");
    ensure!(toll.runs.0 > 0, "no order was placed, so nothing was shown");
    ensure!(ride.most >= 3 && ride.fewest < ride.most, "the workers did not follow the first wave up");
    ensure!(ride.ins > 0, "no worker went when the wave was over");
    ensure!(ride.rose_again, "the workers did not follow the second wave up");
    let limit = args.at_most;
    ensure!(ride.oldest <= limit, "a task waited {:.1} s, more than {limit} s", ride.oldest);
    Ok(())
}
