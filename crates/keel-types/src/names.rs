//! Every name other programs depend on. A change here is a breaking change of the wire contract.

pub mod fleet;

/// The task queue that workers poll when nothing else is configured.
pub const DEFAULT_TASK_QUEUE: &str = "production-queue";

/// Workflow type names.
pub mod workflow {
    /// One order: decided by a person, then fulfilled.
    pub const INTERACTIVE_ORDER: &str = "interactiveOrderWorkflow";
    /// One task of five steps over a dataset, with progress people watch.
    pub const TRACKABLE: &str = "trackableWorkflow";
    /// One dataset processed on its own.
    pub const DATASET: &str = "datasetWorkflow";
    /// All of them.
    pub const ALL: [&str; 3] = [INTERACTIVE_ORDER, TRACKABLE, DATASET];
    /// Proves that a build can work before it gets real work. Keel's own: not part of the wire contract that other SDKs
    /// implement, so it is not among [`ALL`].
    pub const ROLLOUT_GATE: &str = "rolloutGateWorkflow";
}

/// Signals, updates and queries.
pub mod handler {
    /// Signal of an order: approve it; the input is the approver.
    pub const APPROVE: &str = "approve";
    /// Signal of an order: reject it; the input is the reason.
    pub const REJECT: &str = "reject";
    /// Update of an order: a validated decision that answers with the new state.
    pub const DECIDE: &str = "decide";
    /// Query of an order: [`crate::state::OrderState`].
    pub const GET_STATE: &str = "getState";
    /// Query of a task or a dataset run: [`crate::progress::Progress`].
    pub const GET_PROGRESS: &str = "getProgress";
}

/// Activity type names.
pub mod activity {
    /// Writes or reads the order and takes ownership of it.
    pub const OPEN_ORDER: &str = "openOrder";
    /// Records the one decision that counts.
    pub const RECORD_DECISION: &str = "recordDecision";
    /// Records decisions that came too late or were forbidden.
    pub const RECORD_IGNORED: &str = "recordIgnoredDecisions";
    /// Reminds the approver at half time.
    pub const REMIND_APPROVER: &str = "remindApprover";
    /// First step of fulfilment.
    pub const RESERVE_INVENTORY: &str = "reserveInventory";
    /// Second step of fulfilment.
    pub const CHARGE_PAYMENT: &str = "chargePayment";
    /// Third step of fulfilment.
    pub const BOOK_SHIPMENT: &str = "bookShipment";
    /// Last step of fulfilment.
    pub const PROCESS_APPROVED_ORDER: &str = "processApprovedOrder";
    /// Undoes [`RESERVE_INVENTORY`].
    pub const RELEASE_INVENTORY: &str = "releaseInventory";
    /// Undoes [`CHARGE_PAYMENT`].
    pub const REFUND_PAYMENT: &str = "refundPayment";
    /// Undoes [`BOOK_SHIPMENT`].
    pub const CANCEL_SHIPMENT: &str = "cancelShipment";
    /// Records an outcome other than completion.
    pub const CLOSE_ORDER: &str = "closeOrder";
    /// One step of a task.
    pub const PROCESS_STEP: &str = "processStep";
    /// The long dataset job.
    pub const PROCESS_LARGE_DATASET: &str = "processLargeDataset";
    /// First half of the rollout gate, a local activity: the store answers. Keel's own.
    pub const GATE_STORE: &str = "rolloutGateStore";
    /// Second half of the rollout gate, a remote activity: the data directory is there. Keel's own.
    pub const GATE_DATA: &str = "rolloutGateData";
}

/// Search attributes, all of type `Keyword`, that the namespace must have.
pub mod search_attribute {
    /// Status of an order, as in [`crate::state::OrderStatus`].
    pub const ORDER_STATUS: &str = "OrderStatus";
    /// Customer of an order.
    pub const CUSTOMER_ID: &str = "CustomerId";
    /// Step a task is at, as in [`crate::progress::Step`].
    pub const TASK_STEP: &str = "TaskStep";
    /// All of them, for set-up and checks.
    pub const ALL: [&str; 3] = [ORDER_STATUS, CUSTOMER_ID, TASK_STEP];
}

/// Metrics of the business, as they stand in `/metrics`. `docs/metrics.md` explains each; a test holds it against the
/// live endpoint. Durations are in seconds, sizes in bytes. Label values are taken from small fixed sets, never from
/// ids.
pub mod metric {
    /// Counter: orders that reached a final state. Label `outcome`, as in [`crate::state::OrderStatus`].
    pub const ORDERS_TOTAL: &str = "keel_orders_total";
    /// Histogram: from the order's opening to the decision that counts. Label `decision` (`approved`, `rejected`).
    pub const ORDER_DECISION_SECONDS: &str = "keel_order_decision_seconds";
    /// Counter: steps of the saga that were done. Label `step`, an activity name.
    pub const SAGA_STEPS_TOTAL: &str = "keel_saga_steps_total";
    /// Counter: steps of the saga that were undone. Label `step`, an activity name.
    pub const SAGA_COMPENSATIONS_TOTAL: &str = "keel_saga_compensations_total";
    /// Counter: activity attempts that failed. Labels `activity`, `failure` (a failure type).
    pub const ACTIVITY_FAILURES_TOTAL: &str = "keel_activity_failures_total";
    /// Counter: dataset rows read. Label `kind` (`accepted`, `rejected`).
    pub const DATASET_ROWS_TOTAL: &str = "keel_dataset_rows_total";
    /// Counter: dataset bytes read.
    pub const DATASET_BYTES_TOTAL: &str = "keel_dataset_bytes_total";
    /// Gauge: dataset runs of this process that are busy now.
    pub const DATASET_ACTIVE: &str = "keel_dataset_active";
    /// Gauge: seconds since the last heartbeat of the dataset run that waits longest for one; 0 when none runs.
    pub const HEARTBEAT_AGE_SECONDS: &str = "keel_heartbeat_age_seconds";
    /// Gauge: state of a provider's circuit breaker: 0 closed, 1 half-open, 2 open. Label `provider`.
    pub const BREAKER_STATE: &str = "keel_breaker_state";
    /// Counter: changes of a provider's circuit breaker. Labels `provider`, `to` (`closed`, `half_open`, `open`).
    pub const BREAKER_TRANSITIONS_TOTAL: &str = "keel_breaker_transitions_total";
    /// Histogram: calls to a provider. Labels `provider`, `operation`, `outcome` (`ok`, `refused`, `unavailable`,
    /// `protocol`, `slow`).
    pub const PROVIDER_CALL_SECONDS: &str = "keel_provider_call_seconds";
    /// Counter: calls that were not made because the breaker is open or the bulkhead is full. Labels `provider`,
    /// `reason` (`open`, `full`).
    pub const PROVIDER_REJECTED_TOTAL: &str = "keel_provider_rejected_total";
    /// Gauge: calls to a provider in flight. Label `provider`.
    pub const PROVIDER_IN_FLIGHT: &str = "keel_provider_in_flight";
    /// Histogram: transactions of the store. Label `operation`.
    pub const STORE_SECONDS: &str = "keel_store_seconds";
    /// Gauge: 1 while the worker is ready for work, else 0.
    pub const WORKER_READY: &str = "keel_worker_ready";
    /// Counter: times the SDK worker was rebuilt inside the process. Label `reason`, one of [`super::rebuild`].
    pub const WORKER_REBUILDS_TOTAL: &str = "keel_worker_rebuilds_total";
    /// Gauge: always 1. Labels `version`, `build_id`, `deployment`, `role`.
    pub const BUILD_INFO: &str = "keel_build_info";
}

/// Why SDK workers are rebuilt inside the process: label values of [`metric::WORKER_REBUILDS_TOTAL`].
pub mod rebuild {
    /// They ran many activities, for each of which the SDK keeps some memory.
    pub const RECYCLE: &str = "recycle";
    /// They gave up.
    pub const FAILED: &str = "failed";
    /// The server was away.
    pub const SERVER_LOST: &str = "server_lost";
    /// All of them.
    pub const ALL: [&str; 3] = [RECYCLE, FAILED, SERVER_LOST];
}

/// What stands for the build id of a worker that has none: it takes part in no Worker Deployment Version.
pub const UNVERSIONED: &str = "unversioned";

/// The Worker Deployment that workers belong to when nothing else is configured.
pub const DEFAULT_DEPLOYMENT: &str = "keel";

/// The workflow id under which the gate of a build runs; a new one takes the place of one that still runs.
#[must_use]
pub fn gate_workflow_id(deployment: &str, build_id: &str) -> String {
    format!("rollout-gate-{deployment}-{build_id}")
}

/// The workflow id under which Keel's own client runs an order, so that a second submit finds the first.
#[must_use]
pub fn order_workflow_id(order_id: &str) -> String {
    format!("order-{order_id}")
}

/// The workflow id under which Keel's own client runs a task.
#[must_use]
pub fn task_workflow_id(task_id: &str) -> String {
    format!("task-{task_id}")
}

/// The workflow id under which Keel's own client runs a dataset.
#[must_use]
pub fn dataset_workflow_id(dataset_id: &str) -> String {
    format!("dataset-{dataset_id}")
}
