//! A rollout that is cut off: `cargo xtask deploy` as a person calls it, and Ctrl-C in the middle of the ramp.

use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;

use crate::deploy::Site;
use crate::rollout::{Journal, Limits, Stage};
use crate::stack::{Logs, Service};
use crate::wait;

/// From the call to the second share of the ramp.
const RAMP: Duration = Duration::from_secs(180);
/// From Ctrl-C to the end.
const END: Duration = Duration::from_secs(60);
/// What a shell says of a command that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// Begins to deploy `tag` and ends that once new runs go to it; returns the stage at which it stands.
///
/// # Errors
/// When it does not come so far, does not end well, or leaves nothing to go on with.
pub fn cut_off(site: &mut Site, tag: &str, limits: &Limits, logs: &Logs) -> anyhow::Result<Stage> {
    let mut command = site.xtask()?;
    command.args(["deploy", "--offline", "--build-id", tag]).args(flags(limits));
    let mut deploy = Service::start("deploy", &mut command, logs.path("deploy"), false, Signal::INT, END)?;
    let dir = site.stack().dir();
    let ramping = |journal: &Journal| matches!(journal.stage, Stage::Ramp(share) if share > 0);
    wait::until("the rollout does not come to its ramp", RAMP, || {
        deploy.must_run()?;
        Ok(Journal::load(&dir)?.filter(ramping).map(drop))
    })?;
    let ended = deploy.stop()?;
    ensure!(ended.code() == Some(INTERRUPTED), "Ctrl-C ended the rollout with {ended}");
    site.reload()?;
    let journal =
        Journal::unfinished(&dir)?.context("the rollout that was cut off left nothing to go on with")?;
    Ok(journal.stage)
}

/// What differs from the defaults in the drill.
fn flags(limits: &Limits) -> [String; 5] {
    let seconds = |name: &str, time: Duration| format!("--{name}={}s", time.as_secs());
    [
        seconds("step", limits.step),
        seconds("quiet", limits.quiet),
        seconds("drain-timeout", limits.drain_timeout),
        format!("--min-runs={}", limits.min_runs),
        format!("--slower={}", limits.slower),
    ]
}
