//! The life of one order: every step, every undo, each of them twice.

use keel_activities::store::{Begin, Note, Opening, Owner, Recorded, Refusal, StepState, Undo};
use keel_types::activity::Outcome;
use keel_types::decision::{Decision, Verdict};
use keel_types::failure::FailureType;
use keel_types::order::Order;
use keel_types::state::{OrderFailure, OrderStatus, SagaStep};
use serde_json::json;

use crate::support::{Db, kinds, me, order, pieces, refusal};

fn approval() -> Decision {
    Decision {
        verdict: Verdict::Approve,
        by: Some("m@x".to_owned()),
        reason: None,
        at: "2026-11-22T10:00:00.000Z".to_owned(),
    }
}

/// A decision against it, nine seconds later.
fn rejection() -> Decision {
    let reason = Some("price".to_owned());
    Decision { verdict: Verdict::Reject, by: None, reason, at: "2026-11-22T10:00:09.000Z".to_owned() }
}

fn failed(message: &str) -> Outcome {
    let failure = OrderFailure { kind: Some(FailureType::PaymentDeclined), message: message.to_owned() };
    Outcome { status: OrderStatus::Failed, failure: Some(failure) }
}

/// Opens an order of two SKUs, ten pieces each on hand.
async fn opened(db: &Db) -> Order {
    db.store.add_stock(&[("A", 10), ("B", 10)]).await.expect("stock");
    let order = order("O-1", &["A", "B"], 2);
    db.store.open(Opening::Order(&order), Some(&me()), None).await.expect("opened");
    order
}

async fn do_step(db: &Db, step: SagaStep) {
    for _ in 0..2 {
        let begun = db.store.begin_step("O-1", step, Some(&me())).await.expect("begun");
        assert!(matches!(begun, Begin::Do(order) if order.lines.len() == 2));
    }
    for _ in 0..2 {
        db.store.finish_step("O-1", step, "REF").await.expect("finished");
    }
    assert_eq!(db.store.begin_step("O-1", step, Some(&me())).await.expect("begun"), Begin::Done);
}

pub async fn every_operation_twice_has_one_effect(db: &Db) {
    let placed = opened(db).await;
    let again = db.store.open(Opening::Order(&placed), Some(&me()), None).await.expect("opened again");
    assert_eq!((again.order, again.status), (placed, OrderStatus::Pending));
    let recorded =
        async || db.store.record_decision("O-1", &approval(), Some(&me())).await.expect("recorded");
    assert_eq!((recorded().await, recorded().await), (Recorded::Now, Recorded::Before));
    // A worker that dies behind it leaves the workflow task to another, which decides the same a little later.
    let later = Decision { at: "2026-01-02".to_owned(), ..approval() };
    let again = db.store.record_decision("O-1", &later, Some(&me())).await.expect("recorded");
    assert_eq!(again, Recorded::Before);
    for _ in 0..2 {
        db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    }
    assert_eq!(pieces(&*db.store, "A").await, (8, 2, 0));
    do_step(db, SagaStep::ChargePayment).await;
    do_step(db, SagaStep::BookShipment).await;
    for _ in 0..2 {
        db.store.complete("O-1", Some(&me())).await.expect("completed");
    }
    assert_eq!(pieces(&*db.store, "A").await, (8, 0, 2));
    assert_eq!(pieces(&*db.store, "B").await, (8, 0, 2));
    let ended = db.store.open(Opening::Id("O-1"), Some(&me()), None).await.expect("opened");
    assert_eq!((ended.status, ended.decision), (OrderStatus::Completed, Some(approval())));
    assert!(ended.steps.iter().map(|s| (s.step, s.state)).eq(SagaStep::ALL.map(|s| (s, StepState::Done))));
    let expected =
        ["placed", "decided", "stepDone", "stepStarted", "stepDone", "stepStarted", "stepDone", "completed"];
    assert_eq!(kinds(&*db.store, "O-1").await, expected);
}

pub async fn compensation_twice_gives_everything_back(db: &Db) {
    opened(db).await;
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    do_step(db, SagaStep::ChargePayment).await;
    for _ in 0..2 {
        let undo = db.store.begin_undo("O-1", SagaStep::ChargePayment, Some(&me())).await;
        assert_eq!(undo.expect("begun"), Undo::Do);
    }
    let seen = db.store.open(Opening::Id("O-1"), Some(&me()), None).await.expect("opened");
    assert_eq!(seen.status, OrderStatus::Compensating);
    assert_eq!(seen.steps[1].state, StepState::Undoing);
    for _ in 0..2 {
        db.store.finish_undo("O-1", SagaStep::ChargePayment, "RF").await.expect("finished");
        assert_eq!(db.store.release("O-1", Some(&me())).await.expect("released"), Undo::Done);
    }
    let undo = db.store.begin_undo("O-1", SagaStep::ChargePayment, Some(&me())).await;
    assert_eq!(undo.expect("nothing to do"), Undo::Done);
    assert_eq!(pieces(&*db.store, "A").await, (10, 0, 0));
    let closed = async || db.store.close_order("O-1", &failed("no"), Some(&me())).await.expect("closed");
    assert_eq!((closed().await, closed().await), (Recorded::Now, Recorded::Before));
    let expected = [
        "placed",
        "stepDone",
        "stepStarted",
        "stepDone",
        "stepUndoing",
        "stepUndone",
        "stepUndone",
        "closed",
    ];
    assert_eq!(kinds(&*db.store, "O-1").await, expected);
}

pub async fn an_undo_that_comes_first_is_a_tombstone(db: &Db) {
    opened(db).await;
    assert_eq!(db.store.release("O-1", Some(&me())).await.expect("released"), Undo::Done);
    let refused = refusal(db.store.reserve("O-1", Some(&me())).await);
    assert_eq!(refused.failure_type(), FailureType::OutOfStock);
    assert_eq!(pieces(&*db.store, "A").await, (10, 0, 0));
    for step in [SagaStep::ChargePayment, SagaStep::BookShipment] {
        assert_eq!(db.store.begin_undo("O-1", step, Some(&me())).await.expect("begun"), Undo::Do);
        let refused = refusal(db.store.begin_step("O-1", step, Some(&me())).await);
        assert!(matches!(refused, Refusal::Undone { .. }), "{refused:?}");
        db.store.finish_undo("O-1", step, "RF").await.expect("finished");
        let refused = refusal(db.store.begin_step("O-1", step, Some(&me())).await);
        assert!(matches!(refused, Refusal::Undone { .. }), "{refused:?}");
    }
}

pub async fn a_late_report_never_revives_what_is_undone(db: &Db) {
    opened(db).await;
    let step = SagaStep::ChargePayment;
    db.store.begin_step("O-1", step, Some(&me())).await.expect("begun");
    db.store.begin_undo("O-1", step, Some(&me())).await.expect("begun to undo");
    let late = refusal(db.store.finish_step("O-1", step, "CH").await);
    assert_eq!(late.failure_type(), FailureType::PaymentDeclined);
    db.store.refuse_step("O-1", step, "late refusal").await.expect("nothing to do");
    db.store.finish_undo("O-1", step, "RF").await.expect("finished");
    refusal(db.store.finish_step("O-1", step, "CH").await);
    let seen = db.store.open(Opening::Id("O-1"), Some(&me()), None).await.expect("opened");
    assert_eq!((seen.steps[0].state, &seen.steps[0].note), (StepState::Undone, &None));
}

pub async fn the_first_decision_and_the_first_end_stay(db: &Db) {
    opened(db).await;
    let rejected_before = Decision { at: approval().at, ..rejection() };
    let record = async |decision: &Decision| db.store.record_decision("O-1", decision, Some(&me())).await;
    assert_eq!(record(&rejected_before).await.expect("ok"), Recorded::Now);
    assert_eq!(record(&approval()).await.expect("ok"), Recorded::Other(rejected_before));
    let rejected = Outcome { status: OrderStatus::Rejected, failure: None };
    assert_eq!(db.store.close_order("O-1", &rejected, Some(&me())).await.expect("ok"), Recorded::Now);
    let other = db.store.close_order("O-1", &failed("no"), Some(&me())).await.expect("ok");
    assert_eq!(other, Recorded::Other(rejected));
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed", "decided", "closed"]);
}

pub async fn a_decision_of_a_lost_workflow_task_gives_way(db: &Db) {
    opened(db).await;
    let (lost, kept) = (approval(), rejection());
    let record = async |decision: &Decision, owner: Option<&Owner>| {
        db.store.record_decision("O-1", decision, owner).await.expect("ok")
    };
    assert_eq!(record(&lost, Some(&me())).await, Recorded::Now);
    assert_eq!(record(&kept, None).await, Recorded::Other(lost.clone()), "nobody's run");
    assert_eq!(record(&kept, Some(&me())).await, Recorded::Now);
    assert_eq!(record(&kept, Some(&me())).await, Recorded::Before);
    // The worker that was taken for dead reports once more.
    assert_eq!(record(&lost, Some(&me())).await, Recorded::Other(kept.clone()));
    let seen = db.store.open(Opening::Id("O-1"), Some(&me()), None).await.expect("opened");
    assert_eq!((seen.status, seen.decision), (OrderStatus::Pending, Some(kept)));
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed", "decided", "decided"]);
}

pub async fn a_decision_that_was_acted_upon_stays(db: &Db) {
    opened(db).await;
    let record = async |decision: &Decision, owner: &Owner| {
        db.store.record_decision("O-1", decision, Some(owner)).await.expect("ok")
    };
    assert_eq!(record(&approval(), &me()).await, Recorded::Now);
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    assert_eq!(record(&rejection(), &me()).await, Recorded::Other(approval()));
}

/// A run that was reset has another id, never opened the order, and asks twice when its workflow task is lost.
pub async fn a_decision_of_a_run_before_a_reset_stays(db: &Db) {
    opened(db).await;
    let reset = Owner { run_id: "run-reset".to_owned(), ..me() };
    db.store.record_decision("O-1", &approval(), Some(&me())).await.expect("recorded");
    for _ in 0..2 {
        let later = db.store.record_decision("O-1", &rejection(), Some(&reset)).await.expect("ok");
        assert_eq!(later, Recorded::Other(approval()));
    }
}

pub async fn a_final_order_begins_nothing(db: &Db) {
    opened(db).await;
    db.store.close_order("O-1", &failed("no"), Some(&me())).await.expect("closed");
    for refused in [
        refusal(db.store.reserve("O-1", Some(&me())).await),
        refusal(db.store.begin_step("O-1", SagaStep::ChargePayment, Some(&me())).await),
        refusal(db.store.complete("O-1", Some(&me())).await),
        refusal(db.store.record_decision("O-1", &approval(), Some(&me())).await),
    ] {
        assert!(matches!(refused, Refusal::Closed { status: OrderStatus::Failed, .. }), "{refused:?}");
    }
    let seen = db.store.open(Opening::Id("O-1"), Some(&crate::support::me()), None).await.expect("opened");
    assert_eq!((seen.status, seen.failure), (OrderStatus::Failed, failed("no").failure));
    let stranger = Owner::new("other", "run-7");
    let note = Note { kind: "decisionIgnored", detail: json!({}), dedup: "i:1".to_owned() };
    db.store.note("O-1", &[note], Some(&stranger)).await.expect("a later run may tell what it saw");
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed", "closed", "decisionIgnored"]);
}

pub async fn a_completed_order_is_not_undone(db: &Db) {
    opened(db).await;
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    do_step(db, SagaStep::ChargePayment).await;
    do_step(db, SagaStep::BookShipment).await;
    db.store.complete("O-1", Some(&me())).await.expect("completed");
    for _ in 0..2 {
        assert_eq!(db.store.release("O-1", Some(&me())).await.expect("kept"), Undo::Kept);
        let undo = db.store.begin_undo("O-1", SagaStep::ChargePayment, Some(&me())).await;
        assert_eq!(undo.expect("kept"), Undo::Kept);
    }
    assert_eq!(pieces(&*db.store, "A").await, (8, 0, 2));
    let kept = kinds(&*db.store, "O-1").await.iter().filter(|kind| *kind == "undoKept").count();
    assert_eq!(kept, 2, "one row for each step");
}

pub async fn completing_needs_every_step(db: &Db) {
    opened(db).await;
    let missing = refusal(db.store.complete("O-1", Some(&me())).await);
    assert_eq!(missing.to_string(), "order O-1 cannot be completed: reserveInventory is not done");
    db.store.reserve("O-1", Some(&me())).await.expect("reserved");
    db.store.begin_step("O-1", SagaStep::ChargePayment, Some(&me())).await.expect("begun");
    let missing = refusal(db.store.complete("O-1", Some(&me())).await);
    assert_eq!(missing.to_string(), "order O-1 cannot be completed: chargePayment is started");
    assert_eq!(pieces(&*db.store, "A").await, (8, 2, 0));
}

pub async fn refusals_are_remembered_with_their_reason(db: &Db) {
    opened(db).await;
    let step = SagaStep::ChargePayment;
    db.store.begin_step("O-1", step, Some(&me())).await.expect("begun");
    for _ in 0..2 {
        db.store.refuse_step("O-1", step, "card declined").await.expect("refused");
        let refused = refusal(db.store.begin_step("O-1", step, Some(&me())).await);
        assert_eq!(
            (refused.failure_type(), refused.to_string().as_str()),
            (FailureType::PaymentDeclined, "card declined")
        );
    }
    assert_eq!(db.store.begin_undo("O-1", step, Some(&me())).await.expect("nothing to do"), Undo::Done);

    let greedy = order("O-2", &["A", "B"], 11);
    db.store.open(Opening::Order(&greedy), Some(&me()), None).await.expect("opened");
    let first = refusal(db.store.reserve("O-2", Some(&me())).await);
    let text = "the stock does not cover order O-2: A (wanted 11, on hand 10), B (wanted 11, on hand 10)";
    assert_eq!(first.to_string(), text);
    assert_eq!(refusal(db.store.reserve("O-2", Some(&me())).await).to_string(), text);
    assert_eq!(pieces(&*db.store, "A").await, (10, 0, 0));
    assert_eq!(kinds(&*db.store, "O-2").await, ["placed", "stepRefused"]);
}

pub async fn notes_are_written_once(db: &Db) {
    opened(db).await;
    let note = |kind, dedup: &str| Note { kind, detail: json!({"a": 1}), dedup: dedup.to_owned() };
    for _ in 0..2 {
        let notes = [note("reminded", "r:1"), note("decisionIgnored", "i:1"), note("decisionIgnored", "i:2")];
        db.store.note("O-1", &notes, Some(&me())).await.expect("noted");
    }
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed", "reminded", "decisionIgnored", "decisionIgnored"]);
}
