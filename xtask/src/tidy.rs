//! `cargo xtask tidy`: the rules of the house that compilers do not know.

mod alerts;
mod edges;
mod graph;
mod sources;

use anyhow::Context;
use cargo_metadata::MetadataCommand;

use crate::{dashboards, paths};

/// Check who depends on whom, what is in the graph, lints, the size of files, that alerts have a runbook, and dashboards.
#[derive(clap::Args, Default)]
pub struct Args {}

/// What a check found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Broken rules, each with what to do.
    pub failures: Vec<String>,
    /// Things to look at.
    pub warnings: Vec<String>,
}

/// Runs the subcommand.
///
/// # Errors
/// When a rule is broken.
pub fn run(_args: Args) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(paths::root().join("Cargo.toml"))
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("cargo metadata")?;
    let mut findings = Findings::default();
    edges::check(&metadata, &mut findings);
    sources::check_lints(&metadata, &mut findings)?;
    graph::check_versions(&metadata, &mut findings);
    graph::check_banned(&mut findings)?;
    sources::check_files(paths::root(), &mut findings)?;
    alerts::check(paths::root(), &mut findings)?;
    findings.failures.extend(dashboards::check()?);
    for warning in &findings.warnings {
        eprintln!("tidy: warning: {warning}");
    }
    for failure in &findings.failures {
        eprintln!("tidy: {failure}");
    }
    anyhow::ensure!(findings.failures.is_empty(), "tidy: {} broken rules", findings.failures.len());
    println!("tidy: {} members, no broken rule", metadata.workspace_members.len());
    Ok(())
}
