//! What a leaving SDK worker tells the server: that its sticky queue is nobody's, and to answer its polls.
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

/// One SDK worker and its polls, as the server knows them.
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

    /// Tells the server that nobody stands behind the sticky `queue` any more: what comes next goes to the shared queue.
    pub(crate) async fn retire(&self, queue: &str) {
        self.tell(ShutdownWorkerRequest {
            sticky_task_queue: queue.to_owned(),
            reason: "the worker is about to leave".to_owned(),
            ..Default::default()
        })
        .await;
    }

    /// Asks the server to answer all polls.
    pub(crate) async fn ask(&self) {
        let types = [TaskQueueType::Workflow, TaskQueueType::Activity];
        self.tell(ShutdownWorkerRequest {
            reason: "the worker takes no more work".to_owned(),
            worker_instance_key: self.instance.clone(),
            task_queue: self.task_queue.clone(),
            task_queue_types: types.map(i32::from).to_vec(),
            ..Default::default()
        })
        .await;
    }

    async fn tell(&self, request: ShutdownWorkerRequest) {
        let request = ShutdownWorkerRequest {
            namespace: self.client.namespace(),
            identity: self.client.identity(),
            ..request
        };
        let reason = request.reason.clone();
        if let Err(status) =
            WorkflowService::shutdown_worker(&mut self.client.clone(), Request::new(request)).await
        {
            tracing::debug!(error = %status, reason, "the server was not told");
        }
    }
}
