//! Driving a fixed number of orders or tasks through a task queue, and timing each.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use futures::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use temporalio_client::Client;

use crate::work::{self, Kind};

/// One measured run.
pub struct Figures {
    /// Times from start to result, in microseconds.
    pub latency: Histogram<u64>,
    /// From the first start to the last result.
    pub elapsed: Duration,
}

/// Runs `count` pieces of work with at most `in_flight` at once.
pub async fn drive(
    client: &Client,
    queue: &str,
    kind: Kind,
    prefix: &str,
    count: usize,
    in_flight: usize,
) -> Result<Figures> {
    let started = Instant::now();
    let latency = stream::iter(0..count)
        .map(|number| async move {
            let begin = Instant::now();
            let id = format!("{prefix}-{number}");
            let end = work::run(client, queue, kind, &format!("{queue}-{id}"), &id).await?;
            end.map_err(|failure| anyhow!("{id} failed: {failure}"))?;
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
