//! `cargo xtask drill`: one thing breaks on purpose under load, and the counts say whether anybody was hurt.
//!
//! Each drill is a file of its own, brings up its own stack, and prints one last line of counts on stdout.

mod provider_outage;
mod series;

use clap::Subcommand;

/// Break one thing on purpose under load, and count what came of it.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    ProviderOutage(provider_outage::Args),
}

/// Runs the subcommand.
///
/// # Errors
/// When a count is off, or the drill cannot be held.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::ProviderOutage(args) => provider_outage::run(&args),
    }
}
