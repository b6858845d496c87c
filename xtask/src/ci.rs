//! `cargo xtask ci`: what a change must pass before it lands.

use crate::{exec, test, tidy};

/// Format, lints, structure and every test.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
///
/// # Errors
/// At the first check that fails.
pub fn run(_args: Args) -> anyhow::Result<()> {
    exec::foreground(exec::cargo().args(["fmt", "--all", "--check"]))?;
    tidy::run(tidy::Args::default())?;
    exec::foreground(exec::cargo().args([
        "clippy",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    test::run(test::Args::default())
}
