//! The tests that need Docker, as `cargo xtask test` runs them last.

use crate::binaries::Binaries;
use crate::{dashboards, docs, drill, tools};

use super::rules;

/// Checks the Compose files, asks every panel's query on the booted stack, runs what the documentation shows for one, and
/// holds the drills on it.
///
/// # Errors
/// When a rule is broken, something did not come up, a panel has no data, a page is wrong
/// or anything was lost; and without an engine.
pub fn run(binaries: &Binaries) -> anyhow::Result<()> {
    rules::check(&tools::compose(&tools::docker()?)?)?;
    dashboards::run(&dashboards::Args::on_the_stack())?;
    docs::execute_on_stack(binaries, None, "")?;
    drill::scale::run(&drill::scale::Args::default())?;
    drill::rollout::run(&drill::rollout::Args::default())?;
    drill::autoscale::run(&drill::autoscale::Args::default())
}
