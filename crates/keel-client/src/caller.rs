//! The one place where calls leave for the server: bounded in time, named in their errors.

use std::future::Future;
use std::time::Duration;

use keel_types::names::search_attribute;
use temporalio_client::errors::{WorkflowGetResultError, WorkflowStartError};
use temporalio_client::{
    Client, RetryOptions, RpcOptions, WorkflowCancelOptions, WorkflowDescribeOptions,
    WorkflowGetResultOptions, WorkflowHandle, WorkflowQueryOptions, WorkflowStartOptions,
};
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_common::{HasWorkflowDefinition, QueryDefinition, WorkflowDefinition};

use crate::error::{Attempt, CallError, Sorted};
use crate::run::{Outcome, RunInfo};
use crate::subject::Subject;

pub(crate) const ORDER_STATUS: SearchAttributeKey<String> =
    SearchAttributeKey::keyword(search_attribute::ORDER_STATUS);
pub(crate) const CUSTOMER_ID: SearchAttributeKey<String> =
    SearchAttributeKey::keyword(search_attribute::CUSTOMER_ID);
pub(crate) const TASK_STEP: SearchAttributeKey<String> =
    SearchAttributeKey::keyword(search_attribute::TASK_STEP);

/// The memo field that holds the content an order was placed with.
pub(crate) const ORDER_HASH: &str = "orderHash";

/// A client with the task queue that new runs go to and the time that one call may take. Cheap to clone.
#[derive(Clone)]
pub struct Caller {
    client: Client,
    task_queue: String,
    timeout: Duration,
}

impl std::fmt::Debug for Caller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caller")
            .field("namespace", &self.client.options().namespace)
            .field("task_queue", &self.task_queue)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

impl Caller {
    /// Calls through `client`; runs start on `task_queue`; each call ends within `timeout`.
    #[must_use]
    pub fn new(client: Client, task_queue: &str, timeout: Duration) -> Self {
        Self { client, task_queue: task_queue.to_owned(), timeout }
    }

    /// The task queue that new runs go to.
    #[must_use]
    pub fn task_queue(&self) -> &str {
        &self.task_queue
    }

    /// The longest time for one call.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The connection underneath, for what this crate has no call for.
    #[must_use]
    pub const fn connection(&self) -> &Client {
        &self.client
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// The same caller with another limit, and without retries if a watcher paces it.
    #[must_use]
    pub(crate) fn within(&self, timeout: Duration) -> Self {
        Self { timeout: timeout.min(self.timeout), ..self.clone() }
    }

    pub(crate) fn rpc(&self) -> RpcOptions {
        RpcOptions::builder().timeout(self.timeout).build()
    }

    fn single_rpc(&self) -> RpcOptions {
        RpcOptions::builder().timeout(self.timeout).retry_options(RetryOptions::no_retries()).build()
    }

    pub(crate) fn handle<W: HasWorkflowDefinition>(&self, subject: &Subject) -> WorkflowHandle<Client, W> {
        self.client.get_workflow_handle::<W>(subject.workflow_id())
    }

    /// Awaits `call` for at most the caller's timeout.
    pub(crate) async fn bounded<T, E: Sorted>(
        &self,
        attempt: Attempt,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError> {
        let limit = self.timeout;
        match tokio::time::timeout(limit, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.sorted(attempt)),
            Err(_) => Err(CallError::Timeout { doing: attempt.doing, limit }),
        }
    }

    /// As [`Caller::bounded`], where silence means that no worker is there.
    pub(crate) async fn bounded_by_worker<T, E: Sorted>(
        &self,
        attempt: Attempt,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CallError> {
        let subject = attempt.subject.clone();
        match (self.bounded(attempt, call).await, subject) {
            (Err(CallError::Timeout { limit, .. }), Some(subject)) => {
                Err(CallError::NoAnswer { subject, detail: format!("nothing came back within {limit:?}") })
            }
            (answer, _) => answer,
        }
    }

    /// Starts a run; `None` if the policies of `options` find one already there.
    pub(crate) async fn start<W>(
        &self,
        subject: &Subject,
        workflow: W,
        input: W::Input,
        options: WorkflowStartOptions,
    ) -> Result<Option<String>, CallError>
    where
        W: HasWorkflowDefinition,
        W::Input: Send,
    {
        let call = async {
            match self.client.start_workflow(workflow, input, options).await {
                Ok(handle) => Ok(Some(handle.run_id().unwrap_or_default().to_owned())),
                Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.bounded(Attempt::on("start", subject), call).await
    }

    /// What the server knows of the latest run, worker or no worker.
    pub(crate) async fn describe<W: HasWorkflowDefinition>(
        &self,
        subject: &Subject,
    ) -> Result<RunInfo, CallError> {
        let options = WorkflowDescribeOptions::builder().rpc_options(self.single_rpc()).build();
        let handle = self.handle::<W>(subject);
        let description = self.bounded(Attempt::on("describe", subject), handle.describe(options)).await?;
        Ok(RunInfo::of_description(&description))
    }

    /// Asks a worker about the latest run.
    pub(crate) async fn query<Q>(&self, subject: &Subject, query: Q) -> Result<Q::Output, CallError>
    where
        Q: QueryDefinition<Input = ()>,
        Q::Workflow: HasWorkflowDefinition<Run = Q::Workflow>,
    {
        let options = WorkflowQueryOptions::builder().rpc_options(self.single_rpc()).build();
        let handle = self.handle::<Q::Workflow>(subject);
        self.bounded_by_worker(Attempt::on("query", subject), handle.query(query, (), options)).await
    }

    /// How a closed run ended. On a run that is not closed it waits, up to the timeout.
    pub(crate) async fn outcome<W>(&self, subject: &Subject) -> Result<Outcome, CallError>
    where
        W: HasWorkflowDefinition + WorkflowDefinition<Output = String>,
    {
        let options = WorkflowGetResultOptions::builder().rpc_options(self.rpc()).build();
        let handle = self.handle::<W>(subject);
        let call = async {
            match handle.get_result(options).await {
                Ok(result) => Ok(Outcome::completed(result)),
                Err(error) => Outcome::of_error(error),
            }
        };
        self.bounded::<_, WorkflowGetResultError>(Attempt::on("read the result of", subject), call).await
    }

    /// The truth behind "not found": the run may be there and closed, or be there and have missed the call.
    pub(crate) async fn explain<W>(&self, subject: &Subject, error: CallError) -> CallError
    where
        W: HasWorkflowDefinition + WorkflowDefinition<Output = String>,
    {
        if !matches!(error, CallError::Unknown { .. } | CallError::Closed { .. }) {
            return error;
        }
        match self.describe::<W>(subject).await {
            Ok(run) if run.status.is_closed() => self.closed::<W>(subject).await,
            Ok(_) => CallError::NoAnswer {
                subject: subject.clone(),
                detail: "the run is there, but the server did not find it for this call; try again"
                    .to_owned(),
            },
            Err(unknown @ CallError::Unknown { .. }) => unknown,
            Err(_) => error,
        }
    }

    async fn closed<W>(&self, subject: &Subject) -> CallError
    where
        W: HasWorkflowDefinition + WorkflowDefinition<Output = String>,
    {
        // That it is closed is the answer; how it ended is a courtesy.
        let how = self.outcome::<W>(subject).await.ok().map(Box::new);
        CallError::Closed { subject: subject.clone(), how }
    }

    /// Asks the run to stop. It decides itself how; this returns once the request is recorded. The server takes a
    /// cancellation of a closed run in silence, so that the run is looked at first.
    pub(crate) async fn cancel<W>(&self, subject: &Subject, reason: &str) -> Result<(), CallError>
    where
        W: HasWorkflowDefinition + WorkflowDefinition<Output = String>,
    {
        if self.describe::<W>(subject).await?.status.is_closed() {
            return Err(self.closed::<W>(subject).await);
        }
        let options = WorkflowCancelOptions::builder().reason(reason).rpc_options(self.rpc()).build();
        let handle = self.handle::<W>(subject);
        let sent = self.bounded(Attempt::on("cancel", subject), handle.cancel(options)).await;
        match sent {
            Ok(()) => Ok(()),
            Err(error) => Err(self.explain::<W>(subject, error).await),
        }
    }
}
