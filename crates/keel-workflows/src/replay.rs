//! Replaying histories with the workflow definitions of this build: whether running workflows would survive it.

use std::sync::Arc;

use temporalio_sdk::WorkflowRegistrationError;
use temporalio_sdk::workflow_replayer::{WorkflowReplayError, WorkflowReplayer, WorkflowReplayerOptions};

use crate::dataset::DatasetWorkflow;
use crate::gate::RolloutGateWorkflow;
use crate::options::WorkflowOptions;
use crate::order::InteractiveOrderWorkflow;
use crate::task::TrackableWorkflow;

/// Why there is no replayer.
#[derive(Debug, thiserror::Error)]
pub enum ReplayerError {
    /// Two workflows share a type.
    #[error("the workflows cannot be registered for replay")]
    Register(#[source] WorkflowRegistrationError),
    /// The SDK refuses the options.
    #[error("the replayer cannot be made")]
    Create(#[source] Box<WorkflowReplayError>),
}

/// A replayer of every workflow of Keel. It talks to nobody. The options of the runs do not matter: options never decide
/// a branch.
///
/// # Errors
/// [`ReplayerError`] when the SDK refuses the definitions.
pub fn replayer() -> Result<WorkflowReplayer, ReplayerError> {
    let options = Arc::new(WorkflowOptions::default());
    let (order, task, dataset) = (options.clone(), options.clone(), options);
    let options = WorkflowReplayerOptions::new()
        .register_workflow_with_factory(move || InteractiveOrderWorkflow::new(order.clone()))
        .and_then(|o| o.register_workflow_with_factory(move || TrackableWorkflow::new(task.clone())))
        .and_then(|o| o.register_workflow_with_factory(move || DatasetWorkflow::new(dataset.clone())))
        .and_then(|o| o.register_workflow::<RolloutGateWorkflow>())
        .map_err(ReplayerError::Register)?
        .build();
    WorkflowReplayer::new(options).map_err(|error| ReplayerError::Create(Box::new(error)))
}
