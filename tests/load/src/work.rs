//! One order, task or dataset run from its start to its result, through every outage of the server on the way.

use std::time::Duration;

use anyhow::{Context, Result};
use temporalio_client::errors::{WorkflowGetResultError, WorkflowInteractionError, WorkflowStartError};
use temporalio_client::tonic::Code;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedSignal, UntypedWorkflow,
    WorkflowGetResultOptions, WorkflowHandle, WorkflowIdReusePolicy, WorkflowSignalOptions,
    WorkflowStartOptions,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};

/// No single order, task or dataset may take longer, outages included.
const LIMIT: Duration = Duration::from_secs(300);
/// Between two attempts to reach a server that is away.
const AWAY: Duration = Duration::from_millis(100);

/// A run of the wire contract, known by name only.
pub type Handle = WorkflowHandle<Client, UntypedWorkflow>;

/// What is driven.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An order object, approved by signal.
    Order,
    /// A task of five steps over the dataset of the same id.
    Task,
    /// A dataset run on its own.
    Dataset,
}

impl Kind {
    /// The start of its workflow ids, as Keel's own client has them.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Task => "task",
            Self::Dataset => "dataset",
        }
    }

    const fn workflow(self) -> &'static str {
        match self {
            Self::Order => "interactiveOrderWorkflow",
            Self::Task => "trackableWorkflow",
            Self::Dataset => "datasetWorkflow",
        }
    }
}

/// A client of the server at `address`.
pub async fn connect(address: &str) -> Result<Client> {
    let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let options =
        ConnectionOptions::new(address.parse::<url::Url>()?).connect_timeout(Duration::from_secs(10)).build();
    let connection =
        Connection::connect(options).await.with_context(|| format!("no Temporal server at {address}"))?;
    Ok(Client::new(connection, ClientOptions::new("default").build())?)
}

/// Starts it, approves it where it is an order, and waits for its result.
///
/// Returns the text of the result, or what the run failed with.
///
/// # Errors
/// When the server refuses a call, or all of it takes longer than five minutes.
pub async fn run(client: &Client, queue: &str, kind: Kind, workflow: &str, id: &str) -> Result<End> {
    tokio::time::timeout(LIMIT, async {
        let handle = start(client, queue, kind, workflow, id).await?;
        if kind == Kind::Order {
            approve(&handle).await?;
        }
        result(&handle).await
    })
    .await
    .with_context(|| format!("{workflow} did not end within {LIMIT:?}"))?
    .with_context(|| workflow.to_owned())
}

/// How a run ended.
pub type End = std::result::Result<String, String>;

async fn start(client: &Client, queue: &str, kind: Kind, workflow: &str, id: &str) -> Result<Handle> {
    let converter = PayloadConverter::default();
    loop {
        let input = match kind {
            Kind::Order => RawValue::from_value(&order(id), &converter),
            Kind::Task | Kind::Dataset => RawValue::from_value(&id.to_owned(), &converter),
        };
        // A start whose answer was lost is found again and never doubled.
        let options = WorkflowStartOptions::new(queue, workflow)
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .build();
        match client.start_workflow(UntypedWorkflow::new(kind.workflow()), input, options).await {
            // Of the workflow and not of this run: a rollback may let it begin again in another run.
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => {
                return Ok(client.get_workflow_handle(workflow));
            }
            Err(WorkflowStartError::Rpc(status)) if is_away(status.code()) => tokio::time::sleep(AWAY).await,
            Err(error) => return Err(error.into()),
        }
    }
}

async fn approve(handle: &Handle) -> Result<()> {
    loop {
        let by = RawValue::from_value(&"manager@company.com".to_owned(), &PayloadConverter::default());
        match handle.signal(UntypedSignal::new("approve"), by, WorkflowSignalOptions::default()).await {
            Ok(()) => return Ok(()),
            // A signal that did arrive before the outage may have completed the order.
            Err(WorkflowInteractionError::NotFound(_)) => return Ok(()),
            Err(WorkflowInteractionError::Rpc(status)) if is_away(status.code()) => {
                tokio::time::sleep(AWAY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

async fn result(handle: &Handle) -> Result<End> {
    // A run that was reset is terminated, and the next question is answered by the run that took its place.
    let mut ended_before = false;
    loop {
        match handle.get_result(WorkflowGetResultOptions::default()).await {
            Ok(value) => return Ok(Ok(text(&value))),
            Err(WorkflowGetResultError::Terminated { .. }) if !ended_before => ended_before = true,
            Err(error) if error.is_workflow_outcome() => return Ok(Err(error.to_string())),
            Err(WorkflowGetResultError::Rpc(status)) if is_away(status.code()) => {
                tokio::time::sleep(AWAY).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn text(value: &RawValue) -> String {
    let bytes = value.payloads.first().map(|payload| payload.data.as_slice()).unwrap_or_default();
    serde_json::from_slice(bytes).unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned())
}

/// Whether the server may simply be away, so that the same call is worth making again.
pub const fn is_away(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable
            | Code::DeadlineExceeded
            | Code::Cancelled
            | Code::Unknown
            | Code::Internal
            | Code::Aborted
            | Code::ResourceExhausted
    )
}

/// An order of one article; all orders of the load are alike, so that the stock tells how many took effect.
fn order(id: &str) -> serde_json::Value {
    serde_json::json!({
        "orderId": id, "customerId": "CUST-LOAD", "currency": "EUR", "requestedBy": "load@company.com",
        "lines": [{"sku": "KEEL-ROPE", "quantity": 1, "unitPriceMinor": 1250}],
    })
}
