//! Many at once.

use futures::future::join_all;
use keel_activities::store::{Opening, Refusal, StoreError, StoreResult};
use keel_types::state::SagaStep;

use crate::support::{Db, kinds, me, order, pieces};

/// Runs `count` tasks at once and returns what they returned.
async fn crowd<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
    count: usize,
    task: impl Fn(usize) -> F,
) -> Vec<T> {
    let tasks: Vec<_> = (0..count).map(|n| tokio::spawn(task(n))).collect();
    join_all(tasks).await.into_iter().map(|joined| joined.expect("no panic")).collect()
}

fn all_ok<T: std::fmt::Debug>(results: &[StoreResult<T>]) {
    assert!(results.iter().all(Result::is_ok), "{results:?}");
}

pub async fn eight_tries_of_each_step_at_once_have_one_effect(db: &Db) {
    db.store.add_stock(&[("A", 100)]).await.expect("stock");
    let placed = order("O-1", &["A"], 3);
    let store = || db.store.clone();
    let opened = crowd(8, |_| {
        let (store, placed) = (store(), placed.clone());
        async move { store.open(Opening::Order(&placed), Some(&me()), None).await }
    });
    all_ok(&opened.await);
    let reserved = crowd(8, |_| {
        let store = store();
        async move { store.reserve("O-1", Some(&me())).await }
    });
    all_ok(&reserved.await);
    for step in [SagaStep::ChargePayment, SagaStep::BookShipment] {
        let done = crowd(8, |_| {
            let store = store();
            async move {
                store.begin_step("O-1", step, Some(&me())).await?;
                store.finish_step("O-1", step, "REF").await
            }
        });
        all_ok(&done.await);
    }
    let completed = crowd(8, |_| {
        let store = store();
        async move { store.complete("O-1", Some(&me())).await }
    });
    all_ok(&completed.await);
    assert_eq!(pieces(&*db.store, "A").await, (97, 0, 3));
    let expected = ["placed", "stepDone", "stepStarted", "stepDone", "stepStarted", "stepDone", "completed"];
    assert_eq!(kinds(&*db.store, "O-1").await, expected);
}

pub async fn scarce_stock_is_never_oversold(db: &Db) {
    db.store.add_stock(&[("SCARCE", 20), ("PLENTY", 1_000)]).await.expect("stock");
    let results = crowd(50, |n| {
        let store = db.store.clone();
        async move {
            let placed = order(&format!("O-{n}"), &["PLENTY", "SCARCE"], 1);
            store.open(Opening::Order(&placed), Some(&me()), None).await?;
            store.reserve(&placed.order_id, Some(&me())).await
        }
    })
    .await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 20);
    let refused = results.iter().filter(|r| matches!(r, Err(StoreError::Refused(Refusal::OutOfStock(_)))));
    assert_eq!(refused.count(), 30);
    assert_eq!(pieces(&*db.store, "SCARCE").await, (0, 20, 0));
    assert_eq!(pieces(&*db.store, "PLENTY").await, (980, 20, 0), "nothing half reserved");
}

pub async fn orders_over_the_same_skus_do_not_block_each_other(db: &Db) {
    db.store.add_stock(&[("A", 1_000), ("B", 1_000), ("C", 1_000)]).await.expect("stock");
    let results = crowd(40, |n| {
        let store = db.store.clone();
        async move {
            // Every second order names the SKUs the other way round.
            let skus = if n % 2 == 0 { ["A", "B", "C"] } else { ["C", "B", "A"] };
            let placed = order(&format!("O-{n}"), &skus, 1);
            store.open(Opening::Order(&placed), Some(&me()), None).await?;
            store.reserve(&placed.order_id, Some(&me())).await?;
            if n % 4 == 0 { store.release(&placed.order_id, Some(&me())).await.map(drop) } else { Ok(()) }
        }
    })
    .await;
    all_ok(&results);
    assert_eq!(pieces(&*db.store, "B").await, (970, 30, 0));
}

pub async fn doing_and_undoing_at_once_ends_undone_or_whole(db: &Db) {
    db.store.add_stock(&[("A", 1_000)]).await.expect("stock");
    for n in 0..10 {
        let id = format!("O-{n}");
        db.store.open(Opening::Order(&order(&id, &["A"], 1)), Some(&me()), None).await.expect("opened");
        crowd(8, |task| {
            let (store, id) = (db.store.clone(), id.clone());
            async move {
                if task % 2 == 0 {
                    let _refused_or_done = store.reserve(&id, Some(&me())).await;
                } else {
                    store.release(&id, Some(&me())).await.expect("released");
                }
            }
        })
        .await;
    }
    assert_eq!(
        pieces(&*db.store, "A").await,
        (1_000, 0, 0),
        "every release ran, so nothing is left reserved"
    );
}
