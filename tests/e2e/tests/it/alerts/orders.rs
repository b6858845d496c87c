//! Alerts about orders and the providers behind them.

use keel_e2e::eventually;
use serde_json::json;

use super::{approved, watched};

#[test]
fn orders_that_fail_and_are_undone() {
    let (world, prometheus) = watched(&[]);
    // The courier refuses these after they were charged, so they fail and are undone.
    for _ in 0..6 {
        let _ = approved(&world, "NOSHIP-1");
    }
    let _ = prometheus.fires("KeelOrdersFailing", || drop(approved(&world, "NOSHIP-1")));
    let _ = prometheus.fires("KeelOrdersCompensating", || drop(approved(&world, "NOSHIP-1")));
}

#[test]
fn a_provider_that_is_away_opens_its_breaker() {
    let (world, prometheus) = watched(&[("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "50ms")]);
    world.fault("payments", &json!({"mode": "fail", "status": 503}));
    let orders: Vec<_> = (0..4).map(|_| approved(&world, "CUST-1")).collect();
    let open = prometheus.fires("KeelBreakerOpen", || {});
    assert_eq!(open["labels"]["provider"], "payments", "{open:#}");
    world.fault("payments", &json!({"mode": "none"}));
    for id in &orders {
        let _ = world.keel(&["order", "watch", id]).ok();
    }
}

#[test]
fn a_provider_that_fails_behind_no_breaker_makes_activities_fail() {
    let (world, prometheus) = watched(&[
        ("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "100ms"),
        ("KEEL__ORDER__RETRY__MAXIMUM_INTERVAL", "100ms"),
        ("KEEL__PAYMENTS__BREAKER__ENABLED", "false"),
    ]);
    world.fault("payments", &json!({"mode": "fail", "status": 503}));
    // Far above the limit also on a busy machine.
    for _ in 0..24 {
        let _ = approved(&world, "CUST-1");
    }
    let failing = prometheus.fires("TemporalActivitiesFailing", || {});
    assert_eq!(failing["labels"]["activity_type"], "chargePayment", "{failing:#}");
}

#[test]
fn slow_work_that_takes_every_slot_and_is_thrown_away() {
    let (world, prometheus) = watched(&[("MAX_CONCURRENT_ACTIVITIES", "2")]);
    world.fault("payments", &json!({"mode": "slow", "delayMs": 4000}));
    for _ in 0..4 {
        let _ = approved(&world, "CUST-1");
    }
    let full = prometheus.fires("TemporalSlotsExhausted", || {});
    assert_eq!(full["labels"]["worker_type"], "ActivityWorker", "{full:#}");

    // Whoever is ended while it pays: the answer comes for nobody.
    world.fault("payments", &json!({"mode": "slow", "delayMs": 1000}));
    let _ = prometheus.fires("TemporalResultDiscarded", || {
        let id = approved(&world, "CUST-1");
        let workflow = format!("order-{id}");
        eventually("a payment under way", || {
            let run =
                world.temporal(&["workflow", "describe", "--workflow-id", &workflow, "--output", "json"]);
            run.stdout.contains("PENDING_ACTIVITY_STATE_STARTED").then_some(())
        });
        let _ =
            world.temporal(&["workflow", "terminate", "--workflow-id", &workflow, "--reason", "test"]).ok();
    });
}
