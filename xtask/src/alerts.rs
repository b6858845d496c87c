//! `cargo xtask alerts`: the alert rules, checked and tested by Prometheus's own tool.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::tools::Prometheus;
use crate::{exec, paths, tools};

/// Check the alert rules and run their unit tests with promtool.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
///
/// # Errors
/// When Prometheus is missing (with the command that installs it), or a rule or a test is wrong.
pub fn run(_args: Args) -> anyhow::Result<()> {
    check(&tools::prometheus()?)
}

/// `promtool check config`, `check rules` and `test rules` over everything in `deploy/observability`.
///
/// # Errors
/// With promtool's exit code after what it said.
pub fn check(tool: &Prometheus) -> anyhow::Result<()> {
    let dir = paths::root().join("deploy/observability");
    let promtool = |words: [&str; 2], files: &[PathBuf]| {
        exec::foreground(exec::tied(&tool.promtool, "TERM").args(words).args(files))
    };
    promtool(["check", "config"], &configurations(&dir)?)?;
    promtool(["check", "rules"], &files(&dir.join("alerts"))?)?;
    promtool(["test", "rules"], &files(&dir.join("tests"))?)
}

/// Every configuration of Prometheus: the one for this machine and those of the stacks.
fn configurations(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_one = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("prometheus"))
    };
    Ok(files(dir)?.into_iter().filter(is_one).collect())
}

/// The YAML files of a folder, by name; at least one.
///
/// # Errors
/// When the folder cannot be read or holds none.
pub fn files(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", paths::shown(dir)))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "yml") {
            found.push(path);
        }
    }
    anyhow::ensure!(!found.is_empty(), "{} holds no .yml file", paths::shown(dir));
    found.sort();
    Ok(found)
}
