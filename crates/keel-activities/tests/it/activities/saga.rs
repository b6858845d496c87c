//! Whole orders: done, refused, undone, and tried twice at every point.

use keel_activities::order::OrderActivities;
use keel_activities::store::{StepState, Undo};
use keel_types::activity::{Closing, DecisionRecord, IgnoredRecord, Outcome};
use keel_types::decision::{Decision, IgnoredDecision, Verdict};
use keel_types::failure::FailureType;
use keel_types::input::OrderInput;
use keel_types::order::Order;
use keel_types::state::{OrderStatus, SagaStep};
use temporalio_sdk::testing::ActivityEnvironment;

use super::world::{World, failed};
use crate::support::{kinds, me, order, pieces};

fn of_customer(customer: &str) -> Order {
    Order { customer_id: customer.to_owned(), ..order("O-1", &["A", "B"], 2) }
}

fn id() -> String {
    "O-1".to_owned()
}

/// Runs an activity and runs it again, as Temporal does after a lost answer.
macro_rules! twice {
    ($env:expr, $activity:ident, $input:expr) => {
        for _ in 0..2 {
            $env.run(OrderActivities::$activity, $input).await.expect(stringify!($activity));
        }
    };
}

async fn decide(env: &ActivityEnvironment) {
    let decision =
        Decision { verdict: Verdict::Approve, by: Some("m@x".to_owned()), reason: None, at: "t".to_owned() };
    twice!(env, record_decision, DecisionRecord { order_id: id(), decision: decision.clone() });
}

#[tokio::test]
async fn every_activity_twice_completes_an_order_once() {
    let world = World::new().await;
    let env = world.opened(&of_customer("C-1"), me()).await;
    twice!(env, remind_approver, id());
    let late = IgnoredDecision {
        decision: "reject".to_owned(),
        by: "late".to_owned(),
        why: "already approved".to_owned(),
        at: "t".to_owned(),
    };
    let ignored = || IgnoredRecord { order_id: id(), ignored: vec![late.clone(), late.clone()], total: 30 };
    twice!(env, record_ignored, ignored());
    decide(&env).await;
    twice!(env, reserve_inventory, id());
    twice!(env, charge_payment, id());
    twice!(env, book_shipment, id());
    twice!(env, process_approved_order, id());
    assert_eq!(world.effects("O-1"), [1, 0, 1, 0]);
    assert_eq!(world.requests(), 2, "a step that is done asks nobody");
    assert_eq!(pieces(&*world.store, "A").await, (98, 0, 2));
    let expected = [
        "placed",
        "reminded",
        "decisionIgnored",
        "decisionIgnored",
        "decisionsIgnored",
        "decided",
        "stepDone",
        "stepStarted",
        "stepDone",
        "stepStarted",
        "stepDone",
        "completed",
    ];
    assert_eq!(kinds(&*world.store, "O-1").await, expected);
    let again = env.run(OrderActivities::open_order, OrderInput::Id(id())).await.expect("opened");
    assert_eq!(again.outcome, Some(Outcome { status: OrderStatus::Completed, failure: None }));
}

#[tokio::test]
async fn a_declined_order_is_refused_for_good_and_given_back() {
    let world = World::new().await;
    let env = world.opened(&of_customer("DECLINE-1"), me()).await;
    twice!(env, reserve_inventory, id());
    for _ in 0..2 {
        let failure = failed(env.run(OrderActivities::charge_payment, id()).await);
        assert!(failure.is_final);
        assert_eq!(failure.kind, FailureType::PaymentDeclined);
        let text =
            "the payments provider refused chargePayment for order O-1: the card of DECLINE-1 was declined";
        assert_eq!(failure.message, text);
    }
    assert_eq!(world.requests(), 1, "the second try is answered by the store");
    twice!(env, refund_payment, id());
    twice!(env, release_inventory, id());
    assert_eq!(pieces(&*world.store, "A").await, (100, 0, 0));
    assert_eq!(world.effects("O-1"), [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_refused_shipment_is_compensated_in_reverse() {
    let world = World::new().await;
    let env = world.opened(&of_customer("NOSHIP-1"), me()).await;
    decide(&env).await;
    twice!(env, reserve_inventory, id());
    twice!(env, charge_payment, id());
    let failure = failed(env.run(OrderActivities::book_shipment, id()).await);
    assert_eq!((failure.kind, failure.is_final), (FailureType::ShipmentRefused, true));
    twice!(env, cancel_shipment, id());
    twice!(env, refund_payment, id());
    twice!(env, release_inventory, id());
    let failure = failed(env.run(OrderActivities::charge_payment, id()).await);
    assert_eq!((failure.kind, failure.is_final), (FailureType::PaymentDeclined, true));
    let outcome = Outcome { status: OrderStatus::Failed, failure: None };
    twice!(env, close_order, Closing { order_id: id(), outcome: outcome.clone() });
    assert_eq!(world.effects("O-1"), [1, 1, 0, 0]);
    assert_eq!(pieces(&*world.store, "B").await, (100, 0, 0));
    let again = env.run(OrderActivities::open_order, OrderInput::Id(id())).await.expect("opened");
    assert_eq!((again.outcome, again.started_steps), (Some(outcome), vec![]));
}

#[tokio::test]
async fn undoing_what_never_came_forbids_it_at_the_provider_too() {
    let world = World::new().await;
    let placed = of_customer("C-1");
    let env = world.opened(&placed, me()).await;
    twice!(env, refund_payment, id());
    twice!(env, cancel_shipment, id());
    twice!(env, release_inventory, id());
    assert!(failed(env.run(OrderActivities::reserve_inventory, id()).await).is_final);
    // Attempts that had passed the store before the undo: only the provider can stop them.
    world.payments.charge(&placed).await.expect_err("voided");
    world.courier.book(&placed).await.expect_err("voided");
    assert_eq!(world.effects("O-1"), [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_crash_between_the_provider_and_the_mark_has_one_effect() {
    let world = World::new().await;
    let placed = of_customer("C-1");
    let env = world.opened(&placed, me()).await;
    twice!(env, reserve_inventory, id());
    world.store.begin_step("O-1", SagaStep::ChargePayment, Some(&me())).await.expect("begun");
    let charge = world.payments.charge(&placed).await.expect("charged, then the worker dies");
    twice!(env, charge_payment, id());
    let seen = world.store.orders_after("", 1).await.expect("orders");
    let step = seen[0].steps.iter().find(|step| step.step == SagaStep::ChargePayment).expect("the step");
    assert_eq!((step.state, step.reference.as_ref()), (StepState::Done, Some(&charge)));
    assert_eq!(world.effects("O-1"), [1, 0, 0, 0]);

    let undo = world.store.begin_undo("O-1", SagaStep::ChargePayment, Some(&me())).await;
    assert_eq!(undo.expect("begun"), Undo::Do);
    world.payments.refund("O-1").await.expect("refunded, then the worker dies");
    let opened = env.run(OrderActivities::open_order, OrderInput::Id(id())).await.expect("opened");
    assert_eq!(opened.started_steps, [SagaStep::ReserveInventory, SagaStep::ChargePayment]);
    assert!(failed(env.run(OrderActivities::charge_payment, id()).await).is_final, "no way back");
    twice!(env, refund_payment, id());
    assert_eq!(world.effects("O-1"), [1, 1, 0, 0]);
}

#[tokio::test]
async fn wrong_input_is_final_and_says_what_is_wrong() {
    let world = World::new().await;
    let env = world.env(me());
    let open = async |input| failed(env.run(OrderActivities::open_order, input).await);
    let unknown = open(OrderInput::Id("NO-SUCH".to_owned())).await;
    assert_eq!((unknown.kind, unknown.is_final), (FailureType::OrderNotFound, true));
    let text = "order `NO-SUCH` is not in the store: check the id, or start with the whole order";
    assert_eq!(unknown.message, text);
    let sku = open(OrderInput::Order(order("O-1", &["A", "HAMMER"], 1))).await;
    assert_eq!(sku.kind, FailureType::OrderInvalid);
    assert_eq!(sku.message, "order O-1 names unknown SKUs: HAMMER");
    let invalid = open(OrderInput::Invalid(vec!["lines is missing".to_owned()])).await;
    assert_eq!(invalid.kind, FailureType::OrderInvalid);
    world.opened(&order("O-1", &["A"], 1), me()).await;
    let completed = Outcome { status: OrderStatus::Completed, failure: None };
    let closing = Closing { order_id: id(), outcome: completed };
    let refused = failed(env.run(OrderActivities::close_order, closing).await);
    assert_eq!((refused.kind, refused.is_final), (FailureType::InputInvalid, true));
    let early = failed(env.run(OrderActivities::process_approved_order, id()).await);
    assert!(early.is_final, "{early:?}");
}
