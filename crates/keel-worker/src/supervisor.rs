//! Keeps one generation of SDK workers polling, whatever happens to it.
//!
//! A generation is replaced when it fails, when the server comes back after an outage (the SDK's own polls are in long
//! pauses then), and when it has run so many activities that the memory the SDK keeps for each is worth freeing.

use std::time::{Duration, Instant};

use keel_types::names::rebuild;

use crate::backoff::Backoff;
use crate::build::{Ends, Parts};
use crate::generation::Generation;
use crate::load::Load;
use crate::lookout::Lookout;
use crate::sight::{self, Sight};
use crate::status::Status;
use crate::{Observed, WorkerError, WorkerSettings, reach};

/// Most replaced generations that may still finish long activities.
const MAX_DRAINING: usize = 4;
/// A replaced generation without activities that has not ended by then is not waited for.
const LINGER: Duration = Duration::from_secs(30);
/// How long a new generation may take to be seen before the old one is kept.
const TAKE_OVER: Duration = Duration::from_secs(30);
/// After a take-over that failed.
const NEXT_TAKE_OVER: Duration = Duration::from_secs(60);
/// Longest wait for one answer while all is well, and while it is not.
const PATIENCE: [Duration; 2] = [Duration::from_secs(5), Duration::from_secs(2)];

/// See the module.
#[derive(Debug)]
pub(crate) struct Supervisor<'a> {
    pub(crate) settings: &'a WorkerSettings,
    observed: &'a Observed,
    pub(crate) status: Status,
    pub(crate) ends: Ends,
    backoff: Backoff,
    number: u64,
    pub(crate) current: Option<Generation>,
    pub(crate) retired: Vec<Generation>,
    recycle_after: Instant,
}

/// Why a generation is replaced.
#[derive(Debug)]
enum Change {
    /// Its SDK worker gave up.
    Failed(String),
    /// The server was away.
    ServerLost(String),
    /// It ran many activities.
    Recycle,
}

impl<'a> Supervisor<'a> {
    pub(crate) fn new(settings: &'a WorkerSettings, observed: &'a Observed) -> Self {
        Self {
            settings,
            observed,
            status: Status::new(&observed.health, settings),
            ends: Ends::default(),
            backoff: Backoff::new(&settings.worker.reconnect),
            number: 1,
            current: None,
            retired: Vec::new(),
            recycle_after: Instant::now(),
        }
    }

    /// Polls for as long as it is polled itself. Returns only what cannot be healed.
    pub(crate) async fn live(&mut self) -> WorkerError {
        match self.begin().await {
            Ok(parts) => match self.go_on(&parts).await {
                Ok(never) => match never {},
                Err(error) => error,
            },
            Err(error) => error,
        }
    }

    /// Reaches the server and the store, at the same time so that `/health` names whichever is missing.
    async fn begin(&mut self) -> Result<Parts, WorkerError> {
        let Self { settings, observed, status, backoff, .. } = self;
        let reached = async {
            tokio::try_join!(
                reach::store(settings, &mut status.store),
                reach::temporal(settings, observed, 1, &mut status.temporal, backoff),
            )
        };
        let (store, clients) = match settings.worker.connect_within {
            Duration::ZERO => reached.await?,
            within => match tokio::time::timeout(within, reached).await {
                Ok(reached) => reached?,
                Err(_) => return Err(WorkerError::NotWithin { within, problems: self.status.problems() }),
            },
        };
        let parts = Parts::new(self.settings, store, self.ends.clone())?;
        parts.providers().report_to(&self.observed.health);
        self.status.running();
        self.current = Some(self.start(clients, &parts)?);
        Ok(parts)
    }

    async fn go_on(&mut self, parts: &Parts) -> Result<std::convert::Infallible, WorkerError> {
        loop {
            match self.watch(parts).await? {
                Change::Recycle => self.take_over(parts).await,
                Change::Failed(why) => {
                    self.status.pollers.fail(&format!("the SDK worker gave up and is built again: {why}"));
                    self.status.publish(self.settings);
                    self.retire();
                    tokio::time::sleep(self.backoff.pause()).await;
                    self.raise(rebuild::FAILED, &why, parts).await?;
                }
                Change::ServerLost(why) => {
                    self.retire();
                    self.raise(rebuild::SERVER_LOST, &why, parts).await?;
                }
            }
        }
    }

    /// Watches the generation that polls until it has to be replaced.
    async fn watch(&mut self, parts: &Parts) -> Result<Change, WorkerError> {
        let mut lookout = Lookout::new();
        let mut ready = false;
        loop {
            let may_recycle = self.may_recycle();
            let generation = self.current.as_mut().expect("a generation polls whenever it is watched");
            if may_recycle && generation.load.is_worn_out() {
                return Ok(Change::Recycle);
            }
            let load = std::sync::Arc::clone(&generation.load);
            tokio::select! {
                biased;
                ended = generation.ended() => return failed(generation.number, ended),
                () = load.worn_out(), if may_recycle => return Ok(Change::Recycle),
                () = tokio::time::sleep(lookout.pause(ready)) => {}
            }
            let sight = match self.look(PATIENCE[usize::from(!ready)]).await {
                // The server forgets after five minutes who has had no slot to poll for; it did not restart.
                Sight::Unseen(why) if self.has_no_need_to_poll(&load) => Sight::Stale(why),
                sight => sight,
            };
            if lookout.counts(&sight) {
                self.tell(&sight, &load);
            }
            // Before that it has just been reached, and the first looks are milliseconds apart.
            if self.observed.health.has_started() {
                self.ask_store(parts).await;
            }
            self.prune();
            let lost = lookout.judge(&sight, Instant::now());
            if let Some(why) = &lost {
                self.status.pollers.wait(&format!("the SDK worker is built again: {why}"));
            }
            ready = self.status.publish(self.settings);
            if let Some(why) = lost {
                return Ok(Change::ServerLost(why));
            }
            if ready {
                self.backoff.reset();
            }
        }
    }

    /// What the server says of the generation that polls.
    pub(crate) async fn look(&self, limit: Duration) -> Sight {
        match &self.current {
            Some(generation) => {
                let (section, options) = (&self.settings.temporal, &self.settings.worker);
                sight::look(&generation.client, section, options, generation.identities(), limit).await
            }
            None => Sight::Away("not connected".to_owned()),
        }
    }

    /// Makes conditions of readiness of what was seen.
    fn tell(&mut self, sight: &Sight, load: &Load) {
        let idle = self.has_no_need_to_poll(load);
        let Status { temporal, pollers, slots, .. } = &mut self.status;
        match sight {
            Sight::Away(why) | Sight::Slow(why) | Sight::Refused(why) => temporal.fail(why),
            _ => temporal.pass(),
        }
        match sight {
            Sight::Stale(_) if idle => pollers.pass(),
            Sight::Stale(why) => pollers.fail(why),
            Sight::Unseen(why) => pollers.wait(why),
            Sight::Polling | Sight::Untold(_) => pollers.pass(),
            Sight::Away(_) | Sight::Slow(_) | Sight::Refused(_) => {}
        }
        match load.saturated(self.settings.worker.saturated_after) {
            Some(why) => slots.fail(&why),
            None => slots.pass(),
        }
        match sight {
            Sight::Polling => self.status.set_polls("seen by the server"),
            Sight::Untold(why) => self.status.set_polls(&format!("not verified: {why}")),
            Sight::Stale(why) | Sight::Unseen(why) => self.status.set_polls(why),
            Sight::Away(_) | Sight::Slow(_) | Sight::Refused(_) => {}
        }
    }

    /// Without a free slot there is nothing to poll for, and `slots` says when that is bad; and a worker that may only
    /// start so many activities a second polls when it may.
    fn has_no_need_to_poll(&self, load: &Load) -> bool {
        load.is_full() || self.settings.worker.max_activities_per_second > 0.0
    }

    async fn ask_store(&mut self, parts: &Parts) {
        match tokio::time::timeout(PATIENCE[0], parts.store().ping()).await {
            Ok(Ok(())) => self.status.store.pass(),
            Ok(Err(error)) => self.status.store.fail(&error.to_string()),
            Err(_) => self.status.store.fail("the store does not answer; check the database and `store.url`"),
        }
    }

    fn start(
        &mut self,
        clients: Vec<temporalio_client::Client>,
        parts: &Parts,
    ) -> Result<Generation, WorkerError> {
        let load = Load::new(&self.settings.worker, self.status.activities_run());
        let Observed { health, instruments } = self.observed;
        let generation = Generation::start(self.number, clients, parts, load, instruments, health)?;
        self.number += 1;
        self.status.took_over(&generation);
        Ok(generation)
    }

    /// A new generation in the place of one that is of no use any more.
    async fn raise(&mut self, reason: &'static str, why: &str, parts: &Parts) -> Result<(), WorkerError> {
        let Self { settings, observed, status, backoff, number, .. } = self;
        let clients = reach::temporal(settings, observed, *number, &mut status.temporal, backoff).await?;
        self.status.rebuilt(reason, why);
        self.current = Some(self.start(clients, parts)?);
        Ok(())
    }

    /// A new generation beside the one that polls; only when the server has seen its polls does the old one stop.
    async fn take_over(&mut self, parts: &Parts) {
        self.recycle_after = Instant::now() + NEXT_TAKE_OVER;
        let run = self.current.as_ref().map_or(0, |generation| generation.load.activities_run());
        let clients = match reach::connections(self.settings, self.observed, self.number).await {
            Ok(clients) => clients,
            Err(error) => {
                tracing::warn!(error = %error.with_causes(), "the SDK worker could not be rebuilt; trying again later");
                return;
            }
        };
        // Among the retired it is stopped like the others if the process has to end right now.
        self.retired.extend(self.current.take());
        let seen = match self.start(clients, parts) {
            Ok(new) => {
                self.current = Some(new);
                tokio::time::timeout(TAKE_OVER, self.seen()).await.unwrap_or(false)
            }
            Err(error) => {
                tracing::warn!(error = %error.with_causes(), "the SDK worker could not be rebuilt; trying again later");
                false
            }
        };
        if seen {
            self.status.rebuilt(rebuild::RECYCLE, &format!("{run} activities ran"));
            self.recycle_after = Instant::now();
        } else {
            self.go_back();
        }
        self.retired.iter_mut().for_each(Generation::stop);
        self.prune();
    }

    /// The generation before goes on in the place of a new one that does not come up.
    fn go_back(&mut self) {
        let new = self.current.take();
        self.current = self.retired.pop();
        if let Some(old) = &self.current {
            self.status.took_over(old);
        }
        if let Some(new) = new {
            tracing::warn!("the server did not see the polls of the new SDK worker; the old one goes on");
            self.retired.push(new);
        }
    }

    /// Whether the server sees the polls of the current generation before that ends.
    async fn seen(&mut self) -> bool {
        let mut lookout = Lookout::new();
        loop {
            let generation = self.current.as_mut().expect("it was just started");
            tokio::select! {
                biased;
                _ = generation.ended() => return false,
                () = tokio::time::sleep(lookout.pause(false)) => {}
            }
            if matches!(self.look(PATIENCE[1]).await, Sight::Polling | Sight::Untold(_)) {
                return true;
            }
        }
    }

    fn may_recycle(&self) -> bool {
        self.retired.len() < MAX_DRAINING && self.recycle_after <= Instant::now()
    }

    fn retire(&mut self) {
        if let Some(mut generation) = self.current.take() {
            generation.stop();
            self.retired.push(generation);
            self.prune();
        }
    }

    /// Forgets replaced generations that have ended, and ends those that only wait for a server that is not there.
    fn prune(&mut self) {
        let idle = |generation: &Generation| {
            generation.load.activities() == 0 && generation.stopped.is_some_and(|at| at.elapsed() > LINGER)
        };
        for generation in &mut self.retired {
            if idle(generation) {
                generation.abandon();
            }
        }
        self.retired.retain_mut(|generation| !generation.is_over());
        self.status.set_draining(self.retired.len());
    }
}

fn failed(number: u64, ended: Result<(), WorkerError>) -> Result<Change, WorkerError> {
    match ended {
        // What the SDK refuses at the first start it will always refuse.
        Err(error @ WorkerError::Create(_)) if number == 1 => Err(error),
        Err(error) => Ok(Change::Failed(error.with_causes())),
        Ok(()) => Ok(Change::Failed("it ended without being asked to".to_owned())),
    }
}
