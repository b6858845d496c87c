//! The workflow definitions of Keel, and nothing else.
//!
//! A workflow decides; it never does. There is no I/O, clock or randomness here: everything comes from the history through
//! the SDK's context, and everything done goes out as an activity of [`keel_types::activity`]. The crate does not know who
//! implements those. A change in the order of commands breaks running histories: `tests/histories` guards that.
//!
//! Start reading in [`order`], then [`task`] and [`dataset`].

pub mod dataset;
pub mod gate;
pub mod options;
pub mod order;
pub mod replay;
pub mod task;

mod failure;
mod input;
mod log;
mod time;

use std::sync::Arc;

use temporalio_sdk::{WorkerOptions, WorkflowRegistrationError};

use crate::dataset::DatasetWorkflow;
use crate::gate::RolloutGateWorkflow;
use crate::options::WorkflowOptions;
use crate::order::InteractiveOrderWorkflow;
use crate::task::TrackableWorkflow;

/// Registers every workflow of Keel with `worker`, each made with `options`.
///
/// # Errors
/// When a workflow type is registered twice.
pub fn register(
    worker: &mut WorkerOptions,
    options: &Arc<WorkflowOptions>,
) -> Result<(), WorkflowRegistrationError> {
    let (order, task, dataset) = (options.clone(), options.clone(), options.clone());
    worker.register_workflow_with_factory(move || InteractiveOrderWorkflow::new(order.clone()))?;
    worker.register_workflow_with_factory(move || TrackableWorkflow::new(task.clone()))?;
    worker.register_workflow_with_factory(move || DatasetWorkflow::new(dataset.clone()))?;
    worker.register_workflow::<RolloutGateWorkflow>()?;
    Ok(())
}
