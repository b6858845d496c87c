//! What the supervisor tells the world: checks of readiness, one log line for each change, and its part of `/health`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use keel_telemetry::Health;
use keel_telemetry::health::{Check, Phase};
use keel_types::names::metric;
use serde_json::{Value, json};

use crate::WorkerSettings;
use crate::generation::Generation;
use crate::load::Load;

/// The worker's conditions of readiness.
#[derive(Debug)]
pub(crate) struct Status {
    health: Health,
    /// The server answers, takes our credentials and has the namespace.
    pub(crate) temporal: Topic,
    /// The store answers.
    pub(crate) store: Topic,
    /// The server has seen our polls.
    pub(crate) pollers: Topic,
    /// Not every slot is taken for long.
    pub(crate) slots: Topic,
    facts: Arc<Mutex<Facts>>,
    announced: bool,
    ready: bool,
}

/// One condition; changes are logged once.
#[derive(Debug)]
pub(crate) struct Topic {
    check: Check,
    name: &'static str,
    told: Option<String>,
}

/// What `/health` shows under `worker`.
#[derive(Debug, Default)]
struct Facts {
    generation: u64,
    threads: usize,
    load: Option<Arc<Load>>,
    /// Activities of all generations.
    activities_run: Arc<AtomicU64>,
    draining: usize,
    rebuilds: u64,
    last_rebuild: Option<(&'static str, String, Instant)>,
    polls: String,
}

impl Topic {
    fn new(health: &Health, name: &'static str) -> Self {
        Self { check: health.check(name), name, told: None }
    }

    /// It holds.
    pub(crate) fn pass(&mut self) {
        self.check.pass();
        if self.told.take().is_some() {
            tracing::info!(check = self.name, "{} is fine again", self.name);
        }
    }

    /// It does not hold. The log hears of it when the reason is a new one; a number that counts up makes no new reason.
    pub(crate) fn fail(&mut self, why: &str) {
        self.check.fail(why);
        let told: String = why.chars().filter(|c| !c.is_ascii_digit()).collect();
        if self.told.as_ref() != Some(&told) {
            tracing::warn!(check = self.name, "not ready: {why}");
            self.told = Some(told);
        }
    }

    /// It does not hold yet, as is to be expected for a moment.
    pub(crate) fn wait(&self, why: &str) {
        self.check.fail(why);
    }
}

impl Status {
    pub(crate) fn new(health: &Health, settings: &WorkerSettings) -> Self {
        let facts = Arc::new(Mutex::new(Facts {
            threads: settings.worker.workflow_threads,
            polls: "none yet".to_owned(),
            ..Facts::default()
        }));
        let shown = Arc::clone(&facts);
        health.detail("worker", move || shown.lock().unwrap_or_else(PoisonError::into_inner).report());
        metrics::gauge!(metric::WORKER_READY).set(0.0);
        let slots = Topic::new(health, "slots");
        slots.check.pass();
        let pollers = Topic::new(health, "pollers");
        pollers.wait("not polling yet");
        Self {
            health: health.clone(),
            temporal: Topic::new(health, "temporal"),
            store: Topic::new(health, "store"),
            pollers,
            slots,
            facts,
            announced: false,
            ready: false,
        }
    }

    /// Why the process is not ready, in one line.
    pub(crate) fn problems(&self) -> String {
        self.health.report().problems.join("; ")
    }

    /// The worker has what it needs to poll.
    pub(crate) fn running(&self) {
        self.health.set_phase(Phase::Running);
    }

    /// The process was asked to end.
    pub(crate) fn draining(&mut self) {
        self.health.set_phase(Phase::Draining);
        self.ready = false;
        metrics::gauge!(metric::WORKER_READY).set(0.0);
    }

    /// Where activities of all generations are counted.
    pub(crate) fn activities_run(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.facts().activities_run)
    }

    /// `generation` polls from now on.
    pub(crate) fn took_over(&self, generation: &Generation) {
        let mut facts = self.facts();
        facts.generation = generation.number;
        facts.load = Some(Arc::clone(&generation.load));
    }

    /// The SDK workers are replaced.
    pub(crate) fn rebuilt(&self, reason: &'static str, why: &str) {
        tracing::info!(reason, why, "rebuilding the SDK worker");
        metrics::counter!(metric::WORKER_REBUILDS_TOTAL, "reason" => reason).increment(1);
        let mut facts = self.facts();
        facts.rebuilds += 1;
        facts.last_rebuild = Some((reason, why.to_owned(), Instant::now()));
    }

    /// So many earlier generations still finish what they have.
    pub(crate) fn set_draining(&self, draining: usize) {
        self.facts().draining = draining;
    }

    /// How it is known that polls reach the server.
    pub(crate) fn set_polls(&self, how: &str) {
        let mut facts = self.facts();
        if facts.polls != how {
            how.clone_into(&mut facts.polls);
        }
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        // Every change is one assignment.
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes on whether the worker is ready; says so when it has just become so.
    pub(crate) fn publish(&mut self, settings: &WorkerSettings) -> bool {
        let ready = self.health.is_ready();
        if ready == self.ready {
            return ready;
        }
        self.ready = ready;
        metrics::gauge!(metric::WORKER_READY).set(if ready { 1.0 } else { 0.0 });
        if ready && self.announced {
            tracing::info!("worker ready again");
        } else if ready {
            self.announced = true;
            announce(settings);
        }
        ready
    }
}

impl Facts {
    fn report(&self) -> Value {
        let rebuild = self.last_rebuild.as_ref().map(
            |(reason, why, at)| json!({"reason": reason, "why": why, "secondsAgo": at.elapsed().as_secs()}),
        );
        json!({
            "generation": self.generation,
            "threads": self.threads,
            "slots": self.load.as_ref().map(|load| load.report()),
            "activitiesRun": self.activities_run.load(Ordering::Relaxed),
            "drainingGenerations": self.draining,
            "polls": self.polls,
            "rebuilds": self.rebuilds,
            "lastRebuild": rebuild,
        })
    }
}

fn announce(settings: &WorkerSettings) {
    tracing::info!(
        task_queue = settings.worker.task_queue,
        namespace = settings.temporal.namespace,
        address = settings.temporal.address,
        build_id = settings.worker.build(),
        deployment = settings.worker.deployment,
        version = env!("CARGO_PKG_VERSION"),
        "worker ready"
    );
    if let Some(path) = &settings.worker.ready_file
        && let Err(error) = std::fs::write(path, format!("{}\n", std::process::id()))
    {
        // Whoever waits for the file notices; the work goes on.
        tracing::error!(path = %path.display(), error = %error, "cannot write the ready file; check worker.ready_file");
    }
}
