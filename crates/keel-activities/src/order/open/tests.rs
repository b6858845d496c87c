//! Who may open an order, with a stand-in for Temporal's answer about the other run.

use keel_types::activity::OpenedOrder;
use keel_types::decision::{ApprovalRule, Decision, Verdict};
use keel_types::input::OrderInput;
use keel_types::state::SagaStep;
use temporalio_sdk::activities::ActivityError;

use crate::order::{DEMO_ORDER_ID, OrderActivities, seed};
use crate::provider::{CourierClient, PaymentClient, ProviderOptions};
use crate::store::{Owner, StoreOptions, connect};

async fn activities(folder: &tempfile::TempDir) -> OrderActivities {
    let url = format!("sqlite://{}", folder.path().join("keel.db").display());
    let store = connect(&StoreOptions::at(url)).await.expect("a store");
    seed(&*store).await.expect("seeded");
    let payments = PaymentClient::new(&ProviderOptions::payments()).expect("a client");
    let courier = CourierClient::new(&ProviderOptions::courier()).expect("a client");
    OrderActivities::new(store, payments, courier, ApprovalRule::default())
}

/// Opens the demo order; `running` is Temporal's answer, and none forbids to ask.
async fn open(
    activities: &OrderActivities,
    workflow: &str,
    run: &str,
    running: Option<bool>,
) -> Result<OpenedOrder, String> {
    let input = OrderInput::Id(DEMO_ORDER_ID.to_owned());
    let ask = async |workflow: String| Ok(running.unwrap_or_else(|| panic!("asked about {workflow}")));
    let ask = |workflow| Box::pin(ask(workflow));
    activities.open(&input, Some(Owner::new(workflow, run)), ask).await.map_err(|error| match error {
        ActivityError::Application(failure) => {
            assert!(failure.is_non_retryable());
            format!("{}: {}", failure.type_name().unwrap_or_default(), failure.source_error())
        }
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn a_running_workflow_keeps_the_order_and_a_dead_one_loses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let activities = activities(&folder).await;
    open(&activities, "first", "run-1", None).await.expect("nobody holds it");
    open(&activities, "first", "run-1", None).await.expect("a second try");
    let held = open(&activities, "second", "run-2", Some(true)).await.expect_err("first runs");
    assert_eq!(
        held,
        "ORDER_IN_PROGRESS: order ORDER-12345 belongs to workflow first (run run-1): use that one"
    );
    open(&activities, "second", "run-2", Some(false)).await.expect("first is dead");
    let back = open(&activities, "first", "run-1", Some(false)).await.expect_err("a lost order is lost");
    assert!(back.starts_with("ORDER_IN_PROGRESS: order ORDER-12345 belongs to workflow second"), "{back}");
}

#[tokio::test]
async fn a_new_run_of_the_same_workflow_goes_on_where_the_old_one_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let activities = activities(&folder).await;
    let old = Owner::new("order", "run-1");
    open(&activities, "order", "run-1", None).await.expect("opened");
    let decision =
        Decision { verdict: Verdict::Approve, by: Some("m@x".to_owned()), reason: None, at: "t".to_owned() };
    activities.store.record_decision(DEMO_ORDER_ID, &decision, Some(&old)).await.expect("recorded");
    activities.store.reserve(DEMO_ORDER_ID, Some(&old)).await.expect("reserved");
    activities.store.begin_step(DEMO_ORDER_ID, SagaStep::ChargePayment, Some(&old)).await.expect("begun");
    let opened = open(&activities, "order", "run-2", None).await.expect("taken over");
    assert_eq!(opened.decision, Some(decision));
    assert_eq!(opened.started_steps, [SagaStep::ReserveInventory, SagaStep::ChargePayment]);
    assert_eq!(opened.outcome, None);
    open(&activities, "order", "run-1", None).await.expect_err("the old run is a zombie");
}
