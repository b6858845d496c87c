//! The storm itself: submitting, approving, killing, and waiting for the end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::Value;

use super::judge::{Store, Workflows};
use super::plan::{DATASETS, KILLS, ORDERS, Planned, Random, dataset_id, orders};
use crate::stack::Stack;
use crate::wait;

const CALL: Duration = Duration::from_secs(60);
const APPROVER: &str = "manager@company.com";
/// Between a worker's start and its end: short enough to hit a saga, long enough for a dataset to resume at times.
const LIFE_MS: (u64, u64) = (200, 8_000);

/// What a storm leaves behind.
pub struct Raged {
    /// The orders that were submitted.
    pub orders: Vec<Planned>,
    /// How often the worker was killed.
    pub kills: usize,
    /// How every workflow ended.
    pub workflows: Workflows,
}

/// Submits and approves all orders in parts, kills and restarts the worker between them, and waits for the end.
///
/// # Errors
/// When a call fails, a process ends that should not, or the deadline passes.
pub fn rage(stack: &mut Stack, random: &mut Random, deadline: Instant) -> anyhow::Result<Raged> {
    let skus: Vec<String> = Store::parse(&stack.export_store()?)?.inventory.into_keys().collect();
    ensure!(!skus.is_empty(), "the seeded store has no inventory");
    let orders = orders(&skus, random);
    let (first, second) = orders.split_at(ORDERS / 2);

    stack.start_worker()?;
    start_datasets(stack)?;
    submit(stack, "first", first)?;
    let mut kills = 0;
    for batch in orders.chunks(ORDERS / KILLS) {
        if kills == KILLS / 2 {
            submit(stack, "second", second)?;
        }
        approve(stack, batch)?;
        let life = Duration::from_millis(random.between(LIFE_MS.0, LIFE_MS.1));
        wait::pause(life)?;
        stack.must_run()?;
        stack.kill_worker()?;
        kills += 1;
        eprintln!(
            "  kill {kills} after {:.1} s, {} orders approved",
            life.as_secs_f64(),
            kills * batch.len()
        );
        stack.start_worker()?;
    }
    let workflows = wait_for_end(stack, ORDERS + DATASETS, deadline)?;
    Ok(Raged { orders, kills, workflows })
}

/// Starts every dataset as a workflow of its own.
///
/// # Errors
/// When a call fails.
pub fn start_datasets(stack: &Stack) -> anyhow::Result<()> {
    for index in 0..DATASETS {
        stack.keel.text(&["dataset", "start", &dataset_id(index)], CALL)?;
    }
    Ok(())
}

fn submit(stack: &Stack, name: &str, orders: &[Planned]) -> anyhow::Result<()> {
    let file = stack.settings.state.join(format!("{name}.ndjson"));
    let lines: String = orders.iter().map(|order| format!("{}\n", order.object())).collect();
    std::fs::write(&file, lines).with_context(|| format!("cannot write {}", file.display()))?;
    stack.keel.text(&["order", "submit", "--file", &file.display().to_string()], CALL).map(drop)
}

fn approve(stack: &Stack, orders: &[Planned]) -> anyhow::Result<()> {
    let mut args = vec!["order", "approve"];
    args.extend(orders.iter().map(|order| order.id.as_str()));
    args.extend(["--by", APPROVER]);
    stack.keel.text(&args, CALL).map(drop)
}

/// Waits until `expected` workflows are there and all ended, or for the deadline; returns how they stand.
///
/// # Errors
/// When a process of the stack ends, or the server does not answer.
pub fn wait_for_end(stack: &mut Stack, expected: usize, deadline: Instant) -> anyhow::Result<Workflows> {
    let mut said = Instant::now();
    loop {
        stack.must_run()?;
        let workflows = match stack.server.json(&["workflow", "list", "--limit", "2000"]) {
            Ok(listing) => workflows(&listing)?,
            // A server that works off a backlog answers lists late.
            Err(error) if Instant::now() < deadline => {
                eprintln!("  asking again: {error:#}");
                wait::pause(Duration::from_secs(2))?;
                continue;
            }
            Err(error) => return Err(error),
        };
        let open: Vec<_> =
            workflows.iter().filter(|(_, status)| *status == "RUNNING").map(|(id, _)| id).collect();
        if open.is_empty() && workflows.len() >= expected {
            return Ok(workflows);
        }
        if Instant::now() >= deadline {
            // The counts say what this means.
            eprintln!(
                "  out of time: {} of {expected} ended; still open: {:?}",
                workflows.len() - open.len(),
                open.iter().take(5).collect::<Vec<_>>()
            );
            return Ok(workflows);
        }
        if said.elapsed() > Duration::from_secs(5) {
            said = Instant::now();
            eprintln!("  {} of {expected} ended", workflows.len() - open.len());
        }
        wait::pause(Duration::from_secs(1))?;
    }
}

/// The status of the last run of each workflow id, such as `COMPLETED`.
fn workflows(listing: &Value) -> anyhow::Result<Workflows> {
    let mut found = BTreeMap::new();
    for item in listing.as_array().context("temporal workflow list: not a list")? {
        let text = |pointer: &str| item.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let id = text("/execution/workflowId")
            .context("temporal workflow list: an item without its workflow id")?;
        let status =
            text("/status").with_context(|| format!("temporal workflow list: {id} has no status"))?;
        let status = status.trim_start_matches("WORKFLOW_EXECUTION_STATUS_").to_ascii_uppercase();
        // A run that was continued is not the last one of its id.
        if status != "CONTINUED_AS_NEW" {
            found.entry(id).or_insert(status);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::workflows;

    #[test]
    fn the_last_run_of_an_id_counts() {
        let item = |id: &str, status: &str| {
            serde_json::json!({"execution": {"workflowId": id, "runId": "r"},
                "status": format!("WORKFLOW_EXECUTION_STATUS_{status}")})
        };
        let listing = serde_json::Value::Array(vec![
            item("a", "RUNNING"),
            item("a", "CONTINUED_AS_NEW"),
            item("b", "FAILED"),
        ]);
        let found = workflows(&listing).unwrap();
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("a".to_owned(), "RUNNING".to_owned()), ("b".to_owned(), "FAILED".to_owned())]
        );
    }
}
