//! Orders: decisions, fulfilment, undoing, endings.

use std::sync::Arc;
use std::time::Duration;

use keel_types::activity::Outcome;
use keel_types::decision::{DecideRequest, Decision, Verdict};
use keel_types::failure::FailureType;
use keel_types::state::{OrderFailure, OrderState, OrderStatus, SagaStep};
use keel_types::workflow::{Approve, Decide, GetState, InteractiveOrder, Reject};
use keel_workflows::options::{OrderOptions, WorkflowOptions};
use temporalio_client::{
    UntypedSignal, UntypedWorkflow, WorkflowCancelOptions, WorkflowExecuteUpdateOptions,
    WorkflowFetchHistoryOptions, WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use tokio::sync::Semaphore;

use crate::fakes::{Fakes, Play};
use crate::harness::{Bench, Handle, end, eventually, quick, record, unique, with_worker, within};

const DONE: [&str; 4] = ["reserveInventory", "chargePayment", "bookShipment", "processApprovedOrder"];

async fn approve(handle: &Handle<InteractiveOrder>, by: &str) {
    within(handle.signal(Approve, by.to_owned(), WorkflowSignalOptions::default())).await.unwrap();
}

async fn state(handle: &Handle<InteractiveOrder>) -> OrderState {
    within(handle.query(GetState, (), WorkflowQueryOptions::default())).await.unwrap()
}

/// The state once the order is read. A query may be answered a moment before that.
async fn opened(handle: &Handle<InteractiveOrder>) -> OrderState {
    eventually("the opened order", || async { Some(state(handle).await).filter(|s| s.customer_id.is_some()) })
        .await
}

/// An approved order that is cancelled while `step` runs. The cancellation has reached the server.
async fn cancelled_at(bench: &Bench, step: &str) -> Handle<InteractiveOrder> {
    let handle = bench.start_order(&unique("ORDER")).await;
    approve(&handle, "m@company.com").await;
    let at_step = || async { (state(&handle).await.current_step.as_deref() == Some(step)).then_some(()) };
    eventually(step, at_step).await;
    within(handle.cancel(WorkflowCancelOptions::default())).await.unwrap();
    handle
}

async fn decide(handle: &Handle<InteractiveOrder>, decision: &str, by: &str) -> Result<OrderState, String> {
    let request = DecideRequest {
        decision: decision.to_owned(),
        by: by.to_owned(),
        reason: (decision == "reject").then(|| "too dear".to_owned()),
    };
    within(handle.execute_update(Decide, request, WorkflowExecuteUpdateOptions::default()))
        .await
        .map_err(|error| format!("{error:?}"))
}

fn steps(bench: &Bench) -> Vec<String> {
    bench.journal().into_iter().filter(|e| !e.contains(' ') && e != "openOrder").collect()
}

#[tokio::test]
async fn an_approved_order_is_fulfilled_step_by_step() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let order_id = unique("ORDER");
        let handle = bench.start_order(&order_id).await;
        let pending = opened(&handle).await;
        assert_eq!((pending.order_id.as_str(), pending.status), (order_id.as_str(), OrderStatus::Pending));
        assert_eq!(pending.total_minor, Some(2500));
        approve(&handle, "manager@company.com").await;
        assert_eq!(end(&handle).await, Ok(format!("Order {order_id} completed successfully!")));
        assert_eq!(steps(&bench), DONE);
        let done = state(&handle).await;
        assert_eq!(done.status, OrderStatus::Completed);
        assert_eq!(done.approved_by.as_deref(), Some("manager@company.com"));
        assert_eq!(done.completed_steps, SagaStep::ALL);
        record(&handle, "order-approved").await;
    })
    .await;
}

#[tokio::test]
async fn a_rejected_order_fails_with_its_reason_and_no_effect() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        within(handle.signal(Reject, "out of budget".to_owned(), WorkflowSignalOptions::default()))
            .await
            .unwrap();
        let expected = ("ORDER_REJECTED".to_owned(), "Order rejected: out of budget".to_owned());
        assert_eq!(end(&handle).await, Err(expected));
        assert!(steps(&bench).is_empty());
        assert!(bench.journal().contains(&"closeOrder rejected".to_owned()));
        assert_eq!(state(&handle).await.rejected_reason.as_deref(), Some("out of budget"));
        record(&handle, "order-rejected").await;
    })
    .await;
}

#[tokio::test]
async fn the_first_decision_wins_and_later_ones_are_recorded_as_ignored() {
    let gate = Arc::new(Semaphore::new(0));
    let fakes = Fakes::with("reserveInventory", Play::Wait(gate.clone()));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        approve(&handle, "first@company.com").await;
        approve(&handle, "second@company.com").await;
        within(handle.signal(Reject, "no".to_owned(), WorkflowSignalOptions::default())).await.unwrap();
        let late = eventually("both late decisions", || async {
            let state = state(&handle).await;
            (state.ignored_count == 2).then_some(state)
        })
        .await;
        assert_eq!(late.approved_by.as_deref(), Some("first@company.com"));
        assert_eq!(late.ignored_decisions[1].why, "the order is already approved by first@company.com");
        let refused = decide(&handle, "reject", "third@company.com").await.unwrap_err();
        assert!(refused.contains("the order is already approved by first@company.com"), "{refused}");
        gate.add_permits(1);
        end(&handle).await.unwrap();
        assert!(bench.journal().contains(&"recordIgnored 2".to_owned()));
        record(&handle, "order-double-decision").await;
    })
    .await;
}

#[tokio::test]
async fn an_update_decides_and_a_refused_one_leaves_no_trace() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        opened(&handle).await;
        for (decision, by, why) in [
            ("perhaps", "m@company.com", "unknown decision `perhaps`"),
            ("approve", "clerk@company.com", "clerk@company.com placed the order"),
            ("approve", "", "`by` is empty"),
        ] {
            let refused = decide(&handle, decision, by).await.unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
        let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
        let events = within(history.into_events()).await.unwrap();
        assert!(!events.iter().any(|e| format!("{:?}", e.event_type()).contains("Update")));
        let state = decide(&handle, "approve", "m@company.com").await.unwrap();
        assert_eq!(state.status, OrderStatus::Approved);
        end(&handle).await.unwrap();
        record(&handle, "order-update").await;
    })
    .await;
}

#[tokio::test]
async fn an_undecided_order_is_reminded_and_expires() {
    let options = WorkflowOptions {
        order: OrderOptions { deadline: Duration::from_secs(2), ..quick().order },
        ..quick()
    };
    with_worker(Fakes::default(), options, |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        let (kind, message) = end(&handle).await.unwrap_err();
        assert_eq!(kind, "ORDER_EXPIRED");
        assert!(message.starts_with("Order expired: nobody decided before 20"), "{message}");
        assert_eq!(bench.journal(), ["openOrder", "remindApprover", "closeOrder expired"]);
        assert!(state(&handle).await.reminded_at.is_some());
        record(&handle, "order-expired").await;
    })
    .await;
}

#[tokio::test]
async fn a_decline_releases_the_reservation_only() {
    let fakes = Fakes::with("chargePayment", Play::Refuse(FailureType::PaymentDeclined));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        approve(&handle, "m@company.com").await;
        assert_eq!(end(&handle).await.unwrap_err().0, "PAYMENT_DECLINED");
        assert_eq!(steps(&bench), ["reserveInventory", "releaseInventory"]);
        let state = state(&handle).await;
        assert_eq!(state.status, OrderStatus::Failed);
        assert_eq!(state.compensated_steps, [SagaStep::ReserveInventory]);
        record(&handle, "order-declined").await;
    })
    .await;
}

#[tokio::test]
async fn a_refused_shipment_is_undone_in_reverse() {
    let fakes = Fakes::with("bookShipment", Play::Refuse(FailureType::ShipmentRefused));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        approve(&handle, "m@company.com").await;
        assert_eq!(end(&handle).await.unwrap_err().0, "SHIPMENT_REFUSED");
        assert_eq!(steps(&bench), ["reserveInventory", "chargePayment", "refundPayment", "releaseInventory"]);
        record(&handle, "order-refused-by-courier").await;
    })
    .await;
}

#[tokio::test]
async fn an_unknown_order_fails_with_the_type_of_the_local_activity() {
    let fakes = Fakes::with("openOrder", Play::Refuse(FailureType::OrderNotFound));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        assert_eq!(
            end(&handle).await,
            Err(("ORDER_NOT_FOUND".to_owned(), "scripted ORDER_NOT_FOUND".to_owned()))
        );
        record(&handle, "order-unknown").await;
    })
    .await;
}

#[tokio::test]
async fn a_step_in_doubt_is_undone_with_the_rest() {
    let fakes = Fakes::with("bookShipment", Play::Fault(FailureType::ProviderUnavailable));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        approve(&handle, "m@company.com").await;
        assert_eq!(end(&handle).await.unwrap_err().0, "PROVIDER_UNAVAILABLE");
        assert_eq!(
            steps(&bench),
            ["reserveInventory", "chargePayment", "cancelShipment", "refundPayment", "releaseInventory"]
        );
    })
    .await;
}

#[tokio::test]
async fn cancelling_a_waiting_order_ends_it_as_cancelled() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        opened(&handle).await;
        within(handle.cancel(WorkflowCancelOptions::default())).await.unwrap();
        assert_eq!(end(&handle).await.unwrap_err().0, "cancelled");
        assert_eq!(bench.journal(), ["openOrder", "closeOrder cancelled"]);
        record(&handle, "order-cancelled").await;
    })
    .await;
}

#[tokio::test]
async fn cancelling_in_the_middle_undoes_what_was_done() {
    let gate = Arc::new(Semaphore::new(0));
    let fakes = Fakes::with("chargePayment", Play::Wait(gate.clone()));
    with_worker(fakes, quick(), |bench| async move {
        let handle = cancelled_at(&bench, "chargePayment").await;
        gate.add_permits(10);
        assert_eq!(end(&handle).await.unwrap_err().0, "cancelled");
        let steps = steps(&bench);
        assert_eq!(steps.first().map(String::as_str), Some("reserveInventory"));
        assert_eq!(steps[steps.len() - 2..], ["refundPayment", "releaseInventory"]);
        assert!(!steps.contains(&"bookShipment".to_owned()));
        record(&handle, "order-cancelled-in-saga").await;
    })
    .await;
}

#[tokio::test]
async fn a_step_that_fails_after_the_cancellation_does_not_make_the_order_failed() {
    let gate = Arc::new(Semaphore::new(0));
    let fakes =
        Fakes::with("bookShipment", Play::WaitThenFault(gate.clone(), FailureType::ProviderUnavailable));
    with_worker(fakes, quick(), |bench| async move {
        let handle = cancelled_at(&bench, "bookShipment").await;
        gate.add_permits(10);
        assert_eq!(end(&handle).await.unwrap_err().0, "cancelled");
        let undone = ["cancelShipment", "refundPayment", "releaseInventory"];
        assert_eq!(steps(&bench)[2..], undone);
    })
    .await;
}

#[tokio::test]
async fn a_final_order_run_again_ends_with_the_recorded_outcome() {
    let outcome = Outcome {
        status: OrderStatus::Failed,
        failure: Some(OrderFailure {
            kind: Some(FailureType::OutOfStock),
            message: "no mugs left".to_owned(),
        }),
    };
    let fakes = Fakes { outcome: Some(outcome), ..Fakes::default() };
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        assert_eq!(end(&handle).await, Err(("OUT_OF_STOCK".to_owned(), "no mugs left".to_owned())));
        assert_eq!(bench.journal(), ["openOrder"]);
    })
    .await;
}

#[tokio::test]
async fn a_run_after_a_terminated_one_adopts_its_decision_and_undoes_its_steps() {
    let fakes = Fakes {
        decision: Some(Decision {
            verdict: Verdict::Approve,
            by: Some("m@company.com".to_owned()),
            reason: None,
            at: "2026-01-01T00:00:00.000Z".to_owned(),
        }),
        started_steps: vec![SagaStep::ReserveInventory, SagaStep::ChargePayment],
        ..Fakes::with("reserveInventory", Play::Refuse(FailureType::OutOfStock))
    };
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        assert_eq!(end(&handle).await.unwrap_err().0, "OUT_OF_STOCK");
        assert_eq!(steps(&bench), ["refundPayment", "releaseInventory"]);
    })
    .await;
}

#[tokio::test]
async fn bad_inputs_fail_the_run_and_bad_signals_do_not_block_it() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let converter = PayloadConverter::default();
        let start = |input: RawValue| {
            let options = WorkflowStartOptions::new(&bench.task_queue, unique("bad")).build();
            let workflow = UntypedWorkflow::new(keel_types::names::workflow::INTERACTIVE_ORDER);
            let client = bench.client.clone();
            async move { within(client.start_workflow(workflow, input, options)).await.unwrap() }
        };
        for (input, problem) in [
            (RawValue::from_value(&7, &converter), "found a number"),
            (RawValue::from_value(&String::new(), &converter), "order id is empty"),
            (RawValue::new(Vec::new()), "found nothing"),
        ] {
            let handle = start(input).await;
            let error = within(handle.get_result(Default::default())).await.unwrap_err();
            let text = format!("{error:?}");
            assert!(text.contains("ORDER_INVALID") && text.contains(problem), "{text}");
        }
        let handle = bench.start_order(&unique("ORDER")).await;
        let poison = RawValue::from_value(&serde_json::json!({"not": "a string"}), &converter);
        within(handle.signal(UntypedSignal::new("approve"), poison, WorkflowSignalOptions::default()))
            .await
            .unwrap();
        approve(&handle, "m@company.com").await;
        end(&handle).await.unwrap();
        assert_eq!(state(&handle).await.ignored_decisions[0].why, "expected a string, found an object");
    })
    .await;
}

#[tokio::test]
async fn a_decision_after_the_end_began_is_refused_or_recorded_as_ignored() {
    let gate = Arc::new(Semaphore::new(0));
    let fakes = Fakes::with("closeOrder", Play::Wait(gate.clone()));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order_with(&unique("ORDER"), Duration::from_secs(2)).await;
        opened(&handle).await;
        within(handle.cancel(WorkflowCancelOptions::default())).await.unwrap();
        eventually("the end", || async {
            (state(&handle).await.status == OrderStatus::Cancelled).then_some(())
        })
        .await;
        approve(&handle, "late@company.com").await;
        let refused = decide(&handle, "approve", "bob@company.com").await.unwrap_err();
        assert!(refused.contains("the order is already cancelled"), "{refused}");
        gate.add_permits(1);
        assert_eq!(end(&handle).await.unwrap_err().0, "cancelled");
        let last = state(&handle).await;
        assert_eq!((last.approved_by, last.ignored_count), (None, 1));
        assert_eq!(bench.journal(), ["openOrder", "closeOrder", "closeOrder cancelled", "recordIgnored 1"]);
    })
    .await;
}

#[tokio::test]
async fn a_run_that_could_not_start_is_not_pending() {
    let fakes = Fakes::with("openOrder", Play::Refuse(FailureType::OrderInProgress));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_order(&unique("ORDER")).await;
        assert_eq!(end(&handle).await.unwrap_err().0, "ORDER_IN_PROGRESS");
        let last = state(&handle).await;
        assert_eq!(last.status, OrderStatus::Failed);
        assert_eq!(last.failure.and_then(|f| f.kind), Some(FailureType::OrderInProgress));
    })
    .await;
}
