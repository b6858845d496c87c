//! Calling the polls of an SDK worker home.
//!
//! A server that runs with `frontend.enableCancelWorkerPollsOnShutdown` answers the polls of a worker that says it leaves:
//! without a task, unless it has just given them one. The SDK asks for that as well, but only when it is told to shut down,
//! and then it stops listening at the first answer without a task, whatever the others bring.

use temporalio_client::grpc::WorkflowService;
use temporalio_client::tonic::Request;
use temporalio_client::{Client, NamespacedClient};
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, ShutdownWorkerRequest,
};

/// The polls of one SDK worker, as the server knows them.
#[derive(Clone, Debug)]
pub(crate) struct Recall {
    pub(crate) client: Client,
    pub(crate) task_queue: String,
    /// What the SDK calls the worker in each of its polls.
    pub(crate) instance: String,
}

impl Recall {
    /// Whether the server answers polls when it is asked to. Asked when it matters: the setting changes while a server runs.
    pub(crate) async fn is_known(&self) -> bool {
        let request = DescribeNamespaceRequest { namespace: self.client.namespace(), ..Default::default() };
        match WorkflowService::describe_namespace(&mut self.client.clone(), Request::new(request)).await {
            Ok(answer) => {
                let capabilities = answer.into_inner().namespace_info.and_then(|info| info.capabilities);
                capabilities.is_some_and(|can| can.worker_poll_complete_on_shutdown)
            }
            Err(status) => {
                tracing::debug!(error = %status, "the namespace was not described");
                false
            }
        }
    }

    /// Asks the server to answer all polls.
    pub(crate) async fn ask(&self) {
        let types = [TaskQueueType::Workflow, TaskQueueType::Activity];
        let request = ShutdownWorkerRequest {
            namespace: self.client.namespace(),
            identity: self.client.identity(),
            reason: "the worker takes no more work".to_owned(),
            worker_instance_key: self.instance.clone(),
            task_queue: self.task_queue.clone(),
            task_queue_types: types.map(i32::from).to_vec(),
            ..Default::default()
        };
        if let Err(status) =
            WorkflowService::shutdown_worker(&mut self.client.clone(), Request::new(request)).await
        {
            tracing::debug!(error = %status, "the polls were not called home");
        }
    }
}
