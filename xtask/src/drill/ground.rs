//! The ground a drill is held on: a stack of its own under load, and the toll at its end.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::judge::{self, Ending, Evidence, Planned, Store};
use crate::stack::{Account, Effects, Flow, Load, Plan, Probe, ServerOptions, Stack};
use crate::{binaries, paths, tools, up};

/// The small dataset that every task of a drill works on.
pub const TASK: &str = "DRILL-TASK";
/// The big dataset that every dataset run of a drill works on.
pub const DATASET: &str = "DRILL-DATASET";
const TASK_ROWS: u64 = 100;
const DATASET_ROWS: u64 = 200_000;
/// A dataset run takes about twenty seconds at this pace when nothing disturbs it.
const BYTES_PER_SECOND: u64 = 700_000;
/// What every order of the load buys one of.
const ARTICLE: &str = "KEEL-ROPE";

/// A running stack with its load beside it.
#[derive(Debug)]
pub struct Ground {
    /// The load; ends first.
    pub load: Load,
    /// Server, sandbox, worker.
    pub stack: Stack,
    /// The worker's endpoints.
    pub probe: Probe,
    /// Where the logs are, for people.
    pub logs: String,
    _claim: paths::Claim,
}

/// How a drill's ground is laid.
#[derive(Debug)]
pub struct Layout<'a> {
    /// Names its folder and logs.
    pub name: &'a str,
    /// Whether the binaries are optimised.
    pub release: bool,
    /// Whether the server keeps its runs in a file, and so over its own death.
    pub durable: bool,
    /// What is kept in flight.
    pub flow: Flow<'a>,
    /// Further settings of the worker, as environment variables.
    pub worker_settings: &'a [(&'a str, String)],
}

/// What it cost.
#[derive(Debug, Default)]
pub struct Toll {
    /// Orders, tasks and dataset runs of the load.
    pub runs: (usize, usize, usize),
    /// What did not come to its right end, or left something behind.
    pub lost: usize,
    /// Orders charged or shipped more than once.
    pub double: usize,
    /// A line for each thing that is off.
    pub details: Vec<String>,
}

impl Toll {
    /// Says what is off, the first twenty of it.
    pub fn tell(&self) {
        for line in self.details.iter().take(20) {
            eprintln!("  {line}");
        }
    }
}

impl Ground {
    /// Builds, starts the stack, makes the datasets and starts the load.
    ///
    /// # Errors
    /// When a build fails or a process does not come up.
    pub fn lay(layout: &Layout<'_>) -> anyhow::Result<Self> {
        let tool = tools::temporal()?;
        let (binaries, program) = binaries::build_with_load(layout.release)?;
        let claim = paths::claim(layout.name)?;
        let paths::Claim { dir, scope, logs, .. } = &claim;
        let server =
            ServerOptions { database: layout.durable.then(|| dir.join("temporal.db")), ..Default::default() };
        let given = layout.worker_settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let plan = Plan {
            scope,
            state: dir.clone(),
            server,
            sandbox_port: None,
            http_port: None,
            worker_settings: given.chain(up::throttle(BYTES_PER_SECOND)).collect(),
            keep_settings: false,
        };
        let mut stack = Stack::start(plan, &tool, &binaries).with_context(|| logs.clone())?;
        stack.keel.generate(TASK, TASK_ROWS, 1)?;
        stack.keel.generate(DATASET, DATASET_ROWS, 2)?;
        stack.start_worker().with_context(|| logs.clone())?;
        let probe = Probe::new(&stack.settings.http);
        let load = Load::start(&program, layout.flow, &stack).with_context(|| logs.clone())?;
        Ok(Self { load, stack, probe, logs: logs.clone(), _claim: claim })
    }

    /// Lets the load end, stops everything and says what it cost.
    ///
    /// # Errors
    /// When the load does not end within `limit`, or somebody cannot be asked.
    pub fn clear(self, limit: Duration) -> anyhow::Result<(Account, Toll)> {
        let Self { load, stack, logs, .. } = self;
        eprintln!("  waiting for everything that is in flight");
        let account = load.finish(limit).with_context(|| logs.clone())?;
        let toll = toll(&stack, &account);
        let stopped = stack.stop().with_context(|| logs.clone());
        let toll = toll?;
        stopped?;
        toll.tell();
        Ok((account, toll))
    }
}

fn toll(stack: &Stack, account: &Account) -> anyhow::Result<Toll> {
    let mut toll = toll_of_orders(account, stack.sandbox.effects()?, &stack.export_store()?)?;
    toll.lost += failures(&account.tasks, &mut toll.details);
    for id in account.datasets.keys() {
        if let Some(problem) = wrong_dataset(&stack.keel.results(id), account.datasets.get(id)) {
            toll.lost += 1;
            toll.details.push(format!("{id}: {problem}"));
        }
    }
    Ok(toll)
}

/// What the orders of a load cost, by what the providers did and what the store exports.
///
/// # Errors
/// When the export is something else.
pub fn toll_of_orders(
    account: &Account,
    effects: BTreeMap<String, Effects>,
    export: &str,
) -> anyhow::Result<Toll> {
    let planned: Vec<_> = account.orders.keys().map(|id| planned(id)).collect();
    let status = |end: &Result<_, _>| if end.is_ok() { "COMPLETED" } else { "FAILED" }.to_owned();
    let evidence = Evidence {
        workflows: account.orders.iter().map(|(id, end)| (format!("order-{id}"), status(end))).collect(),
        effects,
        store: Store::parse(export)?,
    };
    let verdict = judge::orders(&planned, &evidence);
    let mut toll = Toll {
        runs: (account.orders.len(), account.tasks.len(), account.datasets.len()),
        lost: verdict.lost + verdict.uncompensated,
        double: verdict.double_charged + verdict.double_shipped,
        details: verdict.details,
    };
    failures(&account.orders, &mut toll.details);
    Ok(toll)
}

fn planned(id: &str) -> Planned {
    Planned { id: id.to_owned(), ending: Ending::Completed, lines: vec![(ARTICLE.to_owned(), 1)] }
}

/// Notes the runs that failed, and counts them.
fn failures(ends: &BTreeMap<String, Result<String, String>>, details: &mut Vec<String>) -> usize {
    let failed: Vec<_> = ends
        .iter()
        .filter_map(|(id, end)| end.as_ref().err().map(|failure| format!("{id} failed: {failure}")))
        .collect();
    let count = failed.len();
    details.extend(failed);
    count
}

/// What is wrong with a dataset run: each row must have been accepted or rejected exactly once.
fn wrong_dataset(results: &Path, end: Option<&Result<String, String>>) -> Option<String> {
    let text = match end? {
        Ok(text) => text,
        Err(failure) => return Some(format!("it failed: {failure}")),
    };
    let accepted: u64 = text.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or(0);
    let rejects = std::fs::read_to_string(results.join("rejects.csv")).unwrap_or_default();
    let rejected = rejects.lines().skip(1).count() as u64;
    (accepted == 0 || accepted + rejected != DATASET_ROWS)
        .then(|| format!("{accepted} rows accepted and {rejected} rejected of {DATASET_ROWS}"))
}

#[cfg(test)]
mod tests {
    use super::{DATASET_ROWS, wrong_dataset};

    #[test]
    fn every_row_of_a_dataset_counts_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rejects.csv"), "line,reason,row\n7,empty,\"\"\n").unwrap();
        let check = |accepted: u64| {
            let text = format!("Successfully processed {accepted} items for dataset D-1");
            wrong_dataset(dir.path(), Some(&Ok(text)))
        };
        assert_eq!(check(DATASET_ROWS - 1), None);
        assert!(check(DATASET_ROWS).unwrap().contains("1 rejected"));
        assert!(wrong_dataset(dir.path(), Some(&Err("gone".to_owned()))).unwrap().contains("gone"));
    }
}
