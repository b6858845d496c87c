//! `keel fleet …`: which builds of the worker there are, and which of them gets work.

mod front;
mod serve;
mod show;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use keel_client::Fleet;
use keel_client::fleet::{Target, Wanted};

use crate::cli::some_text;
use crate::output::{Exit, Failure};
use crate::settings::Context;
use serve::{HealthcheckArgs, ServeArgs};

/// How long changes may take, unless something else is said.
const USUAL: Duration = Duration::from_secs(30);
/// The same for a gate: the workers may still be starting.
const GATE: Duration = Duration::from_secs(60);
/// The same for reading histories.
const HISTORIES: Duration = Duration::from_secs(120);

/// The same for moving runs, of which each is asked how it is.
const MOVE: Duration = Duration::from_secs(120);

#[derive(Args, Debug)]
pub(crate) struct FleetArgs {
    /// The Worker Deployment [default: setting worker.deployment, `keel`]
    #[arg(long, global = true, value_name = "NAME")]
    deployment: Option<String>,
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// Show every build: its share of new runs, its workers, its runs, and what waits for it
    Status,
    /// Send all new runs to a build
    Current {
        /// The build id, or `unversioned` for workers without one
        #[arg(value_name = "BUILD", value_parser = some_text)]
        build: String,
        /// Also when the build does not poll every queue of the one before
        #[arg(long)]
        ignore_missing_task_queues: bool,
    },
    /// Send a share of new runs to a build, and leave the rest where it goes
    Ramp {
        /// The build id, or `unversioned` for workers without one
        #[arg(value_name = "BUILD", value_parser = some_text)]
        build: String,
        /// The share of new runs, 0 to 100
        #[arg(long, value_name = "PERCENT", value_parser = percent)]
        percent: f32,
        /// Also when the build does not poll every queue of the current one
        #[arg(long)]
        ignore_missing_task_queues: bool,
    },
    /// End the trial of the ramping build: all new runs go to the current one
    Unramp,
    /// Have workers of a build run a small workflow that proves that they work, before they get any work
    Gate {
        /// The build id, or `unversioned` for workers without one
        #[arg(value_name = "BUILD", value_parser = some_text)]
        build: String,
    },
    /// Save the histories of real runs, for `keel-worker replay` of a new build to read
    Histories {
        /// At most so many runs: open ones first, then those that ended, the newest first
        #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=5000))]
        last: u16,
        /// The folder to write them to, one file for each run
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Leave out histories that are longer, in bytes
        #[arg(long, value_name = "BYTES", default_value_t = 20_000_000)]
        max_bytes: usize,
        /// Replace histories that are in the folder already
        #[arg(long)]
        force: bool,
    },
    /// Move every open run of a build to another: what that cannot replay begins again there
    Move {
        /// The build that they are on
        #[arg(long, value_name = "BUILD", value_parser = some_text)]
        from: String,
        /// The build that is to finish them; its workers must run
        #[arg(long, value_name = "BUILD", value_parser = some_text)]
        to: String,
    },
    /// Serve the front: health and metrics of the whole fleet over HTTP, until SIGTERM or Ctrl-C
    Serve(ServeArgs),
    /// Ask the front that runs on this machine: exit code 0 or 1, for images without a shell
    Healthcheck(HealthcheckArgs),
    /// Remove a build that has drained and has no workers any more
    Forget {
        /// The build id
        #[arg(value_name = "BUILD", value_parser = some_text)]
        build: String,
        /// Also while runs are pinned to it; they stand still until its workers come back
        #[arg(long)]
        skip_drainage: bool,
    },
}

pub(crate) async fn run(context: &Context, args: FleetArgs) -> Result<Exit, Failure> {
    let deployment = context.deployment(args.deployment);
    match args.command {
        FleetCommand::Serve(args) => serve::run(context, &deployment, args).await,
        FleetCommand::Healthcheck(args) => serve::healthcheck(&args),
        command => once(context, &Fleet::new(context.connect().await?, &deployment), command).await,
    }
}

/// A command that asks or changes something and ends.
async fn once(context: &Context, fleet: &Fleet, command: FleetCommand) -> Result<Exit, Failure> {
    let out = context.out;
    match command {
        FleetCommand::Status => {
            let status = fleet.status(context.patience(USUAL)).await?;
            out.data(&status, || show::status(&status))?;
        }
        FleetCommand::Current { build, ignore_missing_task_queues } => {
            turn(context, fleet, Target::Current(build), ignore_missing_task_queues).await?;
        }
        FleetCommand::Ramp { build, percent, ignore_missing_task_queues } => {
            turn(context, fleet, Target::Ramp(build, percent), ignore_missing_task_queues).await?;
        }
        FleetCommand::Unramp => turn(context, fleet, Target::Unramp, false).await?,
        FleetCommand::Gate { build } => {
            let passed = fleet.gate(&build, context.patience(GATE)).await?;
            out.data(&passed, || show::passed(&build, &passed))?;
        }
        FleetCommand::Histories { last, out: folder, max_bytes, force } => {
            let wanted = Wanted { last: last.into(), max_bytes, folder, force };
            let histories = fleet.histories(&wanted, context.patience(HISTORIES)).await?;
            out.data(&histories, || show::histories(&histories))?;
        }
        FleetCommand::Forget { build, skip_drainage } => {
            let forgotten = fleet.forget(&build, skip_drainage, context.patience(USUAL)).await?;
            out.data(&forgotten, || show::forgotten(&forgotten))?;
        }
        FleetCommand::Move { from, to } => {
            let moved = fleet.move_runs(&from, &to, context.patience(MOVE)).await?;
            out.data(&moved, || show::moved(&moved))?;
        }
        // Answered before anything is connected to.
        FleetCommand::Serve(_) | FleetCommand::Healthcheck(_) => {}
    }
    Ok(Exit::Success)
}

async fn turn(context: &Context, fleet: &Fleet, target: Target, missing_queues: bool) -> Result<(), Failure> {
    let turned = fleet.turn(&target, missing_queues, context.patience(USUAL)).await?;
    context.out.data(&turned, || show::turned(&turned))
}

fn percent(text: &str) -> Result<f32, String> {
    let parsed = text.trim_end_matches('%').parse::<f32>().ok();
    parsed
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "write a share of new runs between 0 and 100, such as 10".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_share_is_between_nothing_and_all() {
        for (text, ok) in
            [("0", true), ("12.5", true), ("100%", true), ("101", false), ("-1", false), ("NaN", false)]
        {
            assert_eq!(super::percent(text).is_ok(), ok, "{text}");
        }
    }
}
