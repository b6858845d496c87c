//! The workflows as a client sees them: markers for typed starts, signals, updates and queries.

use temporalio_common::{
    HasWorkflowDefinition, QueryDefinition, SignalDefinition, UpdateDefinition, WorkflowDefinition,
};

use crate::decision::DecideRequest;
use crate::gate::GateReport;
use crate::input::OrderInput;
use crate::names::{handler, workflow};
use crate::progress::Progress;
use crate::state::OrderState;

macro_rules! workflow_marker {
    ($(#[$doc:meta])* $marker:ident, $input:ty, $name:expr) => {
        workflow_marker!($(#[$doc])* $marker, $input => String, $name);
    };
    ($(#[$doc:meta])* $marker:ident, $input:ty => $output:ty, $name:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $marker;

        impl WorkflowDefinition for $marker {
            type Input = $input;
            type Output = $output;
            fn name(&self) -> &str {
                $name
            }
        }

        impl HasWorkflowDefinition for $marker {
            type Run = Self;
        }
    };
}

workflow_marker!(
    /// `interactiveOrderWorkflow`.
    InteractiveOrder, OrderInput, workflow::INTERACTIVE_ORDER
);
workflow_marker!(
    /// `trackableWorkflow`.
    Trackable, String, workflow::TRACKABLE
);
workflow_marker!(
    /// `datasetWorkflow`.
    Dataset, String, workflow::DATASET
);

workflow_marker!(
    /// `rolloutGateWorkflow`; the input is a build id.
    RolloutGate, String => GateReport, workflow::ROLLOUT_GATE
);

/// Signal `approve`; the input is the approver.
#[derive(Clone, Copy, Debug)]
pub struct Approve;

impl SignalDefinition for Approve {
    type Workflow = InteractiveOrder;
    type Input = String;
    fn name(&self) -> &str {
        handler::APPROVE
    }
}

/// Signal `reject`; the input is the reason.
#[derive(Clone, Copy, Debug)]
pub struct Reject;

impl SignalDefinition for Reject {
    type Workflow = InteractiveOrder;
    type Input = String;
    fn name(&self) -> &str {
        handler::REJECT
    }
}

/// Update `decide`.
#[derive(Clone, Copy, Debug)]
pub struct Decide;

impl UpdateDefinition for Decide {
    type Workflow = InteractiveOrder;
    type Input = DecideRequest;
    type Output = OrderState;
    fn name(&self) -> &str {
        handler::DECIDE
    }
}

/// Query `getState`.
#[derive(Clone, Copy, Debug)]
pub struct GetState;

impl QueryDefinition for GetState {
    type Workflow = InteractiveOrder;
    type Input = ();
    type Output = OrderState;
    fn name(&self) -> &str {
        handler::GET_STATE
    }
}

macro_rules! progress_query {
    ($(#[$doc:meta])* $marker:ident, $workflow:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $marker;

        impl QueryDefinition for $marker {
            type Workflow = $workflow;
            type Input = ();
            type Output = Progress;
            fn name(&self) -> &str {
                handler::GET_PROGRESS
            }
        }
    };
}

progress_query!(
    /// Query `getProgress` of a task.
    GetTaskProgress, Trackable
);
progress_query!(
    /// Query `getProgress` of a dataset run.
    GetDatasetProgress, Dataset
);
