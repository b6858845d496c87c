//! The new build beside the old one: its replicas, and the proof that they work.

use std::time::Duration;

use anyhow::ensure;

use super::journal::{Journal, Kind};
use super::{builds, fleet};
use crate::deploy::Stack;

const GATE: Duration = Duration::from_secs(60);

/// Starts as many replicas as the old build has, and waits until the server has seen each of them poll.
pub fn start(stack: &mut Stack, journal: &Journal) -> anyhow::Result<String> {
    builds::run_beside(stack, &journal.to, journal.replicas)?;
    Ok(format!("{} replicas of {} poll", journal.replicas, journal.to.id))
}

/// Runs a workflow pinned to them.
pub fn gate(stack: &Stack, journal: &Journal) -> anyhow::Result<String> {
    let seconds = fleet::gate(stack, &journal.to.id, GATE)?;
    Ok(format!("passed in {seconds:.1} s"))
}

/// Sends all new runs to it.
pub fn promote(stack: &Stack, journal: &Journal) -> anyhow::Result<String> {
    healthy(stack, journal)?;
    fleet::current(stack, &journal.to.id)?;
    let what = if journal.kind == Kind::Rollback { "again" } else { "now" };
    Ok(format!("all new runs go to {} {what}", journal.to.id))
}

/// An error when a replica of the new build does not run well, or was started again.
pub fn healthy(stack: &Stack, journal: &Journal) -> anyhow::Result<()> {
    let replicas = stack.service(&builds::service(&journal.to.id))?;
    ensure!(
        replicas.len() >= journal.replicas,
        "{} of {} replicas of the new build are there",
        replicas.len(),
        journal.replicas
    );
    for replica in &replicas {
        ensure!(replica.restarts == 0, "{} was restarted {} times", replica.name, replica.restarts);
        ensure!(replica.runs(), "{} is {}", replica.name, replica.status);
        ensure!(replica.health != "unhealthy", "{} is not ready", replica.name);
    }
    Ok(())
}
