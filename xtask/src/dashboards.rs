//! `cargo xtask dashboards`: Grafana's dashboards, made from their definitions, and checked.
//!
//! The definitions in `deploy/observability/dashboards` are what people write: a panel is its query, its unit, what is
//! normal, and what to do. Grafana's JSON is made from them and committed, so that it is provisioned as it lies there.

mod definition;
mod live;
mod panel;
mod promql;
mod render;
mod rules;
mod runbook;
mod stack;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use crate::paths;
use definition::Dashboard;
use runbook::Runbook;

const DEFINITIONS: &str = "deploy/observability/dashboards";
const RENDERED: &str = "deploy/observability/grafana/dashboards";

/// Make Grafana's dashboards from their definitions, or check them, also against a live Prometheus.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Write nothing: fail when a definition breaks a rule, or the JSON is not what it makes
    #[arg(long)]
    check: bool,
    /// Also ask this Prometheus every panel's query, as Grafana would; each must return data
    #[arg(long, value_name = "URL", requires = "check")]
    prometheus: Option<String>,
    /// Also boot the offline Compose stack, put it under load, and ask its Prometheus; needs Docker
    #[arg(long, requires = "check", conflicts_with = "prometheus")]
    stack: bool,
    /// How long to wait, in seconds, for panels that return no data yet
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "prometheus")]
    wait: u64,
    /// What $__rate_interval stands for: four scrapes at least
    #[arg(long, value_name = "DURATION", default_value = "1m", requires = "prometheus")]
    rate_interval: String,
    /// The time that is shown, which ends now, in seconds; also what $__range stands for
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "prometheus")]
    range: u64,
}

impl Args {
    /// `--check --stack`.
    pub fn on_the_stack() -> Self {
        Self { check: true, stack: true, ..Self::default() }
    }
}

/// A file of Grafana, as it should be.
struct File {
    path: PathBuf,
    text: String,
}

/// Runs the subcommand.
///
/// # Errors
/// When a definition breaks a rule, with `--check` also when the JSON is out of date or a query returns no data.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let (dashboards, runbook) = load()?;
    report(&rules::broken(&dashboards, &runbook, &rules::Known::load()?), "broken rules")?;
    let files = files(&dashboards, &runbook)?;
    if args.check {
        report(&stale(&files), "files out of date")?;
    } else {
        write(&files)?;
    }
    let panels = dashboards.iter().flat_map(Dashboard::panels).count();
    let queries =
        dashboards.iter().flat_map(Dashboard::panels).map(|panel| panel.series.len()).sum::<usize>();
    let mut summary = format!("dashboards: {} with {panels} panels and {queries} queries", dashboards.len());
    if let Some(url) = &args.prometheus {
        let window = live::Window { seconds: args.range.max(1), rate_interval: &args.rate_interval };
        let wait = Duration::from_secs(args.wait);
        report(&live::empty(&dashboards, url, &window, wait)?, "queries without data")?;
        summary.push_str(", each returns data");
    }
    if args.stack {
        report(&stack::empty(&dashboards)?, "queries without data")?;
        summary.push_str(", each returns data on the Compose stack");
    }
    println!("{summary}");
    Ok(())
}

/// What `cargo xtask tidy` asks of the dashboards: broken rules and stale files.
///
/// # Errors
/// When a file cannot be read or understood.
pub fn check() -> anyhow::Result<Vec<String>> {
    let (dashboards, runbook) = load()?;
    let mut found = rules::broken(&dashboards, &runbook, &rules::Known::load()?);
    found.extend(stale(&files(&dashboards, &runbook)?));
    Ok(found)
}

fn load() -> anyhow::Result<(Vec<Dashboard>, Runbook)> {
    let dashboards = definition::load(&paths::root().join(DEFINITIONS))?;
    Ok((dashboards, Runbook::load(&paths::root().join(runbook::PATH))?))
}

fn files(dashboards: &[Dashboard], runbook: &Runbook) -> anyhow::Result<Vec<File>> {
    let file = |name: &str, json: &serde_json::Value| -> anyhow::Result<File> {
        let path = paths::root().join(RENDERED).join(format!("{name}.json"));
        Ok(File { path, text: format!("{}\n", serde_json::to_string_pretty(json)?) })
    };
    let mut files = Vec::new();
    for dashboard in dashboards {
        files.push(file(&dashboard.name, &render::dashboard(dashboard, runbook))?);
    }
    files.push(file("runbook", &render::runbook(runbook))?);
    Ok(files)
}

/// Files that are not as they should be, and files that should not be there.
fn stale(files: &[File]) -> Vec<String> {
    let mut found: Vec<_> = files
        .iter()
        .filter(|file| std::fs::read_to_string(&file.path).ok().as_ref() != Some(&file.text))
        .map(|file| {
            format!(
                "{} is not what its definition makes: run `cargo xtask dashboards`",
                paths::shown(&file.path)
            )
        })
        .collect();
    found.extend(strangers(files).iter().map(|path| {
        format!("{} has no definition in {DEFINITIONS}: run `cargo xtask dashboards`", paths::shown(path))
    }));
    found
}

fn strangers(files: &[File]) -> Vec<PathBuf> {
    let there = std::fs::read_dir(paths::root().join(RENDERED)).into_iter().flatten().flatten();
    there.map(|entry| entry.path()).filter(|path| files.iter().all(|file| &file.path != path)).collect()
}

fn write(files: &[File]) -> anyhow::Result<()> {
    paths::create(&paths::root().join(RENDERED))?;
    for path in strangers(files) {
        std::fs::remove_file(&path).with_context(|| format!("cannot remove {}", paths::shown(&path)))?;
    }
    for file in files {
        std::fs::write(&file.path, &file.text)
            .with_context(|| format!("cannot write {}", paths::shown(&file.path)))?;
    }
    Ok(())
}

/// Says what was found, and fails if that is anything.
fn report(found: &[String], what: &str) -> anyhow::Result<()> {
    for line in found {
        eprintln!("dashboards: {line}");
    }
    anyhow::ensure!(found.is_empty(), "dashboards: {what}: {}", found.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_dashboards_of_this_repository_keep_the_rules_and_are_up_to_date() {
        assert_eq!(super::check().unwrap(), Vec::<String>::new());
    }
}
