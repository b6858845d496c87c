//! One worker per test, on its own task queue of the shared server; every wait has a deadline.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::future::LocalBoxFuture;
use keel_types::names::order_workflow_id;
use keel_types::workflow::{InteractiveOrder, Trackable};
use keel_workflows::options::{OrderOptions, RetryOptions, TaskOptions, WorkflowOptions};
use temporalio_client::errors::WorkflowGetResultError;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, WorkflowFetchHistoryOptions,
    WorkflowGetResultOptions, WorkflowHandle, WorkflowStartOptions,
};
use temporalio_common::error::IncomingError;
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::{Runtime, Worker, WorkerOptions};

use crate::fakes::{FakeActivities, Fakes};

/// No single wait of a test lasts longer.
pub const DEADLINE: Duration = Duration::from_secs(30);

pub type Handle<W> = WorkflowHandle<Client, W>;

/// A running worker, and the way to it.
pub struct Bench {
    pub client: Client,
    pub task_queue: String,
    pub fakes: Arc<Fakes>,
}

/// Options that make failures quick.
pub fn quick() -> WorkflowOptions {
    let retry = RetryOptions {
        initial_interval: Duration::from_millis(50),
        maximum_interval: Duration::from_millis(100),
        ..RetryOptions::default()
    };
    WorkflowOptions {
        order: OrderOptions {
            fulfil_within: Duration::from_secs(2),
            step_timeout: Duration::from_secs(2),
            retry: retry.clone(),
            ..OrderOptions::default()
        },
        task: TaskOptions { heartbeat_timeout: Duration::from_secs(3), retry, ..TaskOptions::default() },
    }
}

/// An id nobody else uses.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().expect("the clock is past 1970").as_micros();
    format!("{prefix}-{now}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Runs `scenario` while a worker with these fakes and options polls its own queue.
pub fn with_worker<F>(
    fakes: Fakes,
    options: WorkflowOptions,
    scenario: impl FnOnce(Arc<Bench>) -> F + 'static,
) -> LocalBoxFuture<'static, ()>
where
    F: Future<Output = ()> + 'static,
{
    Box::pin(async move {
        let bench = Arc::new(Bench {
            client: connect().await,
            task_queue: unique("workflows"),
            fakes: Arc::new(fakes),
        });
        let runtime = Runtime::from_current_tokio(RuntimeOptions::default()).expect("a runtime");
        let mut worker_options = WorkerOptions::new(&bench.task_queue)
            .register_activities(FakeActivities(bench.fakes.clone()))
            .max_heartbeat_throttle_interval(Duration::from_millis(200))
            .graceful_shutdown_period(Duration::from_millis(10))
            .build();
        keel_workflows::register(&mut worker_options, &Arc::new(options)).expect("registration");
        let mut worker = Worker::new(&runtime, bench.client.clone(), worker_options).expect("a worker");
        let shutdown = worker.shutdown_handle();
        let scenario = async {
            scenario(bench).await;
            shutdown();
        };
        let both = async { tokio::join!(worker.run(), scenario) };
        let (ran, ()) = tokio::time::timeout(DEADLINE * 2, both).await.expect("the test ends in time");
        ran.expect("the worker ends without an error");
    })
}

async fn connect() -> Client {
    let address = std::env::var("KEEL_TEST_TEMPORAL_ADDRESS")
        .expect("set KEEL_TEST_TEMPORAL_ADDRESS or run `cargo xtask test`, which starts a server");
    let address = if address.contains("://") { address } else { format!("http://{address}") };
    let options = ConnectionOptions::new(address.parse::<url::Url>().expect("an address"))
        .connect_timeout(Duration::from_secs(5))
        .build();
    let connection = Connection::connect(options).await.expect("the test server answers");
    Client::new(connection, ClientOptions::new("default").build()).expect("a client")
}

impl Bench {
    pub async fn start_order(&self, order_id: &str) -> Handle<InteractiveOrder> {
        self.start_order_with(order_id, Duration::from_secs(10)).await
    }

    /// With a short task timeout, messages are handled soon even while a local activity runs long.
    pub async fn start_order_with(&self, order_id: &str, task_timeout: Duration) -> Handle<InteractiveOrder> {
        let input = keel_types::input::OrderInput::Id(order_id.to_owned());
        let options = WorkflowStartOptions::new(&self.task_queue, order_workflow_id(order_id))
            .task_timeout(task_timeout)
            .build();
        within(self.client.start_workflow(InteractiveOrder, input, options)).await.expect("the order starts")
    }

    pub async fn start_task(&self, task_id: &str) -> Handle<Trackable> {
        let options = WorkflowStartOptions::new(&self.task_queue, format!("task-{task_id}")).build();
        within(self.client.start_workflow(Trackable, task_id.to_owned(), options))
            .await
            .expect("the task starts")
    }

    pub fn journal(&self) -> Vec<String> {
        self.fakes.journal()
    }
}

/// How a run ended: its result, or its failure type and message.
pub async fn end<W>(handle: &Handle<W>) -> Result<String, (String, String)>
where
    W: HasWorkflowDefinition + WorkflowDefinition<Output = String>,
{
    match within(handle.get_result(WorkflowGetResultOptions::default())).await {
        Ok(result) => Ok(result),
        Err(WorkflowGetResultError::Failed(error)) => match *error {
            IncomingError::Application(failure) => {
                Err((failure.type_name().unwrap_or_default().to_owned(), failure.source_error().to_string()))
            }
            other => panic!("an application failure was expected, not {other:?}"),
        },
        Err(WorkflowGetResultError::Cancelled { .. }) => Err(("cancelled".to_owned(), String::new())),
        Err(other) => panic!("the run should end, not {other:?}"),
    }
}

/// Waits until `ready` yields a value; the tests' only way to wait for a state.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, mut ready: impl FnMut() -> F) -> T {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        if let Some(value) = ready().await {
            return value;
        }
        assert!(tokio::time::Instant::now() < end, "{what} did not happen within {DEADLINE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.expect("the call ends in time")
}

/// Stores the run's history for the replay tests, when asked to.
pub async fn record<W>(handle: &Handle<W>, name: &str)
where
    W: HasWorkflowDefinition,
{
    if std::env::var_os("KEEL_RECORD_HISTORIES").is_none() {
        return;
    }
    let history = handle.fetch_history(WorkflowFetchHistoryOptions::default());
    let json = within(history.to_json()).await.expect("a history as JSON");
    std::fs::write(histories().join(format!("{name}.json")), json).expect("the history is stored");
}

pub fn histories() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/histories")
}
