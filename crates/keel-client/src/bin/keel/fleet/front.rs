//! What the front knows of the fleet: asked of the server and of the workers when somebody asks the front, and kept for a
//! second, so that nobody can hammer the server through it.

mod series;
mod workers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keel_client::{Caller, Fleet, FleetStatus};
use keel_telemetry::Health;
use keel_telemetry::health::Check;
use keel_telemetry::http::{Refreshed, Source};
use serde_json::{Value, json};
use url::Url;

use crate::settings::Context;
use workers::Answer;

/// How long what was found is shown.
const KEPT: Duration = Duration::from_secs(1);
/// Longest wait for one answer of the server, and for everything it is asked.
const ONE_CALL: Duration = Duration::from_secs(2);
const SERVER: Duration = Duration::from_secs(3);

/// See the module.
pub(super) struct Front(Arc<Inner>);

struct Inner {
    context: Context,
    deployment: String,
    workers: Option<Url>,
    checks: Checks,
    /// Held while somebody looks; the others wait and share what was found.
    looking: tokio::sync::Mutex<Looking>,
    found: Arc<Mutex<Found>>,
}

/// The conditions of readiness.
struct Checks {
    temporal: Check,
    pollers: Check,
    workers: Option<Check>,
}

#[derive(Default)]
struct Looking {
    fleet: Option<Fleet>,
    last: Option<Instant>,
}

/// The last look.
#[derive(Debug, Default)]
struct Found {
    /// Whether the server answered.
    reachable: bool,
    /// The last status it gave, and when.
    status: Option<(FleetStatus, Instant)>,
    /// What the workers said.
    workers: Vec<Answer>,
}

impl Front {
    pub(super) fn new(context: &Context, deployment: &str, workers: Option<Url>, health: &Health) -> Self {
        let found = Arc::new(Mutex::new(Found::default()));
        let (shown, namespace) = (Arc::clone(&found), context.namespace().to_owned());
        health.detail("fleet", move || lock(&shown).fleet(&namespace));
        if workers.is_some() {
            let shown = Arc::clone(&found);
            health.detail("workers", move || json!(lock(&shown).workers));
        }
        let checks = Checks {
            temporal: health.check("temporal"),
            pollers: health.check("pollers"),
            workers: workers.as_ref().map(|_| health.check("workers")),
        };
        Self(Arc::new(Inner {
            context: context.within(ONE_CALL),
            deployment: deployment.to_owned(),
            workers,
            checks,
            looking: tokio::sync::Mutex::default(),
            found,
        }))
    }
}

impl Source for Front {
    fn refresh(&self) -> Refreshed {
        let inner = Arc::clone(&self.0);
        Box::pin(async move { inner.refresh().await })
    }

    fn metrics(&self) -> String {
        series::text(&lock(&self.0.found))
    }
}

impl Inner {
    async fn refresh(&self) {
        let mut looking = self.looking.lock().await;
        if looking.last.is_some_and(|last| last.elapsed() < KEPT) {
            return;
        }
        let (status, workers) = tokio::join!(self.ask_server(&mut looking.fleet), self.ask_workers());
        self.judge(&status, &workers);
        let mut found = lock(&self.found);
        found.reachable = status.is_ok();
        found.workers = workers.unwrap_or_default();
        if let Ok(status) = status {
            found.status = Some((status, Instant::now()));
        }
        drop(found);
        looking.last = Some(Instant::now());
    }

    async fn ask_server(&self, fleet: &mut Option<Fleet>) -> Result<FleetStatus, String> {
        let asked = async {
            let connected = match fleet.take() {
                Some(fleet) => fleet,
                None => Fleet::new(self.connect().await?, &self.deployment),
            };
            let status = connected.status(ONE_CALL).await.map_err(|error| error.to_string());
            *fleet = Some(connected);
            status
        };
        // What is dropped here has no connection left; the next look makes a new one.
        tokio::time::timeout(SERVER, asked).await.unwrap_or_else(|_| {
            Err(format!("Temporal did not answer within {SERVER:?}; see its load and the network between"))
        })
    }

    async fn connect(&self) -> Result<Caller, String> {
        self.context.connect().await.map_err(|failure| failure.one_line())
    }

    async fn ask_workers(&self) -> Result<Vec<Answer>, String> {
        match &self.workers {
            Some(url) => workers::ask(url).await,
            None => Ok(Vec::new()),
        }
    }

    fn judge(&self, status: &Result<FleetStatus, String>, workers: &Result<Vec<Answer>, String>) {
        match status {
            Ok(status) => {
                self.checks.temporal.pass();
                match status.problem() {
                    Some(problem) => self.checks.pollers.fail(problem),
                    None => self.checks.pollers.pass(),
                }
            }
            Err(problem) => {
                self.checks.temporal.fail(problem.clone());
                self.checks.pollers.fail("not known while Temporal does not answer");
            }
        }
        let Some(check) = &self.checks.workers else { return };
        match workers {
            Ok(answers) if answers.iter().any(|answer| answer.ready) => check.pass(),
            Ok(answers) => {
                check.fail(format!("none of {} workers is ready; see `details.workers`", answers.len()))
            }
            Err(problem) => check.fail(problem.clone()),
        }
    }
}

impl Found {
    /// What `/health` shows under `details.fleet`.
    fn fleet(&self, namespace: &str) -> Value {
        match &self.status {
            Some((status, at)) => {
                let mut shown = json!(status);
                shown["serverReachable"] = json!(self.reachable);
                shown["ageSeconds"] = json!(at.elapsed().as_secs());
                shown
            }
            None => json!({"namespace": namespace, "serverReachable": self.reachable}),
        }
    }
}

fn lock(found: &Mutex<Found>) -> MutexGuard<'_, Found> {
    // Every change is a few assignments.
    found.lock().unwrap_or_else(PoisonError::into_inner)
}
