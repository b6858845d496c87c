//! `keel why` and `keel doctor` where workers run.

use keel_e2e::{World, eventually, unique};
use serde_json::{Value, json};

fn why(world: &World, id: &str) -> Value {
    world.keel(&["why", id, "--output", "json"]).ok().json()
}

/// The first finding of a kind.
fn finding(why: &Value, kind: &str) -> Option<Value> {
    why["findings"].as_array()?.iter().find(|finding| finding["kind"] == kind).cloned()
}

fn submit(world: &World) -> String {
    let id = unique("ORDER");
    let _ = world.keel(&["order", "submit", "--file", &world.order_file(&id, "CUST-1")]).ok();
    id
}

#[test]
fn an_order_is_explained_while_it_waits_while_it_fails_and_when_it_is_done() {
    let mut world = World::with_worker(&[("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "5s")]);
    let id = submit(&world);
    let waiting = eventually("an order that waits for a decision", || {
        let why = why(&world, &id);
        finding(&why, "decision").map(|decision| (why, decision))
    });
    assert!(waiting.1["deadline"].as_str().is_some_and(|at| at.ends_with('Z')), "{:#}", waiting.0);
    let reminder = finding(&waiting.0, "timer").expect("the reminder's timer");
    assert_eq!(reminder["summary"], "remind the approver");
    assert!(
        waiting.0["next"].to_string().contains(&format!("keel order approve {id} --by")),
        "{:#}",
        waiting.0
    );

    world.fault("payments", &json!({"mode": "fail"}));
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    let failing = eventually("an activity that is tried again", || {
        let why = why(&world, &id);
        let retrying = finding(&why, "activityRetrying")?;
        (retrying["activity"] == "chargePayment").then_some(why)
    });
    let retrying = finding(&failing, "activityRetrying").unwrap();
    assert!(retrying["attempt"].as_i64().unwrap() > 1, "{failing:#}");
    assert!(retrying["nextAttemptAt"].is_string() && retrying["worker"].is_string(), "{failing:#}");
    assert_eq!(finding(&failing, "failure").unwrap()["type"], "PROVIDER_UNAVAILABLE");
    let next = failing["next"].to_string();
    assert!(next.contains("the step goes on by itself when it is back"), "{next}");
    assert!(next.contains("temporal activity reset --activity-id"), "{next}");

    world.fault("payments", &json!({"mode": "none"}));
    let _ = world.keel(&["order", "watch", &id, "--timeout", "30s"]).ok();
    let done = why(&world, &id);
    assert_eq!(finding(&done, "ended").unwrap()["text"], "it completed");
    world.kill_worker();
}

#[test]
fn a_failed_order_and_a_foreign_workflow_are_explained() {
    let world = World::with_worker(&[]);
    let id = submit(&world);
    let _ = world.keel(&["order", "reject", &id, "--reason", "too dear"]).ok();
    let rejected = eventually("the end of the order", || {
        let why = why(&world, &id);
        (why["status"] == "failed").then_some(why)
    });
    assert_eq!(finding(&rejected, "ended").unwrap()["type"], "ORDER_REJECTED");
    let next = rejected["next"][0]["text"].as_str().unwrap();
    assert_eq!(next, "ORDER_REJECTED: Nothing. A changed order needs a new order id.");

    let foreign = unique("foreign");
    let start = ["workflow", "start", "--type", "SomebodyElses", "--workflow-id", &foreign];
    let _ = world.temporal(&[&start[..], &["--task-queue", world.queue()]].concat()).ok();
    let failing = eventually("a workflow task that fails again and again", || {
        let why = why(&world, &foreign);
        finding(&why, "workflowTaskFailing").filter(|failing| failing["cause"].is_string()).map(|_| why)
    });
    assert_eq!(failing["workflowType"], "SomebodyElses");
    assert!(
        failing["next"].to_string().contains("temporal workflow show --workflow-id foreign-"),
        "{failing:#}"
    );
    let end = ["workflow", "terminate", "--workflow-id", &foreign];
    let _ = world.temporal(&end).ok();
}

#[test]
fn a_healthy_stack_passes_the_doctor() {
    let world = World::with_worker(&[]);
    let report = eventually("pollers that the server knows of", || {
        let ran = world.keel(&["doctor", "--output", "json"]);
        (ran.code == Some(0)).then(|| ran.json())
    });
    let steps = report["steps"].as_array().unwrap();
    let pollers: Vec<&Value> = steps.iter().filter(|step| step["step"] == "pollers").collect();
    assert_eq!(pollers.len(), 2);
    for step in pollers {
        let identity = step["figures"]["pollers"][0]["identity"].as_str().unwrap();
        assert!(identity.starts_with("keel-worker/"), "{report:#}");
    }
}
