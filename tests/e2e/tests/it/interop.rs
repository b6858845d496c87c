//! The plain `temporal` command line against the wire contract, as the README promises.

use keel_e2e::{World, eventually, unique};

#[test]
fn the_temporal_command_line_alone_runs_an_order() {
    let world = World::with_worker(&[]);
    let workflow_id = unique("interop");
    let (queue, id) = (world.queue(), workflow_id.as_str());
    let _ = world
        .temporal(&[
            "workflow",
            "start",
            "--type",
            "interactiveOrderWorkflow",
            "--task-queue",
            queue,
            "--workflow-id",
            id,
            "--input",
            "\"ORDER-12345\"",
        ])
        .ok();
    let query = || world.temporal(&["workflow", "query", "--workflow-id", id, "--type", "getState"]);
    let pending = eventually("an answer", || Some(query()).filter(|q| q.code == Some(0)));
    assert!(pending.stdout.contains("pending") && pending.stdout.contains("ORDER-12345"), "{pending:#?}");
    let _ = world
        .temporal(&[
            "workflow",
            "signal",
            "--workflow-id",
            id,
            "--name",
            "approve",
            "--input",
            "\"manager@company.com\"",
        ])
        .ok();
    let result = world.temporal(&["workflow", "result", "--workflow-id", id]).ok();
    assert!(result.stdout.contains("Order ORDER-12345 completed successfully!"), "{result:#?}");
    let state = query();
    assert!(state.stdout.contains("manager@company.com") && state.stdout.contains("completed"), "{state:#?}");
}

#[test]
fn the_temporal_command_line_alone_watches_a_task() {
    let world = World::with_worker(&[("KEEL__DATASET__MAX_BYTES_PER_SECOND", "3000000")]);
    let task = unique("TASK");
    let _ = world.keel(&["dataset", "generate", &task, "--rows", "100000", "--seed", "67890"]).ok();
    let workflow_id = unique("interop");
    let (queue, id) = (world.queue(), workflow_id.as_str());
    let _ = world
        .temporal(&[
            "workflow",
            "start",
            "--type",
            "trackableWorkflow",
            "--task-queue",
            queue,
            "--workflow-id",
            id,
            "--input",
            &format!("\"{task}\""),
        ])
        .ok();
    eventually("the process step", || {
        let answer = world.temporal(&["workflow", "query", "--workflow-id", id, "--type", "getProgress"]);
        let text = answer.stdout;
        (text.contains("currentStep") && text.contains("process") && text.contains("estimatedCompletion"))
            .then_some(())
    });
    let result = world.temporal(&["workflow", "result", "--workflow-id", id]).ok();
    assert!(result.stdout.contains(&format!("Task {task} completed successfully!")), "{result:#?}");
}

#[test]
fn two_workflows_cannot_work_on_one_order() {
    let world = World::with_worker(&[]);
    let order = unique("ORDER");
    let file = world.order_file(&order, "CUST-1");
    let _ = world.keel(&["order", "submit", "--file", &file]).ok();
    eventually("the record", || world.stored(&order));
    let id = unique("rival");
    let _ = world
        .temporal(&[
            "workflow",
            "start",
            "--type",
            "interactiveOrderWorkflow",
            "--task-queue",
            world.queue(),
            "--workflow-id",
            &id,
            "--input",
            &format!("\"{order}\""),
        ])
        .ok();
    let result = world.temporal(&["workflow", "result", "--workflow-id", &id]);
    assert!(format!("{result:?}").contains("order-"), "the owner is named: {result:#?}");
    let shown = world.temporal(&["workflow", "show", "--workflow-id", &id, "--output", "json"]);
    assert!(shown.stdout.contains("ORDER_IN_PROGRESS"), "{shown:#?}");
}

#[test]
fn an_order_whose_workflow_was_terminated_is_taken_up_again() {
    let world = World::with_worker(&[("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "100ms")]);
    world.fault("courier", &serde_json::json!({"mode": "fail", "status": 503}));
    let order = unique("ORDER");
    let _ = world.keel(&["order", "submit", "--file", &world.order_file(&order, "CUST-1")]).ok();
    let _ = world.keel(&["order", "approve", &order, "--by", "manager@company.com"]).ok();
    eventually("the charge", || (world.effects(&order)[0] == 1).then_some(()));
    let _ = world
        .temporal(&[
            "workflow",
            "terminate",
            "--workflow-id",
            &format!("order-{order}"),
            "--reason",
            "a mistake",
        ])
        .ok();
    world.fault("courier", &serde_json::json!({"mode": "none"}));
    let _ = world.keel(&["order", "submit", "--id", &order, "--again"]).ok();
    let _ = world.keel(&["order", "watch", &order]).ok();
    assert_eq!(world.effects(&order), [1, 0, 1, 0], "the charge of the first run is not repeated");
    assert_eq!(world.stored(&order).unwrap()["status"], "completed");
}
