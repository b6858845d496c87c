//! The task queue: who polls it, and what waits in it.

use std::time::Duration;

use keel_client::{Caller, QueueView, TaskKind};
use serde_json::json;

use super::report::{Checkup, Family};

/// More workers than this are counted and not named.
const NAMED: usize = 3;

pub(super) async fn examine(caller: &Caller, max_age: Duration, checkup: &mut Checkup) {
    let name = caller.task_queue().to_owned();
    for kind in [TaskKind::Workflow, TaskKind::Activity] {
        match caller.queue(&name, kind).await {
            Ok(queue) => {
                pollers(&queue, checkup);
                backlog(&queue, max_age, checkup);
            }
            Err(error) => {
                checkup.broken(Family::Pollers, &error, "check the permissions of the credentials");
                checkup.skip(Family::Backlog, "the queue cannot be looked at");
            }
        }
    }
}

fn pollers(queue: &QueueView, checkup: &mut Checkup) {
    let (kind, name) = (queue.kind.word(), &queue.name);
    let live: Vec<String> = queue
        .live()
        .map(|poller| match &poller.build_id {
            Some(build) => format!("{} (build {build}, {} s ago)", poller.identity, poller.seen_seconds_ago),
            None => format!("{} ({} s ago)", poller.identity, poller.seen_seconds_ago),
        })
        .collect();
    if live.is_empty() {
        let start = format!(
            "start one: `keel-worker --set worker.task_queue={name}`; or name the queue that is meant with --task-queue"
        );
        let (detail, next) = match queue.pollers.first() {
            // A worker whose slots are all taken does not ask.
            Some(last) => (
                format!(
                    "no worker asks for {kind} tasks of {name}; the last was {}, {} s ago: gone, or every slot of it \
                     is taken",
                    last.identity, last.seen_seconds_ago
                ),
                format!("see `slots` in its /health; if it is gone, {start}"),
            ),
            None => (format!("no worker takes {kind} tasks from {name}"), start),
        };
        checkup.fail(Family::Pollers, detail, next);
    } else {
        let more = live.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = live.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let s = if live.len() == 1 { "" } else { "s" };
        checkup.ok(
            Family::Pollers,
            format!("{} worker{s} for {kind} tasks of {name}: {shown}{more}", live.len()),
            json!({}),
        );
    }
    checkup.figures(json!({"taskQueue": name, "tasks": kind, "pollers": queue.pollers}));
}

fn backlog(queue: &QueueView, max_age: Duration, checkup: &mut Checkup) {
    let QueueView { name, backlog, backlog_age_seconds, added_per_second, dispatched_per_second, .. } = queue;
    let kind = queue.kind.word();
    let detail = format!(
        "{kind} tasks of {name}: about {backlog} wait, the oldest for {backlog_age_seconds:.0} s; \
         {added_per_second:.1}/s come, {dispatched_per_second:.1}/s go"
    );
    if *backlog > 0 && *backlog_age_seconds > max_age.as_secs_f64() {
        checkup.fail(
            Family::Backlog,
            detail,
            format!("start more workers, or raise worker.max_concurrent_activities; at most {max_age:?} is allowed"),
        );
    } else {
        checkup.ok(Family::Backlog, detail, json!({}));
    }
    checkup.figures(json!({
        "taskQueue": name, "tasks": kind, "backlog": backlog, "backlogAgeSeconds": backlog_age_seconds,
        "addedPerSecond": added_per_second, "dispatchedPerSecond": dispatched_per_second,
    }));
}
