//! Providers that fail, are slow, hang up, answer rubbish or are not there, and a store that is away.

use std::time::{Duration, Instant};

use keel_activities::order::OrderActivities;
use keel_sandbox::fault::{Fault, Mode};
use keel_sandbox::protocol::Provider;
use keel_types::failure::FailureType;
use keel_types::order::Order;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::{Failed, TIMEOUT, World, clients, failed};
use crate::support::{me, order};

fn placed() -> Order {
    order("O-1", &["A"], 1)
}

fn id() -> String {
    "O-1".to_owned()
}

fn fault(mode: Mode) -> Fault {
    Fault { mode, count: Some(1), ..Fault::default() }
}

/// A provider that answers every request with these bytes; returns what charging says.
async fn charge_against(answer: Vec<u8>) -> Failed {
    let world = World::new().await;
    world.opened(&placed(), me()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://user:hunter2@{}", listener.local_addr().expect("bound"));
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(&answer).await;
    });
    let (payments, courier) = clients(&base);
    let env = world.env_with(me(), payments, courier);
    let failure = failed(env.run(OrderActivities::charge_payment, id()).await);
    server.await.expect("the provider ends");
    assert!(!failure.message.contains("hunter2"), "{}", failure.message);
    failure
}

fn answer(head: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
        .into_bytes()
}

#[tokio::test]
async fn faults_are_retried_and_leave_one_effect() {
    let world = World::new().await;
    let env = world.opened(&placed(), me()).await;
    let hangup_after = Fault { after: true, ..fault(Mode::Hangup) };
    let slow_after = Fault { after: true, delay_ms: Some(5_000), ..fault(Mode::Slow) };
    for (fault, kind, text) in [
        (fault(Mode::Fail), FailureType::ProviderUnavailable, "status 503"),
        (fault(Mode::Hangup), FailureType::ProviderUnavailable, "the connection broke"),
        (fault(Mode::Rubbish), FailureType::ProviderProtocol, "<html>"),
        (hangup_after, FailureType::ProviderUnavailable, "the connection broke"),
        (slow_after, FailureType::ProviderUnavailable, "it took too long"),
    ] {
        world.fault(Provider::Payments, fault);
        let start = Instant::now();
        let failure = failed(env.run(OrderActivities::charge_payment, id()).await);
        assert!(start.elapsed() < TIMEOUT + Duration::from_secs(2), "bounded");
        assert_eq!((failure.kind, failure.is_final), (kind, false), "{}", failure.message);
        assert!(failure.message.contains(text), "{}", failure.message);
        assert!(failure.message.contains("chargePayment at http://127.0.0.1"), "{}", failure.message);
    }
    env.run(OrderActivities::charge_payment, id()).await.expect("the fault is over");
    assert_eq!(world.effects("O-1"), [1, 0, 0, 0]);

    world.fault(Provider::Payments, Fault { after: true, ..fault(Mode::Hangup) });
    assert!(!failed(env.run(OrderActivities::refund_payment, id()).await).is_final);
    env.run(OrderActivities::refund_payment, id()).await.expect("the fault is over");
    assert_eq!(world.effects("O-1"), [1, 1, 0, 0]);
}

#[tokio::test]
async fn a_charge_in_doubt_is_refunded_all_the_same() {
    let world = World::new().await;
    let env = world.opened(&placed(), me()).await;
    world.fault(Provider::Payments, Fault { after: true, ..fault(Mode::Hangup) });
    failed(env.run(OrderActivities::charge_payment, id()).await);
    env.run(OrderActivities::refund_payment, id()).await.expect("refunded");
    assert_eq!(world.effects("O-1"), [1, 1, 0, 0]);
}

#[tokio::test]
async fn a_provider_that_is_not_there_is_named() {
    let world = World::new().await;
    world.opened(&placed(), me()).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let base = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let (payments, courier) = clients(&base);
    let env = world.env_with(me(), payments, courier);
    let failure = failed(env.run(OrderActivities::charge_payment, id()).await);
    assert_eq!((failure.kind, failure.is_final), (FailureType::ProviderUnavailable, false));
    let start = format!(
        "the payments provider did not answer chargePayment at {base}/payments/charges: cannot connect; \
         check it and `payments.url`"
    );
    assert!(failure.message.starts_with(&start), "{}", failure.message);
    assert!(failure.message.contains("refused"), "the cause is told: {}", failure.message);
}

#[tokio::test]
async fn retry_after_is_honoured_and_bounded() {
    let asked = answer("429 Too Many Requests\r\nRetry-After: 7", "");
    let failure = charge_against(asked).await;
    assert_eq!(
        (failure.kind, failure.retry_delay),
        (FailureType::ProviderUnavailable, Some(Duration::from_secs(7)))
    );
    let asked = answer("503 Service Unavailable\r\nRetry-After: 99999999", "");
    assert_eq!(charge_against(asked).await.retry_delay, Some(Duration::from_secs(300)));
}

#[tokio::test]
async fn whatever_is_not_the_protocol_is_a_fault_that_says_so() {
    let json = "Content-Type: application/json";
    let huge = "x".repeat(70_000);
    for (head, body, text) in [
        ("301 Moved\r\nLocation: http://127.0.0.1:1/".to_owned(), "", "status 301"),
        ("404 Not Found".to_owned(), "<h1>nginx</h1>", "status 404 and `<h1>nginx</h1>`"),
        (format!("200 OK\r\n{json}"), "{}", "missing field `chargeId`"),
        (
            format!("200 OK\r\n{json}"),
            r#"{"chargeId": "1", "status": "pending"}"#,
            "unknown variant `pending`",
        ),
        ("200 OK".to_owned(), r#"{"chargeId": "1", "status": "captured"}"#, "status 200"),
        (format!("402 Payment Required\r\n{json}"), r#"{"error": "teapot"}"#, "status 402"),
        (format!("409 Conflict\r\n{json}"), r#"{"error": "key_reused"}"#, "key_reused"),
        (format!("200 OK\r\n{json}"), huge.as_str(), "more than 65536 bytes"),
        ("204 No Content".to_owned(), "", "status 204 and an empty body"),
    ] {
        let failure = charge_against(answer(&head, body)).await;
        assert_eq!(
            (failure.kind, failure.is_final),
            (FailureType::ProviderProtocol, false),
            "{}",
            failure.message
        );
        assert!(failure.message.contains(text), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_store_that_is_away_is_a_fault() {
    let world = World::new().await;
    let env = world.opened(&placed(), me()).await;
    world.store.close().await;
    for failure in [
        failed(env.run(OrderActivities::charge_payment, id()).await),
        failed(env.run(OrderActivities::reserve_inventory, id()).await),
    ] {
        assert_eq!((failure.kind, failure.is_final), (FailureType::StoreUnavailable, false));
        assert!(failure.message.contains("check the database and `store.url`"), "{}", failure.message);
    }
    assert_eq!(world.requests(), 0, "nobody is charged without a mark");
}
