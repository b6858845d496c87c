//! Circuit breaker and bulkhead against the real sandbox.

use std::time::Duration;

use futures::future::join_all;
use keel_activities::order::OrderActivities;
use keel_activities::provider::{
    BreakerOptions, CircuitState, PaymentClient, ProviderError, ProviderOptions, ProviderSnapshot,
};
use keel_sandbox::fault::{Fault, Mode};
use keel_sandbox::protocol::Provider;
use keel_types::failure::FailureType;
use keel_types::order::Order;
use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::time::{Instant, sleep};

use super::world::{TIMEOUT, World, failed};
use crate::support::{me, order};

/// How long a circuit stays open in these tests.
const OPEN: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(20);

/// A provider that is given up after four calls, half of which failed.
fn strict(world: &World) -> ProviderOptions {
    ProviderOptions {
        connect_timeout: TIMEOUT,
        timeout: TIMEOUT,
        breaker: BreakerOptions {
            min_calls: 4,
            open_for: OPEN,
            open_max: OPEN,
            trial_calls: 2,
            ..BreakerOptions::default()
        },
        ..ProviderOptions::at(format!("{}/payments", world.base))
    }
}

fn client(options: &ProviderOptions) -> PaymentClient {
    PaymentClient::new(options).expect("a client")
}

fn fault(mode: Mode) -> Fault {
    Fault { mode, ..Fault::default() }
}

fn placed(number: usize) -> Order {
    order(&format!("O-{number}"), &["A"], 1)
}

/// Charges further orders until the circuit is in this state.
async fn until(state: CircuitState, payments: &PaymentClient, number: &mut usize) -> ProviderSnapshot {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let _ = payments.charge(&placed(*number)).await;
        *number += 1;
        let snapshot = payments.health().snapshot();
        if snapshot.circuit == state {
            return snapshot;
        }
        assert!(Instant::now() < deadline, "the circuit should be {state:?}: {snapshot:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn every_fault_opens_the_circuit_and_trials_close_it() {
    let world = World::new().await;
    let slow = Fault { delay_ms: Some(150), ..fault(Mode::Slow) };
    let silent = Fault { delay_ms: Some(5_000), ..fault(Mode::Slow) };
    let mut number = 1;
    for fault in [fault(Mode::Fail), fault(Mode::Hangup), fault(Mode::Rubbish), slow.clone(), silent] {
        let mut options = strict(&world);
        if fault.delay_ms == slow.delay_ms {
            options.breaker.slow_call = Duration::from_millis(100);
        }
        let payments = client(&options);
        let before = world.requests();
        world.fault(Provider::Payments, fault.clone());
        let open = until(CircuitState::Open, &payments, &mut number).await;
        assert_eq!((open.openings, open.window.calls), (1, 4), "{fault:?}: {open:?}");
        assert!(open.why.expect("a reason").starts_with("of 4 calls"));
        let asked = world.requests();
        let error = payments.charge(&placed(number)).await.expect_err("not asked");
        assert!(matches!(error, ProviderError::CircuitOpen { .. }), "{error}");
        assert_eq!(world.requests(), asked, "an open circuit asks nobody");
        assert!(asked - before <= 4, "{fault:?}");

        world.fault(Provider::Payments, Fault::default());
        let closed = until(CircuitState::Closed, &payments, &mut number).await;
        assert_eq!((closed.why, closed.in_flight), (None, 0));
        payments.charge(&placed(number)).await.expect("as if nothing had been");
        assert_eq!(world.effects(&format!("O-{number}")), [1, 0, 0, 0]);
        number += 1;
    }
}

#[tokio::test]
async fn refusals_are_answers_and_open_nothing() {
    let world = World::new().await;
    let payments = client(&strict(&world));
    for number in 0..20 {
        let declined = Order { customer_id: "DECLINE-1".to_owned(), ..placed(number) };
        let error = payments.charge(&declined).await.expect_err("declined");
        assert!(matches!(error, ProviderError::Refused { .. }), "{error}");
    }
    let snapshot = payments.health().snapshot();
    assert_eq!((snapshot.circuit, snapshot.window.failed), (CircuitState::Closed, 0));
    assert_eq!(snapshot.window.calls, 20);
}

#[tokio::test]
async fn a_failed_trial_opens_it_again_and_trials_are_counted() {
    let world = World::new().await;
    let payments = client(&strict(&world));
    let mut number = 1;
    world.fault(Provider::Payments, fault(Mode::Fail));
    until(CircuitState::Open, &payments, &mut number).await;
    let asked = world.requests();
    let deadline = Instant::now() + DEADLINE;
    while payments.health().snapshot().openings < 4 {
        let calls = (0..8).map(|offset| {
            let (payments, order) = (payments.clone(), placed(number + offset));
            async move { payments.charge(&order).await }
        });
        assert!(join_all(calls).await.iter().all(Result::is_err));
        assert!(Instant::now() < deadline, "{:?}", payments.health().snapshot());
        sleep(Duration::from_millis(5)).await;
    }
    assert!(world.requests() - asked <= 3 * 2, "two trials each time, not eight");
}

#[tokio::test]
async fn an_open_circuit_delays_the_activity_and_is_no_failure_of_the_worker() {
    let world = World::new().await;
    let payments = client(&strict(&world));
    let placed = placed(0);
    world.opened(&placed, me()).await;
    let env = world.env_with(me(), payments.clone(), world.courier.clone());
    world.fault(Provider::Payments, fault(Mode::Fail));
    for number in 1..=4 {
        let failure = failed(env.run(OrderActivities::charge_payment, "O-0".to_owned()).await);
        assert_eq!((failure.kind, failure.is_benign), (FailureType::ProviderUnavailable, false));
        // The one that opens the circuit knows when to come back; the others follow the retry policy.
        assert_eq!(failure.retry_delay.is_some(), number == 4, "{number}: {:?}", failure.retry_delay);
    }
    let failure = failed(env.run(OrderActivities::charge_payment, "O-0".to_owned()).await);
    assert_eq!(failure.kind, FailureType::ProviderCircuitOpen);
    assert!(!failure.is_final && failure.is_benign);
    let delay = failure.retry_delay.expect("a delay");
    // What is left of at most 1.2 openings, and half an opening of spread.
    assert!(delay > Duration::ZERO && delay <= OPEN * 2, "{delay:?}");
    let start = "the payments provider was not asked for chargePayment: its circuit is open because of 4 calls 4 failed";
    assert!(failure.message.starts_with(start), "{}", failure.message);

    world.fault(Provider::Payments, Fault::default());
    let deadline = Instant::now() + DEADLINE;
    while env.run(OrderActivities::charge_payment, "O-0".to_owned()).await.is_err() {
        assert!(Instant::now() < deadline, "{:?}", payments.health().snapshot());
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(world.effects("O-0"), [1, 0, 0, 0]);
}

#[tokio::test]
async fn a_slow_provider_holds_only_its_own_places() {
    let world = World::new().await;
    let options = ProviderOptions {
        max_in_flight: 2,
        queue_timeout: Duration::from_millis(50),
        timeout: Duration::from_secs(10),
        breaker: BreakerOptions { enabled: false, ..BreakerOptions::default() },
        ..strict(&world)
    };
    let payments = client(&options);
    world.fault(Provider::Payments, Fault { delay_ms: Some(2_000), ..fault(Mode::Slow) });
    let calls = (0..20).map(|number| {
        let (payments, order) = (payments.clone(), placed(number));
        async move { payments.charge(&order).await }
    });
    let parcel = placed(0);
    let (answers, shipped) = tokio::join!(join_all(calls), world.courier.book(&parcel));
    shipped.expect("the courier is as quick as ever");
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    for error in answers.into_iter().filter_map(Result::err) {
        let ProviderError::Busy { limit: 2, retry_after, .. } = error else { panic!("{error}") };
        assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&retry_after), "{retry_after:?}");
    }
    assert_eq!(world.requests(), 3, "two charges and a shipment");
    let snapshot = payments.health().snapshot();
    assert_eq!((snapshot.in_flight, snapshot.asked, snapshot.turned_away), (0, 2, 18));
}

#[tokio::test]
async fn a_call_that_is_given_up_frees_its_place_and_its_trial() {
    let world = World::new().await;
    let payments = client(&strict(&world));
    let mut number = 1;
    world.fault(Provider::Payments, fault(Mode::Fail));
    until(CircuitState::Open, &payments, &mut number).await;
    world.fault(Provider::Payments, Fault { delay_ms: Some(400), ..fault(Mode::Slow) });
    let deadline = Instant::now() + DEADLINE;
    // Cancelled in the middle of a trial, again and again: it must not stay half-open for ever.
    let mut given_up = 0;
    while given_up < 5 {
        let order = placed(number);
        let call = tokio::time::timeout(Duration::from_millis(30), payments.charge(&order)).await;
        given_up += u32::from(call.is_err());
        number += 1;
        assert!(Instant::now() < deadline, "{:?}", payments.health().snapshot());
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(payments.health().snapshot().in_flight, 0);
    world.fault(Provider::Payments, Fault::default());
    until(CircuitState::Closed, &payments, &mut number).await;
}

#[tokio::test]
async fn the_circuit_shows_in_the_metrics() {
    let world = World::new().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let payments = metrics::with_local_recorder(&recorder, || client(&strict(&world)));
    let page = || recorder.handle().render();
    let mut number = 1;
    payments.charge(&placed(0)).await.expect("charged");
    world.fault(Provider::Payments, fault(Mode::Fail));
    until(CircuitState::Open, &payments, &mut number).await;
    payments.charge(&placed(number)).await.expect_err("not asked");
    let open = page();
    for line in [
        "keel_breaker_state{provider=\"payments\"} 2",
        "keel_breaker_transitions_total{provider=\"payments\",to=\"open\"} 1",
        "keel_provider_rejected_total{provider=\"payments\",reason=\"open\"} 1",
        "keel_provider_rejected_total{provider=\"payments\",reason=\"full\"} 0",
        "keel_provider_in_flight{provider=\"payments\"} 0",
        "keel_provider_call_seconds_count{provider=\"payments\",operation=\"chargePayment\",outcome=\"ok\"} 1",
        "keel_provider_call_seconds_count{provider=\"payments\",operation=\"chargePayment\",outcome=\"unavailable\"} 3",
    ] {
        assert!(open.contains(line), "`{line}` is not in:\n{open}");
    }
    world.fault(Provider::Payments, Fault::default());
    until(CircuitState::Closed, &payments, &mut number).await;
    let closed = page();
    assert!(closed.contains("keel_breaker_state{provider=\"payments\"} 0"), "{closed}");
    assert!(closed.contains("to=\"half_open\"} 1") && closed.contains("to=\"closed\"} 1"), "{closed}");
}
