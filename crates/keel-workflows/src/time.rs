//! The only clock of a workflow: the time of its current workflow task.

use std::time::SystemTime;

use temporalio_sdk::WorkflowContext;

/// Now, as every replay sees it.
pub(crate) fn now<W>(ctx: &WorkflowContext<W>) -> SystemTime {
    or_epoch(ctx.workflow_time())
}

/// The SDK has no time only before the first workflow task.
pub(crate) fn or_epoch(time: Option<SystemTime>) -> SystemTime {
    time.unwrap_or(SystemTime::UNIX_EPOCH)
}
