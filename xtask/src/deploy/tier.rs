//! The tests that need Docker, as `cargo xtask test` runs them last.

use crate::{dashboards, drill, tools};

use super::rules;

/// Checks the Compose files, asks every panel's query on the booted stack, and holds the drills on it.
///
/// # Errors
/// When a rule is broken, something did not come up, a panel has no data or anything was lost; and without an engine.
pub fn run() -> anyhow::Result<()> {
    rules::check(&tools::compose(&tools::docker()?)?)?;
    dashboards::run(&dashboards::Args::on_the_stack())?;
    drill::scale::run(&drill::scale::Args::default())?;
    drill::rollout::run(&drill::rollout::Args::default())?;
    drill::autoscale::run(&drill::autoscale::Args::default())
}
