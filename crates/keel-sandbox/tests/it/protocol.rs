//! Charges, refunds, shipments and cancellations, once and again, in every order.

use keel_sandbox::Sandbox;
use serde_json::json;

use crate::support::start;

#[tokio::test]
async fn every_operation_has_one_effect_and_answers_again() {
    let sandbox = start(Sandbox::in_memory()).await;
    let first = sandbox.charge("O-1", "C-1", 500).await;
    assert_eq!((first.0, &first.1["status"]), (200, &json!("captured")));
    assert_eq!(sandbox.charge("O-1", "C-1", 500).await, first);
    let booked = sandbox.ship("O-1", "C-1").await;
    assert_eq!((booked.0, &booked.1["status"]), (200, &json!("booked")));
    assert_eq!(sandbox.ship("O-1", "C-1").await, booked);
    assert_eq!(sandbox.cancel("O-1").await.1["status"], "cancelled");
    assert_eq!(sandbox.cancel("O-1").await.1["status"], "cancelled");
    assert_eq!(sandbox.refund("O-1").await.1["status"], "refunded");
    assert_eq!(sandbox.refund("O-1").await.1["status"], "refunded");
    assert_eq!(
        sandbox.effects("O-1").await,
        json!({"captured": 1, "refunded": 1, "booked": 1, "cancelled": 1})
    );
    let journal = sandbox.journal("").await;
    assert_eq!(journal.len(), 8);
    assert_eq!(journal.iter().filter(|entry| entry["effect"] == true).count(), 4);
    assert!(journal.iter().zip(1..).all(|(entry, seq)| entry["seq"] == json!(seq)));
}

#[tokio::test]
async fn a_replay_says_so_and_another_body_is_refused() {
    let sandbox = start(Sandbox::in_memory()).await;
    let body = json!({"orderId": "O", "customerId": "C", "amountMinor": 1, "currency": "EUR"});
    let first = sandbox.try_post("/payments/charges", "k", &body).await.expect("an answer");
    assert_eq!(first.headers().get("idempotent-replay"), None);
    let again = sandbox.try_post("/payments/charges", "k", &body).await.expect("an answer");
    assert_eq!(again.headers()["idempotent-replay"], "true");
    let other = json!({"orderId": "O", "customerId": "C", "amountMinor": 2, "currency": "EUR"});
    let (status, answer) = sandbox.post("/payments/charges", "k", &other).await;
    assert_eq!((status, &answer["error"]), (409, &json!("key_reused")));
}

#[tokio::test]
async fn customers_by_name_are_declined_and_refused_without_effect() {
    let sandbox = start(Sandbox::in_memory()).await;
    for _ in 0..2 {
        let (status, answer) = sandbox.charge("O-1", "DECLINE-7", 5).await;
        assert_eq!((status, &answer["error"]), (402, &json!("declined")));
        let (status, answer) = sandbox.ship("O-2", "NOSHIP-7").await;
        assert_eq!((status, &answer["error"]), (422, &json!("refused")));
    }
    assert_eq!(sandbox.refund("O-1").await.1["status"], "nothing_to_refund");
    assert_eq!(sandbox.cancel("O-2").await.1["status"], "nothing_to_cancel");
    assert_eq!(sandbox.get("/journal/summary").await, r#"{"orders":{}}"#);
}

#[tokio::test]
async fn an_undo_that_comes_first_voids_the_late_request() {
    let sandbox = start(Sandbox::in_memory()).await;
    assert_eq!(sandbox.refund("O").await.1["status"], "nothing_to_refund");
    assert_eq!(sandbox.cancel("O").await.1["status"], "nothing_to_cancel");
    for _ in 0..2 {
        let (status, answer) = sandbox.charge("O", "C", 5).await;
        assert_eq!((status, &answer["error"]), (409, &json!("voided")));
        let (status, answer) = sandbox.ship("O", "C").await;
        assert_eq!((status, &answer["error"]), (409, &json!("voided")));
    }
    assert_eq!(sandbox.get("/journal/summary").await, r#"{"orders":{}}"#);
}

#[tokio::test]
async fn a_bad_request_is_named_and_journalled() {
    let sandbox = start(Sandbox::in_memory()).await;
    let url = format!("{}/payments/charges", sandbox.url);
    let missing = sandbox.client.post(&url).json(&json!({})).send().await.expect("an answer");
    assert_eq!(missing.status(), 400);
    assert!(missing.text().await.expect("text").contains("Idempotency-Key is missing"));
    let (status, answer) = sandbox.post("/payments/charges", "k", &json!({"orderId": "O"})).await;
    assert_eq!(status, 400);
    assert!(answer["message"].as_str().is_some_and(|m| m.contains("missing field `customerId`")), "{answer}");
    let negative = json!({"orderId": "O", "customerId": "C", "amountMinor": -5, "currency": "EUR"});
    assert_eq!(sandbox.post("/payments/charges", "k", &negative).await.0, 400);
    assert_eq!(sandbox.journal("").await.len(), 3);
    assert_eq!(sandbox.charge("O", "C", 5).await.0, 200, "a bad request does not use up the key");
}

#[tokio::test]
async fn one_key_from_many_at_once_has_one_effect() {
    let sandbox = start(Sandbox::in_memory()).await;
    let answers = futures::future::join_all((0..32).map(|_| sandbox.charge("O", "C", 5))).await;
    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(sandbox.effects("O").await["captured"], 1);
}

#[tokio::test]
async fn the_journal_filters_by_order_over_many_pages() {
    let sandbox = start(Sandbox::in_memory()).await;
    sandbox.charge("O-first", "C", 1).await;
    for n in 0..2_500 {
        sandbox.charge(&format!("O-{n}"), "C", 1).await;
    }
    sandbox.charge("O-last", "C", 1).await;
    assert_eq!(sandbox.journal("").await.len(), 2_502);
    assert_eq!(sandbox.journal("?order=O-last").await.len(), 1);
    assert_eq!(sandbox.journal("?order=O-none").await.len(), 0);
}
