//! Every name other programs depend on. A change here is a breaking change of the wire contract.

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
