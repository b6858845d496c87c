//! Who may change an order: takeovers, zombies and races for it.

use futures::future::join_all;
use keel_activities::store::{Opening, Owner, Refusal, StepState, Undo};
use keel_types::state::SagaStep;

use crate::support::{Db, kinds, me, order, refusal};

async fn opened(db: &Db) {
    db.store.add_stock(&[("A", 10)]).await.expect("stock");
    db.store.open(Opening::Order(&order("O-1", &["A"], 1)), Some(&me()), None).await.expect("opened");
}

pub async fn a_newer_run_takes_over_and_the_older_is_refused(db: &Db) {
    opened(db).await;
    let newer = Owner::new("workflow", "run-2");
    let seen = db.store.open(Opening::Id("O-1"), Some(&newer), None).await.expect("taken over");
    assert_eq!(seen.owner, Some(newer.clone()));
    for refused in [
        refusal(db.store.open(Opening::Id("O-1"), Some(&me()), None).await),
        refusal(db.store.reserve("O-1", Some(&me())).await),
        refusal(db.store.begin_step("O-1", SagaStep::ChargePayment, Some(&me())).await),
        refusal(db.store.begin_undo("O-1", SagaStep::ChargePayment, Some(&me())).await),
    ] {
        assert_eq!(refused, Refusal::Held { order_id: "O-1".to_owned(), holder: newer.clone() });
    }
    // A reset makes a run that never opened the order.
    let reset = Owner::new("workflow", "run-3");
    db.store.reserve("O-1", Some(&reset)).await.expect("a reset run goes on");
    refusal(db.store.release("O-1", Some(&newer)).await);
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed", "owned", "owned", "stepDone"]);
}

pub async fn another_workflow_takes_only_what_it_names(db: &Db) {
    opened(db).await;
    let other = Owner::new("other", "run-9");
    let held = refusal(db.store.open(Opening::Id("O-1"), Some(&other), None).await);
    assert_eq!(held, Refusal::Held { order_id: "O-1".to_owned(), holder: me() });
    let stale = Owner::new("workflow", "run-0");
    refusal(db.store.open(Opening::Id("O-1"), Some(&other), Some(&stale)).await);
    db.store.open(Opening::Id("O-1"), Some(&other), Some(&me())).await.expect("taken over");
    refusal(db.store.open(Opening::Id("O-1"), Some(&me()), Some(&other)).await);
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed", "owned"]);
}

pub async fn of_many_workflows_one_gets_the_order(db: &Db) {
    db.store.add_stock(&[("A", 10)]).await.expect("stock");
    let placed = order("O-1", &["A"], 1);
    let tries = (0..8).map(|n| {
        let (store, placed) = (db.store.clone(), placed.clone());
        tokio::spawn(async move {
            let owner = Owner::new(format!("workflow-{n}"), format!("run-{n}"));
            store.open(Opening::Order(&placed), Some(&owner), None).await
        })
    });
    let results: Vec<_> = join_all(tries).await.into_iter().map(|joined| joined.expect("no panic")).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1, "{results:?}");
    assert_eq!(kinds(&*db.store, "O-1").await, ["placed"]);
}

pub async fn reports_of_a_lost_run_still_count(db: &Db) {
    opened(db).await;
    let step = SagaStep::ChargePayment;
    db.store.begin_step("O-1", step, Some(&me())).await.expect("begun");
    let newer = Owner::new("workflow", "run-2");
    let seen = db.store.open(Opening::Id("O-1"), Some(&newer), None).await.expect("taken over");
    assert_eq!(seen.steps[0].state, StepState::Started);
    db.store.finish_step("O-1", step, "CH-1").await.expect("what happened is recorded");
    let seen = db.store.open(Opening::Id("O-1"), Some(&newer), None).await.expect("opened");
    assert_eq!((seen.steps[0].state, seen.steps[0].reference.as_deref()), (StepState::Done, Some("CH-1")));
    assert_eq!(db.store.begin_undo("O-1", step, Some(&newer)).await.expect("begun"), Undo::Do);
}
