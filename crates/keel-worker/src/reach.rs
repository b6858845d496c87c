//! Reaching what the worker needs before it can poll: Temporal and the store, for as long as it takes.

use std::sync::Arc;

use keel_activities::store::Store;
use keel_config::TemporalSection;
use keel_temporal::{SearchAttributesError, Wait};
use keel_types::names::search_attribute;
use temporalio_client::Client;
use temporalio_client::tonic::Code;
use tokio::task::JoinSet;

use crate::backoff::Backoff;
use crate::status::Topic;
use crate::{Observed, WorkerError, WorkerSettings, build};

/// Opens the store, however often it takes.
///
/// # Errors
/// Only for what time cannot heal.
pub(crate) async fn store(
    settings: &WorkerSettings,
    topic: &mut Topic,
) -> Result<Arc<dyn Store>, WorkerError> {
    let mut backoff = Backoff::new(&settings.worker.reconnect);
    loop {
        match build::store(settings).await {
            Ok(store) => {
                topic.pass();
                return Ok(store);
            }
            Err(error) if error.may_heal() => topic.fail(&error.with_causes()),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}

/// One connection for each workflow thread of generation `number`, however often it takes.
///
/// # Errors
/// Only for what time cannot heal.
pub(crate) async fn temporal(
    settings: &WorkerSettings,
    observed: &Observed,
    number: u64,
    topic: &mut Topic,
    backoff: &mut Backoff,
) -> Result<Vec<Client>, WorkerError> {
    loop {
        match connections(settings, observed, number).await {
            Ok(clients) => {
                topic.pass();
                return Ok(clients);
            }
            Err(error) if error.may_heal() || number > 1 => topic.fail(&error.with_causes()),
            Err(error) => return Err(error),
        }
        tokio::time::sleep(backoff.pause()).await;
    }
}

/// One attempt at all connections of a generation. Two SDK workers of one queue cannot share one.
///
/// # Errors
/// [`WorkerError::Connect`] or [`WorkerError::SearchAttributes`].
pub(crate) async fn connections(
    settings: &WorkerSettings,
    observed: &Observed,
    number: u64,
) -> Result<Vec<Client>, WorkerError> {
    let base = identity(&settings.temporal);
    let mut connecting = JoinSet::new();
    for thread in 0..settings.worker.workflow_threads {
        let identity = format!("{base}#{number}.{thread}");
        let section = TemporalSection { identity: String::new(), ..settings.temporal.clone() };
        let instruments = observed.instruments.clone();
        connecting.spawn(async move {
            keel_temporal::connect(&section, &identity, &instruments, Wait::none()).await
        });
    }
    let mut clients = Vec::with_capacity(settings.worker.workflow_threads);
    while let Some(joined) = connecting.join_next().await {
        let connected = joined.map_err(|error| WorkerError::Create(error.into()))?;
        clients.push(connected.map_err(WorkerError::Connect)?);
    }
    if let Some(client) = clients.first() {
        attributes(client).await?;
    }
    Ok(clients)
}

async fn attributes(client: &Client) -> Result<(), WorkerError> {
    match keel_temporal::check_search_attributes(client, &search_attribute::ALL).await {
        // Hosted servers do not let everybody look; without them runs would stand still, which shows soon enough.
        Err(SearchAttributesError::Unreadable { source, .. })
            if matches!(source.code(), Code::PermissionDenied | Code::Unimplemented) =>
        {
            tracing::debug!(code = ?source.code(), "search attributes cannot be listed here");
            Ok(())
        }
        checked => checked.map_err(WorkerError::SearchAttributes),
    }
}

/// `keel-worker/<pid>@<host>`, as it shows in Temporal's web UI before the generation and thread.
fn identity(section: &TemporalSection) -> String {
    if !section.identity.is_empty() {
        return section.identity.clone();
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let host = host.as_deref().map_or("unknown-host", str::trim);
    format!("keel-worker/{}@{host}", std::process::id())
}
