//! The account of a flow: what was started, how it ended, and what the histories say about the way there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt, stream};
use serde::Serialize;
use temporalio_client::errors::WorkflowInteractionError;
use temporalio_client::{Client, UntypedWorkflow, WorkflowDescribeOptions, WorkflowFetchHistoryOptions};
use temporalio_common::protos::temporal::api::history::v1::HistoryEvent;
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;

use super::attempts::{Counts, Ledger};
use crate::work::{End, Handle, Kind, is_away};

/// Calls to the server at once while the account is made up.
const CALLS: usize = 8;
/// One call of the account, repeated while the server is away.
const LIMIT: Duration = Duration::from_secs(60);

/// Everything that was started.
pub struct Account {
    client: Client,
    entries: Mutex<Entries>,
    ledger: Mutex<Ledger>,
}

#[derive(Default)]
struct Entries {
    open: BTreeSet<String>,
    started: usize,
    ended: BTreeMap<Kind, BTreeMap<String, End>>,
}

/// How much was started and has ended.
#[derive(Serialize)]
pub struct Stats {
    started: usize,
    ended: usize,
    failed: usize,
}

/// What is said at the end.
#[derive(Serialize)]
pub struct Closing {
    /// Result or failure of each order by its id.
    orders: BTreeMap<String, End>,
    /// Result or failure of each task by its id.
    tasks: BTreeMap<String, End>,
    /// Result or failure of each dataset run by its id.
    datasets: BTreeMap<String, End>,
    /// What the histories say.
    attempts: Counts,
}

impl Account {
    /// An empty account that asks through `client`.
    pub fn new(client: Client) -> Self {
        Self { client, entries: Mutex::default(), ledger: Mutex::default() }
    }

    /// A run is about to be started.
    pub fn starts(&self, workflow: &str) {
        let mut entries = self.entries.lock().expect("nobody panics with the entries");
        entries.started += 1;
        entries.open.insert(workflow.to_owned());
    }

    /// A run ended.
    pub fn ends(&self, kind: Kind, workflow: &str, id: &str, end: End) {
        let mut entries = self.entries.lock().expect("nobody panics with the entries");
        entries.open.remove(workflow);
        entries.ended.entry(kind).or_default().insert(id.to_owned(), end);
    }

    /// How much was started and has ended.
    pub fn stats(&self) -> Stats {
        let entries = self.entries.lock().expect("nobody panics with the entries");
        let ends = || entries.ended.values().flat_map(BTreeMap::values);
        Stats {
            started: entries.started,
            ended: ends().count(),
            failed: ends().filter(|end| end.is_err()).count(),
        }
    }

    /// Notes what every open run's pending activities last failed with; returns how many runs are open.
    ///
    /// # Errors
    /// When the server refuses to describe a run.
    pub async fn sample(&self) -> Result<usize> {
        let open: Vec<_> =
            self.entries.lock().expect("nobody panics with the entries").open.iter().cloned().collect();
        let count = open.len();
        let mut described = stream::iter(open).map(|id| self.describe(id)).buffer_unordered(CALLS);
        while let Some((id, pending)) = described.try_next().await? {
            let mut ledger = self.ledger.lock().expect("nobody panics with the ledger");
            pending.iter().for_each(|activity| ledger.pending(&id, activity));
        }
        Ok(count)
    }

    async fn describe(&self, id: String) -> Result<(String, Vec<PendingActivityInfo>)> {
        let handle: Handle = self.client.get_workflow_handle::<UntypedWorkflow>(&id);
        let described = patiently(|| handle.describe(WorkflowDescribeOptions::default())).await;
        match described.with_context(|| format!("cannot describe {id}"))? {
            Some(described) => Ok((id, described.into_raw().pending_activities)),
            // About to be started.
            None => Ok((id, Vec::new())),
        }
    }

    /// Says how everything ended, after reading every history if `histories`. To be called when nothing is open.
    ///
    /// # Errors
    /// When a history cannot be read.
    pub async fn close(&self, histories: bool) -> Result<Closing> {
        let mut ended =
            std::mem::take(&mut self.entries.lock().expect("nobody panics with the entries").ended);
        let ids: Vec<_> = ended
            .iter()
            .filter(|_| histories)
            .flat_map(|(kind, ends)| ends.keys().map(move |id| format!("{}-{id}", kind.prefix())))
            .collect();
        let mut histories = stream::iter(ids).map(|id| self.events(id)).buffer_unordered(CALLS);
        while let Some((id, events)) = histories.try_next().await? {
            self.ledger.lock().expect("nobody panics with the ledger").history(&id, &events);
        }
        let mut take = |kind| ended.remove(&kind).unwrap_or_default();
        let (orders, tasks, datasets) = (take(Kind::Order), take(Kind::Task), take(Kind::Dataset));
        let attempts = self.ledger.lock().expect("nobody panics with the ledger").counts();
        Ok(Closing { orders, tasks, datasets, attempts })
    }

    async fn events(&self, id: String) -> Result<(String, Vec<HistoryEvent>)> {
        let handle: Handle = self.client.get_workflow_handle::<UntypedWorkflow>(&id);
        let fetch = || handle.fetch_history(WorkflowFetchHistoryOptions::default()).into_events();
        let events = patiently(fetch).await.with_context(|| format!("cannot read the history of {id}"))?;
        events.map(|events| (id.clone(), events)).with_context(|| format!("{id} is not on the server"))
    }
}

/// Makes a call until the server answers; `None` when it knows no such run.
async fn patiently<T, F>(mut call: impl FnMut() -> F) -> Result<Option<T>>
where
    F: Future<Output = std::result::Result<T, WorkflowInteractionError>>,
{
    tokio::time::timeout(LIMIT, async {
        loop {
            match call().await {
                Ok(answer) => return Ok(Some(answer)),
                Err(WorkflowInteractionError::NotFound(_)) => return Ok(None),
                Err(WorkflowInteractionError::Rpc(status)) if is_away(status.code()) => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    })
    .await
    .with_context(|| format!("the server did not answer within {LIMIT:?}"))?
}
