//! What business users do with orders, through `keel`.

use keel_e2e::{World, eventually, unique};

fn submit(world: &World, customer: &str) -> String {
    let id = unique("ORDER");
    let file = world.order_file(&id, customer);
    let _ = world.keel(&["order", "submit", "--file", &file]).ok();
    id
}

fn status(world: &World, id: &str) -> Option<String> {
    let shown = world.keel(&["order", "show", id, "--output", "json"]).ok().json();
    shown["status"].as_str().map(str::to_owned)
}

#[test]
fn an_approved_order_is_charged_shipped_and_recorded_once() {
    let world = World::with_worker(&[]);
    let id = submit(&world, "CUST-1");
    eventually("a pending order", || (status(&world, &id)? == "pending").then_some(()));
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    let watched = world.keel(&["order", "watch", &id]).ok();
    assert!(watched.stdout.contains("completed"), "{watched:#?}");
    assert_eq!(world.effects(&id), [1, 0, 1, 0]);
    let stored = world.stored(&id).unwrap();
    assert_eq!(stored["status"], "completed");
    assert_eq!(stored["steps"]["processApprovedOrder"], "done");
    assert_eq!(world.reserved("KEEL-ROPE"), 0);

    let again = world.keel(&["order", "submit", "--file", &world.order_file(&id, "CUST-1")]);
    assert!(format!("{again:?}").contains("completed"), "a second submit shows the first's end: {again:#?}");
    assert_eq!(world.effects(&id), [1, 0, 1, 0]);
}

#[test]
fn a_rejected_order_says_why_and_costs_nothing() {
    let world = World::with_worker(&[]);
    let id = submit(&world, "CUST-1");
    let _ = world.keel(&["order", "reject", &id, "--reason", "out of budget"]).ok();
    let watched = world.keel(&["order", "watch", &id]);
    assert_eq!(watched.code, Some(1), "{watched:#?}");
    assert!(format!("{watched:?}").contains("Order rejected: out of budget"), "{watched:#?}");
    assert_eq!(world.effects(&id), [0; 4]);
    assert_eq!(world.stored(&id).unwrap()["status"], "rejected");
}

#[test]
fn an_order_nobody_decides_on_expires_after_a_reminder() {
    let world = World::with_worker(&[("KEEL__ORDER__DEADLINE", "2s")]);
    let id = submit(&world, "CUST-1");
    let watched = world.keel(&["order", "watch", &id]);
    assert_eq!(watched.code, Some(1));
    assert!(format!("{watched:?}").contains("ORDER_EXPIRED"), "{watched:#?}");
    let stored = world.stored(&id).unwrap();
    assert_eq!(stored["status"], "expired");
    assert!(stored["events"].to_string().contains("remind"), "{stored:#}");
}

#[test]
fn the_first_of_two_decisions_counts_and_the_second_is_told_so() {
    let world = World::with_worker(&[("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "100ms")]);
    world.fault("payments", &serde_json::json!({"mode": "fail", "status": 503}));
    let id = submit(&world, "CUST-1");
    eventually("a decision", || {
        world
            .keel(&["order", "decide", &id, "approve", "--by", "manager@company.com"])
            .code
            .filter(|c| *c == 0)
    });
    let second =
        world.keel(&["order", "decide", &id, "reject", "--by", "boss@company.com", "--reason", "no"]);
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("already approved by manager@company.com"), "{second:#?}");
    let _ = world.keel(&["order", "reject", &id, "--reason", "too late"]).ok();
    world.fault("payments", &serde_json::json!({"mode": "none"}));
    let _ = world.keel(&["order", "watch", &id]).ok();
    let stored = world.stored(&id).unwrap();
    assert!(stored["events"].to_string().contains("too late"), "the late signal is on record: {stored:#}");
    assert_eq!(world.effects(&id), [1, 0, 1, 0]);
}

#[test]
fn people_may_not_approve_their_own_orders() {
    let world = World::with_worker(&[]);
    let id = submit(&world, "CUST-1");
    let refused = eventually("the refusal", || {
        let output = world.keel(&["order", "decide", &id, "approve", "--by", "clerk@company.com"]);
        output.stderr.contains("may not approve").then_some(output)
    });
    assert_eq!(refused.code, Some(1));
    assert_eq!(status(&world, &id).as_deref(), Some("pending"));
}

#[test]
fn declined_and_refused_orders_are_undone() {
    let world = World::with_worker(&[]);
    for (customer, kind, effects) in
        [("DECLINE-1", "PAYMENT_DECLINED", [0, 0, 0, 0]), ("NOSHIP-1", "SHIPMENT_REFUSED", [1, 1, 0, 0])]
    {
        let id = submit(&world, customer);
        let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
        let watched = world.keel(&["order", "watch", &id]);
        assert_eq!(watched.code, Some(1));
        assert!(format!("{watched:?}").contains(kind), "{watched:#?}");
        assert_eq!(world.effects(&id), effects, "{customer}");
        assert_eq!(world.stored(&id).unwrap()["status"], "failed");
    }
    assert_eq!(world.reserved("KEEL-ROPE"), 0);
}

#[test]
fn a_cancelled_order_in_the_middle_is_undone() {
    let world = World::with_worker(&[("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "100ms")]);
    world.fault("courier", &serde_json::json!({"mode": "fail", "status": 503}));
    let id = submit(&world, "CUST-1");
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    eventually("the charge", || (world.effects(&id)[0] == 1).then_some(()));
    let _ = world.keel(&["order", "cancel", &id]).ok();
    // Undoing runs in reverse, so it starts with the courier and waits for it.
    world.fault("courier", &serde_json::json!({"mode": "none"}));
    eventually("the refund", || (world.effects(&id)[1] == 1).then_some(()));
    let watched = world.keel(&["order", "watch", &id]);
    assert_eq!(watched.code, Some(1), "{watched:#?}");
    assert_eq!(world.stored(&id).unwrap()["status"], "cancelled");
    assert_eq!(world.effects(&id)[..3], [1, 1, 0]);
    assert_eq!(world.reserved("KEEL-ROPE"), 0);
}

#[test]
fn providers_that_answer_rubbish_or_hang_up_delay_an_order_and_never_double_it() {
    let world = World::with_worker(&[("KEEL__ORDER__RETRY__INITIAL_INTERVAL", "50ms")]);
    world.fault("payments", &serde_json::json!({"mode": "rubbish", "count": 2}));
    world.fault("courier", &serde_json::json!({"mode": "hangup", "after": true, "count": 2}));
    let id = submit(&world, "CUST-1");
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    let _ = world.keel(&["order", "watch", &id]).ok();
    assert_eq!(world.effects(&id), [1, 0, 1, 0]);
}
