//! Driving orders and tasks through a task queue, and timing each.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use temporalio_client::{
    Client, ClientOptions, Connection, ConnectionOptions, UntypedSignal, UntypedWorkflow,
    WorkflowGetResultOptions, WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};

/// No single order or task may take longer.
const LIMIT: Duration = Duration::from_secs(60);

/// What is driven.
#[derive(Clone, Copy)]
pub enum Work {
    /// An order object, approved by signal.
    Order,
    /// A task of five steps over the small dataset with this id prefix.
    Task,
}

/// One measured run.
pub struct Figures {
    /// Times from start to result, in microseconds.
    pub latency: Histogram<u64>,
    /// From the first start to the last result.
    pub elapsed: Duration,
}

pub async fn connect(address: &str) -> Result<Client> {
    let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
    let options =
        ConnectionOptions::new(address.parse::<url::Url>()?).connect_timeout(Duration::from_secs(10)).build();
    let connection =
        Connection::connect(options).await.with_context(|| format!("no Temporal server at {address}"))?;
    Ok(Client::new(connection, ClientOptions::new("default").build())?)
}

/// Runs `count` pieces of work with at most `in_flight` at once.
pub async fn drive(
    client: &Client,
    queue: &str,
    work: Work,
    prefix: &str,
    count: usize,
    in_flight: usize,
) -> Result<Figures> {
    let started = Instant::now();
    let latency = stream::iter(0..count)
        .map(|number| async move {
            let begin = Instant::now();
            let id = format!("{prefix}-{number}");
            tokio::time::timeout(LIMIT, one(client, queue, work, &id))
                .await
                .with_context(|| format!("{id} did not end within {LIMIT:?}"))??;
            anyhow::Ok(begin.elapsed())
        })
        .buffer_unordered(in_flight)
        .try_fold(Histogram::new(3)?, |mut histogram, took| async move {
            histogram.record(u64::try_from(took.as_micros())?)?;
            Ok(histogram)
        })
        .await?;
    Ok(Figures { latency, elapsed: started.elapsed() })
}

async fn one(client: &Client, queue: &str, work: Work, id: &str) -> Result<()> {
    let converter = PayloadConverter::default();
    let (name, input) = match work {
        Work::Order => ("interactiveOrderWorkflow", RawValue::from_value(&order(id), &converter)),
        Work::Task => ("trackableWorkflow", RawValue::from_value(&id.to_owned(), &converter)),
    };
    let options = WorkflowStartOptions::new(queue, format!("{queue}-{id}")).build();
    let handle = client.start_workflow(UntypedWorkflow::new(name), input, options).await?;
    if matches!(work, Work::Order) {
        let by = RawValue::from_value(&"manager@company.com".to_owned(), &converter);
        handle.signal(UntypedSignal::new("approve"), by, WorkflowSignalOptions::default()).await?;
    }
    match handle.get_result(WorkflowGetResultOptions::default()).await {
        Ok(_) => Ok(()),
        Err(error) => bail!("{id} failed: {error}"),
    }
}

fn order(id: &str) -> serde_json::Value {
    serde_json::json!({
        "orderId": id, "customerId": "CUST-LOAD", "currency": "EUR", "requestedBy": "load@company.com",
        "lines": [{"sku": "KEEL-ROPE", "quantity": 1, "unitPriceMinor": 1250}],
    })
}
