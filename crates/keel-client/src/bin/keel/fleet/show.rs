//! The fleet as text for people.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use keel_client::TaskKind;
use keel_client::fleet::{BuildView, FleetStatus, Forgotten, Histories, Load, Moved, Passed, Ramp, Turned};

use crate::show::pairs;

/// `keel fleet status`.
pub(super) fn status(fleet: &FleetStatus) -> String {
    let mut rows = vec![("deployment", named(fleet)), ("current", fleet.current.clone())];
    rows.extend(fleet.ramping.as_ref().map(|ramp| ("ramping", share(ramp))));
    if !fleet.routing_settled {
        rows.push(("routing", "not every task queue has heard of this yet".to_owned()));
    }
    rows.extend(fleet.problem().map(|problem| ("problem", problem)));
    let mut parts = vec![pairs(&rows)];
    if !fleet.builds.is_empty() {
        parts.push(builds(&fleet.builds));
    }
    parts.push(queues(fleet));
    parts.join("\n\n")
}

fn named(fleet: &FleetStatus) -> String {
    let FleetStatus { deployment, namespace, task_queue, .. } = fleet;
    let unknown =
        if fleet.exists { "" } else { ", unknown to the server: no worker with a build id has polled yet" };
    format!("{deployment} (namespace {namespace}, task queue {task_queue}{unknown})")
}

fn share(ramp: &Ramp) -> String {
    format!("{} gets {} % of new runs", ramp.build_id, ramp.percent)
}

fn builds(builds: &[BuildView]) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(["BUILD", "STATUS", "SHARE", "WORKERS", "OPEN RUNS", "SINCE"]);
    right(&mut table, 2..=4);
    for build in builds {
        let since = build.current_since.as_ref().or(build.ramping_since.as_ref());
        let drained = build.drainage.as_ref().and_then(|drainage| drainage.changed_at.as_ref());
        let since = since.or(drained);
        table.add_row([
            build.build_id.clone(),
            build.status.word().to_owned(),
            format!("{} %", build.percent),
            build.workers.len().to_string(),
            build.open_runs.to_string(),
            since.or(build.created_at.as_ref()).cloned().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    text(&table)
}

fn queues(fleet: &FleetStatus) -> String {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["BUILD", "QUEUE", "TASKS", "POLLERS", "BACKLOG", "OLDEST", "IN/S", "OUT/S"]);
    right(&mut table, 3..=7);
    let builds =
        fleet.builds.iter().flat_map(|build| build.queues.iter().map(|load| (build.build_id.as_str(), load)));
    for (build, load) in builds.chain(fleet.total.iter().map(|load| ("all", load))) {
        table.add_row(load_row(build, load));
    }
    text(&table)
}

fn load_row(build: &str, load: &Load) -> [String; 8] {
    let kind = match load.kind {
        TaskKind::Workflow => "workflow",
        TaskKind::Activity => "activity",
    };
    [
        build.to_owned(),
        load.queue.clone(),
        kind.to_owned(),
        load.pollers.to_string(),
        load.backlog.to_string(),
        format!("{:.1} s", load.backlog_age_seconds),
        format!("{:.1}", load.add_rate),
        format!("{:.1}", load.dispatch_rate),
    ]
}

/// `keel fleet current`, `ramp` and `unramp`.
pub(super) fn turned(turned: &Turned) -> String {
    let ramp = |ramp: Option<&Ramp>| ramp.map_or_else(|| "none".to_owned(), share);
    let mut rows = vec![
        ("deployment", turned.deployment.clone()),
        ("current", turned.current.clone()),
        ("ramping", ramp(turned.ramping.as_ref())),
    ];
    if turned.changed {
        rows.push((
            "before",
            format!(
                "current {}, ramping {}",
                turned.previous_current,
                ramp(turned.previous_ramping.as_ref())
            ),
        ));
    } else {
        rows.push(("changed", "nothing, it was so already".to_owned()));
    }
    pairs(&rows)
}

/// `keel fleet gate`.
pub(super) fn passed(build: &str, passed: &Passed) -> String {
    format!(
        "build {build} passed its gate in {:.2} s: workflow on {}, activity on {} (workflow {}, run {})",
        passed.seconds,
        passed.report.workflow.identity,
        passed.report.activity.identity,
        passed.workflow_id,
        passed.run_id
    )
}

/// `keel fleet histories`.
pub(super) fn histories(histories: &Histories) -> String {
    let mut lines: Vec<String> = histories
        .skipped
        .iter()
        .map(|run| format!("left out {} (run {}): {}", run.workflow_id, run.run_id, run.reason))
        .collect();
    let bytes: usize = histories.saved.iter().map(|run| run.bytes).sum();
    let open = histories.saved.iter().filter(|run| !run.status.is_closed()).count();
    lines.push(format!(
        "{} histories in {}, {open} of runs that have not ended, {:.1} MB",
        histories.saved.len(),
        histories.folder.display(),
        bytes as f64 / 1e6
    ));
    lines.join("\n")
}

/// `keel fleet forget`.
pub(super) fn forgotten(forgotten: &Forgotten) -> String {
    let Forgotten { deployment, build_id, changed } = forgotten;
    if *changed {
        format!("build {build_id} of deployment {deployment} is forgotten")
    } else {
        format!("deployment {deployment} does not know build {build_id}; nothing to forget")
    }
}

/// `keel fleet move`.
pub(super) fn moved(moved: &Moved) -> String {
    let Moved { from, to, .. } = moved;
    let (went, reset) = (moved.moved.len(), moved.reset.len());
    let mut text = format!("{went} runs of build {from} go on with build {to}, {reset} began again there");
    for one in &moved.unproven {
        text.push_str(&format!(
            "\n{} is on build {to}, and nobody could say how it is: {}",
            one.workflow_id, one.reason
        ));
    }
    text
}

fn right(table: &mut Table, columns: std::ops::RangeInclusive<usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn text(table: &Table) -> String {
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}
