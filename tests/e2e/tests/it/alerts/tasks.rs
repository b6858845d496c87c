//! Alerts about workflow tasks and long activities.

use std::time::{Duration, Instant};

use keel_e2e::{Prometheus, World, eventually, unique};

use super::{approved, serve, submit, watched};

/// Longer than the five seconds that a workflow task may wait.
const STANDSTILL: Duration = Duration::from_millis(6500);

#[test]
fn heartbeats_for_runs_that_are_over() {
    let (world, prometheus) = watched(&[("KEEL__DATASET__MAX_BYTES_PER_SECOND", "300000")]);
    let id = unique("DATA");
    let _ = world.keel(&["dataset", "generate", &id, "--rows", "100000", "--seed", "3"]).ok();
    let path = world.data().join("datasets");
    let _ = prometheus.fires("TemporalHeartbeatTooLate", || {
        let copy = unique("DATA");
        std::fs::copy(path.join(format!("{id}.csv")), path.join(format!("{copy}.csv"))).unwrap();
        let _ = world.keel(&["dataset", "start", &copy]).ok();
        let workflow = format!("dataset-{copy}");
        eventually("a run that reports", || {
            let run =
                world.temporal(&["workflow", "describe", "--workflow-id", &workflow, "--output", "json"]);
            run.stdout.contains("heartbeatDetails").then_some(())
        });
        let _ =
            world.temporal(&["workflow", "terminate", "--workflow-id", &workflow, "--reason", "test"]).ok();
    });
}

#[test]
fn a_run_that_began_with_other_code() {
    let (mut world, prometheus) = watched(&[]);
    let _ = world.stop_worker();
    // The same workflow type and other code behind it: two applications, or two releases, on one queue.
    let other = world
        .start("keel-load", &["bare-worker", "--task-queue", world.queue(), "--ready-file", "bare.ready"]);
    eventually("the other worker", || world.dir().join("bare.ready").exists().then_some(()));
    let order = approved(&world, "CUST-1");
    let workflow = format!("order-{order}");
    let _ = world.temporal(&["workflow", "result", "--workflow-id", &workflow]).ok();
    drop(other);
    world.start_worker();
    // Taken back to its last decision, the run goes on with a history that our code would never have written.
    let back =
        ["workflow", "reset", "--workflow-id", &workflow, "--type", "LastWorkflowTask", "--reason", "test"];
    let _ = world.temporal(&back).ok();
    let alert = prometheus.fires("TemporalNonDeterminism", || {});
    assert_eq!(alert["labels"]["workflow_type"], "interactiveOrderWorkflow", "{alert:#}");
}

#[test]
fn workflow_tasks_that_wait_for_a_frozen_worker() {
    let mut world = World::new();
    let address = serve(&mut world, &[]);
    // The limit is five real seconds, so the window over which it is measured must stay well above them.
    let prometheus = Prometheus::at(&address, 15);
    let _ = approved(&world, "CUST-1");
    let _ = prometheus.fires("TemporalWorkflowTasksQueueing", || {
        world.freeze_worker();
        let since = Instant::now();
        for _ in 0..8 {
            let _ = submit(&world, "CUST-1");
        }
        eventually("tasks older than the limit", || (since.elapsed() > STANDSTILL).then_some(()));
        world.thaw_worker();
        eventually("a worker that answers", || (world.get("/livez").0 == 200).then_some(()));
    });
}

#[test]
fn a_worker_that_keeps_no_run_in_memory() {
    let (world, prometheus) = watched(&[("KEEL__WORKER__MAX_CACHED_WORKFLOWS", "0")]);
    let _ = prometheus.fires("TemporalCacheUseless", || drop(approved(&world, "CUST-1")));
}
