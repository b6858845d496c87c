//! The streams of a flow: for each kind of work so many in flight, a new one when one ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow};
use temporalio_client::Client;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::account::Account;
use super::pace::Pace;
use crate::work::{self, Kind};

/// Work in flight; dropped, it starts and awaits nothing more.
pub struct Streams {
    shared: Arc<Shared>,
    lanes: JoinSet<Result<()>>,
}

struct Shared {
    client: Client,
    queue: String,
    data_dir: PathBuf,
    prefix: String,
    account: Arc<Account>,
    stopping: tokio::sync::watch::Sender<bool>,
}

/// What the lanes of one kind share.
struct Lane {
    kind: Kind,
    template: String,
    number: AtomicUsize,
    pace: Option<Mutex<Pace>>,
}

impl Streams {
    /// No work yet.
    pub fn new(
        client: Client,
        queue: String,
        data_dir: PathBuf,
        prefix: String,
        account: Arc<Account>,
    ) -> Self {
        let stopping = tokio::sync::watch::Sender::new(false);
        let shared = Shared { client, queue, data_dir, prefix, account, stopping };
        Self { shared: Arc::new(shared), lanes: JoinSet::new() }
    }

    /// Keeps up to `in_flight` of a kind going, new ones at `pace` where there is one. Tasks and datasets work on the
    /// dataset `template` under names of their own.
    pub fn open(&mut self, kind: Kind, in_flight: usize, pace: Option<Pace>, template: &str) {
        let pace = pace.map(Mutex::new);
        let number = AtomicUsize::new(0);
        let lane = Arc::new(Lane { kind, template: template.to_owned(), number, pace });
        for _ in 0..in_flight {
            self.lanes.spawn(Arc::clone(&self.shared).run(Arc::clone(&lane)));
        }
    }

    /// Resolves when a lane broke; nothing but an error of this program or a refusal of the server does that.
    pub async fn broken(&mut self) -> anyhow::Error {
        while let Some(ended) = self.lanes.join_next().await {
            if let Err(error) = ended.map_err(anyhow::Error::from).flatten() {
                return error;
            }
        }
        std::future::pending().await
    }

    /// Starts nothing more and waits for every result; each run has its own limit.
    ///
    /// # Errors
    /// When a lane broke.
    pub async fn finish(&mut self) -> Result<()> {
        self.shared.stopping.send_replace(true);
        while let Some(ended) = self.lanes.join_next().await {
            ended??;
        }
        Ok(())
    }
}

impl Shared {
    async fn run(self: Arc<Self>, lane: Arc<Lane>) -> Result<()> {
        let mut stopping = self.stopping.subscribe();
        loop {
            tokio::select! {
                biased;
                _ = stopping.wait_for(|stopping| *stopping) => return Ok(()),
                () = lane.turn() => {}
            }
            self.one(&lane).await?;
        }
    }

    async fn one(&self, lane: &Lane) -> Result<()> {
        let kind = lane.kind;
        let number = lane.number.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{}-{number:05}", self.prefix, kind.prefix());
        if !lane.template.is_empty() {
            self.provide(&lane.template, &id)?;
        }
        let workflow = format!("{}-{id}", kind.prefix());
        self.account.starts(&workflow);
        let end = work::run(&self.client, &self.queue, kind, &workflow, &id).await?;
        self.account.ends(kind, &workflow, &id, end);
        Ok(())
    }

    /// Gives the dataset a further name; its rows are on the disk once.
    fn provide(&self, template: &str, id: &str) -> Result<()> {
        let file = |name: &str| self.data_dir.join("datasets").join(format!("{name}.csv"));
        std::fs::hard_link(file(template), file(id))
            .map_err(|error| anyhow!(error))
            .with_context(|| format!("cannot link dataset {template} as {id} in {}", self.data_dir.display()))
    }
}

impl Lane {
    async fn turn(&self) {
        if let Some(pace) = &self.pace {
            pace.lock().await.turn().await;
        }
    }
}
