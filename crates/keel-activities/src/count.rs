//! What the activities tell the metrics of their process. The table of names is in [`metric`].

use std::time::Duration;

use keel_types::decision::Verdict;
use keel_types::failure::FailureType;
use keel_types::names::metric;
use keel_types::state::{OrderStatus, SagaStep};
use metrics::{Counter, counter, gauge, histogram};
use temporalio_common::ActivityError;
use temporalio_sdk::interceptors::{
    ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next,
};

/// Begins every series whose labels are known at zero, so that its first event is an increase. Call it once the
/// process has a recorder.
pub fn begin() {
    let zero = |counter: Counter| counter.increment(0);
    for status in OrderStatus::ALL.into_iter().filter(|status| status.is_final()) {
        zero(counter!(metric::ORDERS_TOTAL, "outcome" => status.as_str()));
    }
    for step in SagaStep::ALL {
        zero(counter!(metric::SAGA_STEPS_TOTAL, "step" => step.as_str()));
    }
    for step in [SagaStep::ReserveInventory, SagaStep::ChargePayment, SagaStep::BookShipment] {
        zero(counter!(metric::SAGA_COMPENSATIONS_TOTAL, "step" => step.as_str()));
    }
    for kind in ["accepted", "rejected"] {
        zero(counter!(metric::DATASET_ROWS_TOTAL, "kind" => kind));
    }
    zero(counter!(metric::DATASET_BYTES_TOTAL));
    observe();
}

/// Brings the gauges up to date that only change while somebody looks. Call it before the metrics are read.
pub fn observe() {
    let (active, age) = crate::dataset::running();
    gauge!(metric::DATASET_ACTIVE).set(active as f64);
    gauge!(metric::HEARTBEAT_AGE_SECONDS).set(age.as_secs_f64());
}

/// Something that happened to an order for the first time; told once it is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A step was done.
    Done(SagaStep),
    /// A step was undone.
    Undone(SagaStep),
    /// The decision that counts, and how long the order waited for it.
    Decided(Verdict, Duration),
    /// It reached a final state.
    Ended(OrderStatus),
}

impl Change {
    pub(crate) fn tell(self) {
        match self {
            Self::Done(step) => counter!(metric::SAGA_STEPS_TOTAL, "step" => step.as_str()).increment(1),
            Self::Undone(step) => {
                counter!(metric::SAGA_COMPENSATIONS_TOTAL, "step" => step.as_str()).increment(1)
            }
            Self::Ended(status) => counter!(metric::ORDERS_TOTAL, "outcome" => status.as_str()).increment(1),
            Self::Decided(verdict, waited) => {
                let decision = match verdict {
                    Verdict::Approve => "approved",
                    Verdict::Reject => "rejected",
                };
                histogram!(metric::ORDER_DECISION_SECONDS, "decision" => decision).record(waited);
            }
        }
    }
}

/// Rows and bytes of a dataset that were read; those that a later attempt reads again count again.
pub(crate) fn read(accepted: u64, rejected: u64, bytes: u64) {
    counter!(metric::DATASET_ROWS_TOTAL, "kind" => "accepted").increment(accepted);
    counter!(metric::DATASET_ROWS_TOTAL, "kind" => "rejected").increment(rejected);
    counter!(metric::DATASET_BYTES_TOTAL).increment(bytes);
}

/// Counts the attempts of activities that fail, by activity and failure type. Give it to the worker.
#[derive(Clone, Copy, Debug)]
pub struct Failures;

impl ActivityInboundInterceptor for Failures {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        let activity = input.activity_info().activity_type.clone();
        Box::pin(async move {
            let result = next.run(input).await;
            if let Some(failure) = result.as_ref().err().and_then(failure_of) {
                counter!(metric::ACTIVITY_FAILURES_TOTAL, "activity" => activity, "failure" => failure)
                    .increment(1);
            }
            result
        })
    }
}

/// The failure type as one of a fixed set; none for an attempt that did not fail.
fn failure_of(error: &ActivityError) -> Option<&'static str> {
    match error {
        ActivityError::Application(failure) => {
            Some(failure.type_name().and_then(FailureType::parse).map_or("other", FailureType::as_str))
        }
        ActivityError::Cancelled { .. } => Some("cancelled"),
        ActivityError::WillCompleteAsync => None,
        _ => Some("other"),
    }
}
