//! Log lines from workflow code, written once and never again on replay.

/// Logs at info level with the run's ids, unless the workflow is replaying.
macro_rules! info {
    ($ctx:expr, $($field:tt)*) => {
        if !$ctx.is_replaying() {
            tracing::info!(workflow_id = $ctx.workflow_id(), run_id = $ctx.run_id(), $($field)*);
        }
    };
}

/// Logs at warn level with the run's ids, unless the workflow is replaying.
macro_rules! warning {
    ($ctx:expr, $($field:tt)*) => {
        if !$ctx.is_replaying() {
            tracing::warn!(workflow_id = $ctx.workflow_id(), run_id = $ctx.run_id(), $($field)*);
        }
    };
}

pub(crate) use {info, warning};
