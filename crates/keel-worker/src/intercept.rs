//! Where the SDK lets us watch its work and end it.

use std::sync::Arc;

use async_trait::async_trait;
use keel_activities::worker_stopping;
use temporalio_common::protos::coresdk::workflow_activation::{
    WorkflowActivation, workflow_activation_job::Variant,
};
use temporalio_common::protos::coresdk::workflow_commands::workflow_command;
use temporalio_common::protos::coresdk::workflow_completion::{
    WorkflowActivationCompletion, workflow_activation_completion::Status,
};
use temporalio_sdk::interceptors::{
    ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next, WorkerInterceptor,
};
use tokio_util::sync::CancellationToken;

use crate::load::{Kind, Load};
use crate::sticky::Sticky;

/// Counts activities, and ends those that still run when the process must.
#[derive(Debug)]
pub(crate) struct ActivityWatch {
    pub(crate) load: Arc<Load>,
    /// Tripped when the time that activities had to finish after a stop signal is over.
    pub(crate) ending: CancellationToken,
}

impl ActivityInboundInterceptor for ActivityWatch {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        if input.activity_info().is_local {
            // It belongs to a workflow task, which is given back as a whole or not at all.
            let running = next.run(input);
            return Box::pin(async move {
                let _busy = self.load.begin(Kind::LocalActivity);
                running.await
            });
        }
        let activity = input.activity_info().activity_type.clone();
        let running = next.run(input);
        Box::pin(async move {
            let _busy = self.load.begin(Kind::Activity);
            tokio::select! {
                biased;
                result = running => result,
                () = self.ending.cancelled() => Err(worker_stopping(format!(
                    "the worker stops before {activity} is done; the next attempt comes at once"
                ))),
            }
        })
    }
}

/// Counts workflow tasks, and notes whose they are.
#[derive(Debug)]
pub(crate) struct WorkflowWatch {
    pub(crate) load: Arc<Load>,
    pub(crate) sticky: Arc<Sticky>,
}

#[async_trait(?Send)]
impl WorkerInterceptor for WorkflowWatch {
    async fn on_workflow_activation(&self, activation: &WorkflowActivation) -> Result<(), anyhow::Error> {
        self.sticky.note(activation);
        let (mut resolved, mut evicted) = (0, false);
        for job in &activation.jobs {
            match &job.variant {
                Some(Variant::ResolveActivity(activity)) if activity.is_local => resolved += 1,
                Some(Variant::RemoveFromCache(_)) => evicted = true,
                _ => {}
            }
        }
        self.load.activated(&activation.run_id, resolved, evicted);
        Ok(())
    }

    async fn on_workflow_activation_completion(&self, completion: &WorkflowActivationCompletion) {
        let scheduled = match &completion.status {
            Some(Status::Successful(success)) => success
                .commands
                .iter()
                .filter(|command| {
                    matches!(command.variant, Some(workflow_command::Variant::ScheduleLocalActivity(_)))
                })
                .count(),
            _ => 0,
        };
        self.load.answered(&completion.run_id, scheduled);
    }
}
