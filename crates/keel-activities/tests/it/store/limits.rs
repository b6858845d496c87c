//! Wrong input, big input, restarts, and the database's own guards.

use keel_activities::order::{DEMO_ORDER_ID, Seeded, export, seed};
use keel_activities::store::{Opening, Recorded, Refusal, connect};
use keel_types::activity::Outcome;
use keel_types::decision::{Decision, Verdict};
use keel_types::order::{MAX_LINES, Order, OrderLine};
use keel_types::state::{OrderFailure, OrderStatus, SagaStep};
use serde_json::{Value, json};

use crate::support::{Db, kinds, me, order, pieces, refusal};

pub async fn wrong_orders_leave_nothing_behind(db: &Db) {
    db.store.add_stock(&[("A", 10)]).await.expect("stock");
    let unknown = order("O-1", &["A", "NONE-2", "NONE-1"], 1);
    let refused = refusal(db.store.open(Opening::Order(&unknown), Some(&me()), None).await);
    assert_eq!(refused.to_string(), "order O-1 names unknown SKUs: NONE-1, NONE-2");
    let missing = refusal(db.store.open(Opening::Id("O-1"), Some(&me()), None).await);
    assert!(matches!(missing, Refusal::NotFound { .. }), "{missing:?}");

    let placed = order("O-1", &["A"], 1);
    db.store.open(Opening::Order(&placed), Some(&me()), None).await.expect("opened");
    let changed = order("O-1", &["A"], 2);
    let refused = refusal(db.store.open(Opening::Order(&changed), Some(&me()), None).await);
    assert_eq!(refused, Refusal::Different { order_id: "O-1".to_owned() });
    let seen = db.store.open(Opening::Id("O-1"), Some(&me()), None).await.expect("opened");
    assert_eq!(seen.order, placed);
}

pub async fn an_unknown_order_is_named_by_every_operation(db: &Db) {
    let (store, step, owner) = (&db.store, SagaStep::ChargePayment, me());
    let decision = Decision { verdict: Verdict::Approve, by: None, reason: None, at: String::new() };
    let outcome = Outcome { status: OrderStatus::Failed, failure: None };
    for refused in [
        refusal(store.open(Opening::Id("O-0"), Some(&owner), None).await),
        refusal(store.record_decision("O-0", &decision, Some(&owner)).await),
        refusal(store.note("O-0", &[], Some(&owner)).await),
        refusal(store.begin_step("O-0", step, Some(&owner)).await),
        refusal(store.finish_step("O-0", step, "").await),
        refusal(store.refuse_step("O-0", step, "").await),
        refusal(store.begin_undo("O-0", step, Some(&owner)).await),
        refusal(store.finish_undo("O-0", step, "").await),
        refusal(store.reserve("O-0", Some(&owner)).await),
        refusal(store.release("O-0", Some(&owner)).await),
        refusal(store.complete("O-0", Some(&owner)).await),
        refusal(store.close_order("O-0", &outcome, Some(&owner)).await),
    ] {
        assert_eq!(refused, Refusal::NotFound { order_id: "O-0".to_owned() });
    }
}

pub async fn the_database_itself_refuses_nonsense(db: &Db) {
    seed(&*db.store).await.expect("seeded");
    for nonsense in [
        "UPDATE inventory SET on_hand = -1",
        "UPDATE inventory SET reserved = -1",
        "UPDATE inventory SET shipped = -1",
        "UPDATE orders SET status = 'lost'",
        "UPDATE orders SET total_minor = -1",
        "UPDATE order_lines SET quantity = 0",
        "UPDATE order_lines SET sku = 'NONE'",
        "UPDATE order_events SET kind = 'forged'",
        "DELETE FROM order_events",
        "DELETE FROM inventory",
    ] {
        db.raw(nonsense).await.expect_err(nonsense);
    }
    db.raw("UPDATE inventory SET on_hand = 5").await.expect("sense");
    assert_eq!(pieces(&*db.store, "KEEL-ROPE").await, (5, 0, 0));
}

pub async fn a_thousand_lines_and_all_of_unicode_fit(db: &Db) {
    let skus: Vec<_> = (0..MAX_LINES).map(|n| format!("SKU-{n}")).collect();
    let stock: Vec<_> = skus.iter().map(|sku| (sku.as_str(), 10)).collect();
    db.store.add_stock(&stock).await.expect("stock");
    let line = |sku: &String| OrderLine { sku: sku.clone(), quantity: 2, unit_price_minor: 5 };
    let text = "Grüße, 世界 🚢 'quoted'; DROP TABLE orders; -- \u{0}\u{202e}end";
    let placed = Order {
        lines: skus.iter().map(line).collect(),
        requested_by: Some(text.to_owned()),
        ..order("O-1", &[], 1)
    };
    for _ in 0..2 {
        db.store.open(Opening::Order(&placed), Some(&me()), None).await.expect("opened");
    }
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    assert_eq!(pieces(&*db.store, "SKU-999").await, (8, 2, 0));
    let decision = Decision {
        verdict: Verdict::Reject,
        by: Some(text.to_owned()),
        reason: Some(text.repeat(1_000)),
        at: "t".to_owned(),
    };
    assert_eq!(db.store.record_decision("O-1", &decision, Some(&me())).await.expect("ok"), Recorded::Now);
    let outcome = Outcome {
        status: OrderStatus::Rejected,
        failure: Some(OrderFailure { kind: None, message: text.to_owned() }),
    };
    db.store.close_order("O-1", &outcome, Some(&me())).await.expect("closed");
    let seen = db.store.open(Opening::Id("O-1"), Some(&me()), None).await.expect("opened");
    let stored = text.replace('\0', "\u{fffd}");
    assert_eq!(seen.order.requested_by.as_deref(), Some(stored.as_str()));
    assert_eq!(seen.order.lines, placed.lines);
    assert_eq!(seen.failure.map(|failure| failure.message), Some(stored));
}

pub async fn everything_is_there_after_a_restart(db: &Db) {
    db.store.add_stock(&[("A", 10)]).await.expect("stock");
    db.store.open(Opening::Order(&order("O-1", &["A"], 4)), Some(&me()), None).await.expect("opened");
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    db.store.begin_step("O-1", SagaStep::ChargePayment, Some(&me())).await.expect("begun");
    let before = db.store.orders_after("", 10).await.expect("orders");
    db.store.close().await;
    db.store.ping().await.expect_err("a closed store");
    let again = connect(&db.options).await.expect("the store again");
    again.ping().await.expect("alive");
    assert_eq!(again.orders_after("", 10).await.expect("orders"), before);
    assert_eq!(pieces(&*again, "A").await, (6, 4, 0));
    again.close().await;
}

pub async fn the_export_pages_through_everything(db: &Db) {
    db.store.add_stock(&[("A", 1_000)]).await.expect("stock");
    for n in 0..450 {
        assert!(db.store.place(&order(&format!("O-{n}"), &["A"], 1)).await.expect("placed"));
    }
    db.store.open(Opening::Id("O-7"), Some(&me()), None).await.expect("opened");
    db.store.reserve("O-7", Some(&me())).await.expect("reserved");
    let mut out = Vec::new();
    export(&*db.store, &mut out).await.expect("exported");
    let text = String::from_utf8(out).expect("UTF-8");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 451);
    assert!(lines[..450].is_sorted_by_key(|line| line["orderId"].as_str().expect("an id").to_owned()));
    assert_eq!(lines[450], json!({"inventory": [{"sku": "A", "onHand": 999, "reserved": 1, "shipped": 0}]}));
    let mut seven = lines.iter().find(|line| line["orderId"] == "O-7").expect("the order").clone();
    let events = seven["events"].take();
    assert_eq!(
        seven,
        json!({"orderId": "O-7", "status": "pending", "workflowId": "workflow", "customerId": "CUST-1",
            "currency": "EUR", "totalMinor": 100, "events": null,
            "steps": {"reserveInventory": "done", "chargePayment": "none", "bookShipment": "none",
                "processApprovedOrder": "none"}})
    );
    let kinds: Vec<_> = events.as_array().expect("events").iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["placed", "owned", "stepDone"]);
}

pub async fn the_seed_changes_nothing_that_is_there(db: &Db) {
    assert_eq!(seed(&*db.store).await.expect("seeded"), Seeded { skus: 8, orders: 1 });
    assert_eq!(pieces(&*db.store, "KEEL-SAIL").await, (100_000, 0, 0));
    let outcome = Outcome { status: OrderStatus::Expired, failure: None };
    db.store.close_order(DEMO_ORDER_ID, &outcome, None).await.expect("closed");
    assert_eq!(seed(&*db.store).await.expect("seeded again"), Seeded { skus: 0, orders: 0 });
    let seen = db.store.open(Opening::Id(DEMO_ORDER_ID), Some(&me()), None).await.expect("opened");
    assert_eq!((seen.status, seen.order.lines.len()), (OrderStatus::Expired, 2));
    assert_eq!(kinds(&*db.store, DEMO_ORDER_ID).await, ["placed", "closed"]);
}

pub async fn many_workers_may_start_at_once(db: &Db) {
    let options = db.unmigrated().await;
    let stores = futures::future::join_all((0..6).map(|_| connect(&options))).await;
    for store in stores {
        let store = store.expect("every worker starts");
        store.ping().await.expect("alive");
        store.close().await;
    }
}
