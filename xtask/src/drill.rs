//! `cargo xtask drill`: one thing breaks on purpose under load, and the counts say whether anybody was hurt.
//!
//! Each drill is a file of its own, brings up its own stack, and prints one last line of counts on stdout.

pub mod autoscale;
pub mod ground;
mod provider_outage;
pub mod rollout;
pub mod scale;
mod server_loss;
mod shutdown;

use clap::Subcommand;

/// Break one thing on purpose under load, and count what came of it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Shutdown(shutdown::Args),
    ServerLoss(server_loss::Args),
    ProviderOutage(provider_outage::Args),
    Scale(scale::Args),
    Autoscale(autoscale::Args),
    Rollout(rollout::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// When a count is off, or the drill cannot be held.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::Shutdown(args) => shutdown::run(&args),
        What::ServerLoss(args) => server_loss::run(&args),
        What::ProviderOutage(args) => provider_outage::run(&args),
        What::Scale(args) => scale::run(&args),
        What::Autoscale(args) => autoscale::run(&args),
        What::Rollout(args) => rollout::run(&args),
    }
}
