//! What a SIGKILL in the worst moment, and a SIGTERM in any, leave behind.

use keel_e2e::{World, eventually, unique};

#[test]
fn a_worker_killed_in_the_middle_of_a_saga_loses_and_doubles_nothing() {
    let mut world = World::with_worker(&[
        ("KEEL__ORDER__STEP_TIMEOUT", "4s"),
        ("KEEL__PAYMENTS__TIMEOUT", "2s"),
        ("KEEL__COURIER__TIMEOUT", "2s"),
        ("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "100ms"),
    ]);
    // The courier takes longer than the worker lives: the booking is made and nobody hears of it.
    world.fault("courier", &serde_json::json!({"mode": "slow", "delayMs": 1500}));
    let ids: Vec<String> = (0..5).map(|_| unique("ORDER")).collect();
    for id in &ids {
        let file = world.order_file(id, "CUST-1");
        let _ = world.keel(&["order", "submit", "--file", &file]).ok();
        let _ = world.keel(&["order", "approve", id, "--by", "manager@company.com"]).ok();
    }
    eventually("charges", || ids.iter().any(|id| world.effects(id)[0] == 1).then_some(()));
    world.kill_worker();
    world.fault("courier", &serde_json::json!({"mode": "none"}));
    world.start_worker();
    for id in &ids {
        let _ = world.keel(&["order", "watch", id]).ok();
        assert_eq!(world.effects(id), [1, 0, 1, 0]);
        assert_eq!(world.stored(id).unwrap()["status"], "completed");
    }
}

#[test]
fn a_dataset_resumed_after_a_kill_is_the_same_byte_for_byte() {
    let mut world = World::with_worker(&[("KEEL__DATASET__MAX_BYTES_PER_SECOND", "3000000")]);
    let (calm, killed) = (unique("CALM"), unique("KILLED"));
    for id in [&calm, &killed] {
        let _ = world
            .keel(&["dataset", "generate", id, "--rows", "200000", "--seed", "7", "--bad-share", "0.02"])
            .ok();
    }
    let _ = world.keel(&["dataset", "start", &calm]).ok();
    let _ = world.keel(&["dataset", "watch", &calm]).ok();

    let _ = world.keel(&["dataset", "start", &killed]).ok();
    eventually("a checkpoint on the server", || {
        let described = world.temporal(&[
            "workflow",
            "describe",
            "--workflow-id",
            &format!("dataset-{killed}"),
            "--output",
            "json",
        ]);
        described.stdout.contains("heartbeatDetails").then_some(())
    });
    world.kill_worker();
    world.start_worker();
    let _ = world.keel(&["dataset", "watch", &killed]).ok();
    for file in ["aggregates.json", "rejects.csv"] {
        let read = |id: &str| {
            let text = std::fs::read_to_string(world.data().join("results").join(id).join(file)).unwrap();
            text.replace(id, "ID")
        };
        assert_eq!(read(&calm), read(&killed), "{file} differs");
        assert!(!read(&calm).is_empty());
    }
    assert!(!world.data().join("work").join(&killed).exists(), "no partial output is left");
}

#[test]
fn a_worker_that_is_asked_to_stop_drains_and_another_goes_on() {
    let mut world = World::with_worker(&[("KEEL__DATASET__MAX_BYTES_PER_SECOND", "3000000")]);
    let id = unique("DATA");
    let _ = world.keel(&["dataset", "generate", &id, "--rows", "200000", "--seed", "3"]).ok();
    let _ = world.keel(&["dataset", "start", &id]).ok();
    eventually("work in progress", || world.data().join("work").join(&id).exists().then_some(()));
    let (code, log) = world.stop_worker();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("worker stopped"), "{log}");
    world.start_worker();
    let shown = world.keel(&["dataset", "watch", &id]).ok();
    assert!(format!("{shown:?}").contains(&format!("items for dataset {id}")), "{shown:#?}");
}
