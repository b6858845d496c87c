//! What a worker's log says, and what it never says.

use keel_e2e::{World, eventually, unique};
use serde_json::{Value, json};

fn lines(world: &World) -> Vec<Value> {
    let log = world.worker_log();
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

fn line(world: &World, message: &str, activity: &str) -> Option<Value> {
    lines(world).into_iter().find(|line| line["message"] == message && line["activity"] == activity)
}

#[test]
fn lines_of_an_order_carry_its_ids_and_none_of_its_content() {
    let mut world = World::new();
    let payments = world.sandbox_url().replace("http://", "http://keel:hunter2@") + "/payments";
    for (key, value) in [
        ("KEEL__PAYMENTS__URL", payments.as_str()),
        ("KEEL__LOG__LEVEL", "debug,temporalio_sdk=debug,temporalio_sdk_core=debug,temporalio_client=debug"),
        ("KEEL__WORKER__BUILD_ID", "build-7"),
        ("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "100ms"),
        // Nobody is there to take the traces; the ids on the lines do not depend on it.
        ("KEEL__TRACES__ENDPOINT", "http://127.0.0.1:9"),
    ] {
        world.set(key, value);
    }
    let deployment = format!("d-{}", world.queue());
    world.set("KEEL__WORKER__DEPLOYMENT", &deployment);
    world.start_worker();
    let _ = world.keel(&["fleet", "--deployment", &deployment, "current", "build-7"]).ok();
    world.fault("payments", &json!({"mode": "fail", "status": 503, "count": 1}));
    let id = unique("ORDER");
    let _ = world.keel(&["order", "submit", "--file", &world.order_file(&id, "CUST-4711")]).ok();
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    let _ = world.keel(&["order", "watch", &id]).ok();

    let failed = line(&world, "activity attempt failed", "chargePayment").expect("a line about the 503");
    let done =
        line(&world, "activity attempt done", "chargePayment").expect("a line about the second attempt");
    assert_eq!((&failed["level"], &failed["attempt"]), (&json!("WARN"), &json!(1)), "{failed}");
    assert_eq!(failed["failure"], "PROVIDER_UNAVAILABLE", "{failed}");
    assert_eq!((&done["level"], &done["attempt"]), (&json!("DEBUG"), &json!(2)), "{done}");
    for line in [failed, done] {
        assert_eq!(line["workflow_id"], format!("order-{id}"), "{line}");
        assert_eq!(line["workflow_type"], "interactiveOrderWorkflow", "{line}");
        assert_eq!(line["task_queue"], world.queue(), "{line}");
        assert_eq!((&line["role"], &line["build_id"]), (&json!("worker"), &json!("build-7")), "{line}");
        for (name, length) in [("run_id", 36), ("trace_id", 32), ("span_id", 16)] {
            assert_eq!(line[name].as_str().map(str::len), Some(length), "{name} in {line}");
        }
        assert!(line["activity_id"].is_string(), "{line}");
    }
    let log = world.worker_log();
    for secret in ["hunter2", "CUST-4711", "clerk@company.com", "manager@company.com", "KEEL-ROPE", "1250"] {
        let found = log.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret} is in the log");
    }
}

#[test]
fn a_line_of_a_workflow_is_written_once_although_it_is_replayed() {
    let mut world = World::with_worker(&[]);
    let id = unique("ORDER");
    let _ = world.keel(&["order", "submit", "--file", &world.order_file(&id, "CUST-1")]).ok();
    let waits = |world: &World| {
        let workflow_id = format!("order-{id}");
        lines(world)
            .iter()
            .filter(|line| {
                line["message"] == "order waits for a decision" && line["workflow_id"] == workflow_id
            })
            .count()
    };
    eventually("the line", || (waits(&world) == 1).then_some(()));
    // A workflow task that is lost before the server has it is no replay: it is done again, with its lines.
    let waits_by_timer = |event: &Value| event["eventType"] == "EVENT_TYPE_TIMER_STARTED";
    let answered = || world.history(&format!("order-{id}")).iter().any(waits_by_timer).then_some(());
    eventually("an answered workflow task", answered);
    // The next worker has to replay the run to go on with it. Its log goes on in the same file.
    world.kill_worker();
    world.start_worker();
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    let _ = world.keel(&["order", "watch", &id]).ok();
    assert_eq!(waits(&world), 1, "{}", world.worker_log());
}

#[test]
fn the_level_is_changed_while_the_worker_runs() {
    let mut world = World::with_worker(&[]);
    assert_eq!(world.get("/log/level"), (200, "info\n".to_owned()));
    let address = world.http_address();
    world.set("KEEL__HTTP__LISTEN", &address);
    let refused = world.keel_worker(&["log-level", "loud=loud"]);
    assert!(refused.code == Some(1) && refused.stderr.contains("write info, debug"), "{refused:#?}");
    assert_eq!(world.keel_worker(&["log-level", "warn"]).ok().stdout, "warn\n");
    assert_eq!(world.keel_worker(&["log-level"]).ok().stdout, "warn\n");
    assert_eq!(world.put("/log/level", "info"), (200, "info\n".to_owned()));
    let (status, text) = world.put("/log/level", "loud=loud");
    assert!(status == 400 && text.contains("write info, debug"), "{status} {text}");
    let submit = || {
        let id = unique("ORDER");
        let _ = world.keel(&["order", "submit", "--file", &world.order_file(&id, "CUST-1")]).ok();
        let _ = world.keel(&["order", "reject", &id, "--reason", "no"]).ok();
        assert_eq!(world.keel(&["order", "watch", &id]).code, Some(1));
    };
    submit();
    assert!(line(&world, "activity attempt done", "openOrder").is_none());
    assert_eq!(
        world.put("/log/level", "info,keel_telemetry=debug"),
        (200, "info,keel_telemetry=debug\n".to_owned())
    );
    submit();
    assert!(line(&world, "activity attempt done", "openOrder").is_some(), "{}", world.worker_log());
}
