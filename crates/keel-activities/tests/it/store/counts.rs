//! What the store tells the metrics: each change once, when it is durable.

use keel_activities::store::Opening;
use keel_types::activity::Outcome;
use keel_types::decision::{Decision, Verdict};
use keel_types::state::{OrderStatus, SagaStep};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::support::{Db, me, order, refusal};

fn recorder() -> PrometheusRecorder {
    PrometheusBuilder::new().set_buckets(&[3600.0, 86400.0]).expect("buckets").build_recorder()
}

#[track_caller]
fn has(recorder: &PrometheusRecorder, lines: &[&str]) {
    let text = recorder.handle().render();
    for wanted in lines {
        assert!(text.lines().any(|line| line == *wanted), "no line `{wanted}` in\n{text}");
    }
}

/// Orders `O-1` and `O-2`, opened by this run.
async fn opened(db: &Db) {
    db.store.add_stock(&[("A", 3)]).await.expect("stock");
    for id in ["O-1", "O-2"] {
        let order = order(id, &["A"], 2);
        db.store.open(Opening::Order(&order), Some(&me()), None).await.expect("opened");
    }
}

pub async fn a_repeated_change_is_told_once(db: &Db) {
    let recorder = recorder();
    // The store tells on the thread that asked it.
    let _here = metrics::set_default_local_recorder(&recorder);
    opened(db).await;
    let decision = Decision {
        verdict: Verdict::Approve,
        by: None,
        reason: None,
        // An hour and more after whenever this test runs.
        at: "2999-01-01T00:00:00Z".to_owned(),
    };
    for _ in 0..2 {
        db.store.record_decision("O-1", &decision, Some(&me())).await.expect("recorded");
        db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    }
    for step in [SagaStep::ChargePayment, SagaStep::BookShipment] {
        db.store.begin_step("O-1", step, Some(&me())).await.expect("begun");
        for _ in 0..2 {
            db.store.finish_step("O-1", step, "REF").await.expect("finished");
        }
    }
    for _ in 0..2 {
        db.store.complete("O-1", Some(&me())).await.expect("completed");
    }
    has(
        &recorder,
        &[
            r#"keel_order_decision_seconds_bucket{decision="approved",le="86400"} 0"#,
            r#"keel_order_decision_seconds_count{decision="approved"} 1"#,
            r#"keel_saga_steps_total{step="reserveInventory"} 1"#,
            r#"keel_saga_steps_total{step="chargePayment"} 1"#,
            r#"keel_saga_steps_total{step="processApprovedOrder"} 1"#,
            r#"keel_orders_total{outcome="completed"} 1"#,
        ],
    );
}

pub async fn what_is_rolled_back_or_undone_is_told_as_such(db: &Db) {
    let recorder = recorder();
    let _here = metrics::set_default_local_recorder(&recorder);
    opened(db).await;
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    // One piece is left: this step is rolled back and refused, not done.
    refusal(db.store.reserve("O-2", Some(&me())).await);
    let outcome = Outcome { status: OrderStatus::Cancelled, failure: None };
    for _ in 0..2 {
        db.store.release("O-1", Some(&me())).await.expect("released");
        db.store.begin_undo("O-1", SagaStep::ChargePayment, Some(&me())).await.expect("begun");
        db.store.finish_undo("O-1", SagaStep::ChargePayment, "RF").await.expect("undone");
        db.store.close_order("O-1", &outcome, Some(&me())).await.expect("closed");
    }
    has(
        &recorder,
        &[
            r#"keel_saga_steps_total{step="reserveInventory"} 1"#,
            r#"keel_saga_compensations_total{step="reserveInventory"} 1"#,
            r#"keel_saga_compensations_total{step="chargePayment"} 1"#,
            r#"keel_orders_total{outcome="cancelled"} 1"#,
        ],
    );
}
