//! Faults do what they say, to the provider they are set for, and leave the effect where they say.

use std::time::{Duration, Instant};

use keel_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::support::start;

#[tokio::test]
async fn fail_hits_the_stated_number_and_only_its_provider() {
    let sandbox = start(Sandbox::in_memory()).await;
    assert_eq!(sandbox.fault("payments", json!({"mode": "fail", "status": 500, "count": 2})).await, 200);
    let shown: Value = serde_json::from_str(&sandbox.get("/faults").await).expect("JSON");
    assert_eq!(shown["payments"], json!({"mode": "fail", "status": 500, "count": 2, "after": false}));
    assert_eq!(sandbox.charge("O", "C", 1).await.0, 500);
    assert_eq!(sandbox.ship("O", "C").await.0, 200);
    assert_eq!(sandbox.charge("O", "C", 1).await.0, 500);
    assert_eq!(sandbox.effects("O").await["captured"], 0);
    assert_eq!(sandbox.charge("O", "C", 1).await.0, 200);
    assert_eq!(sandbox.effects("O").await["captured"], 1);
}

#[tokio::test]
async fn slow_waits_and_then_answers() {
    let sandbox = start(Sandbox::in_memory()).await;
    sandbox.fault("courier", json!({"mode": "slow", "delayMs": 200, "count": 1})).await;
    let start = Instant::now();
    assert_eq!(sandbox.ship("O", "C").await.0, 200);
    assert!(start.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn rubbish_is_not_json() {
    let sandbox = start(Sandbox::in_memory()).await;
    sandbox.fault("payments", json!({"mode": "rubbish"})).await;
    let body = json!({"orderId": "O", "customerId": "C", "amountMinor": 1, "currency": "EUR"});
    let answer = sandbox.try_post("/payments/charges", "k", &body).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.expect("text").starts_with("<html>"));
}

#[tokio::test]
async fn hangup_drops_the_connection_before_or_after_the_effect() {
    let sandbox = start(Sandbox::in_memory()).await;
    let body = json!({"orderId": "O", "customerId": "C", "amountMinor": 1, "currency": "EUR"});
    for (after, captured) in [(false, Value::Null), (true, json!(1))] {
        sandbox.fault("payments", json!({"mode": "hangup", "count": 1, "after": after})).await;
        let error =
            sandbox.try_post("/payments/charges", "O:chargePayment", &body).await.expect_err("a cut line");
        assert!(error.is_request(), "{error:?}");
        assert_eq!(sandbox.effects("O").await.get("captured").cloned().unwrap_or(Value::Null), captured);
    }
    assert_eq!(sandbox.journal("").await.last().expect("an entry")["status"], 0);
    let (status, _) = sandbox.charge("O", "C", 1).await;
    assert_eq!((status, sandbox.effects("O").await["captured"].clone()), (200, json!(1)));
}

#[tokio::test]
async fn a_fault_that_cannot_be_is_refused() {
    let sandbox = start(Sandbox::in_memory()).await;
    assert_eq!(sandbox.fault("payments", json!({"mode": "explode"})).await, 400);
    assert_eq!(sandbox.fault("payments", json!({"mode": "fail", "rate": 2})).await, 400);
    assert_eq!(sandbox.fault("bank", json!({"mode": "none"})).await, 404);
    assert_eq!(sandbox.get("/healthz").await, "ok\n");
}
