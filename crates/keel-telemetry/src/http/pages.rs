//! What each path answers.

use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use crate::health::{Health, Report};
use crate::metrics::Metrics;

/// More than any request to these pages needs.
const MAX_BODY: usize = 4096;

const PROMETHEUS_TEXT: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// What kind of process this is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    /// The version of the program.
    pub version: String,
    /// The build, as in `worker.build_id`; `unversioned` without one.
    pub build_id: String,
    /// The Worker Deployment it belongs to; empty for a process that is none's worker.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deployment: String,
    /// What the process does, such as `worker`.
    pub role: &'static str,
}

/// Done once everything is up to date.
pub type Refreshed = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What a process finds out only when somebody asks. It bounds its own time, and how often it really looks.
pub trait Source: Send + Sync {
    /// Brings the process's health up to date, before readiness, health or metrics are shown.
    fn refresh(&self) -> Refreshed;

    /// Further metrics, as Prometheus reads them, in whole lines.
    fn metrics(&self) -> String;
}

/// Everything the endpoints show.
#[derive(Clone, Default)]
pub struct Endpoints {
    /// What the process knows of its health.
    pub health: Health,
    /// What kind of process it is.
    pub about: About,
    /// The metrics; without them `/metrics` is not found.
    pub metrics: Option<Metrics>,
    /// What has to be found out first, if there is something.
    pub source: Option<Arc<dyn Source>>,
    /// Further routes, which must not overlap with those of this module.
    pub more: Router,
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoints").field("about", &self.about).field("health", &self.health).finish()
    }
}

impl Endpoints {
    async fn refresh(&self) {
        if let Some(source) = &self.source {
            source.refresh().await;
        }
    }
}

/// `/health`.
#[derive(Serialize)]
struct Document {
    #[serde(flatten)]
    about: About,
    #[serde(flatten)]
    report: Report,
}

pub(super) fn router(endpoints: Endpoints) -> Router {
    let more = endpoints.more.clone();
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/startupz", get(started))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(endpoints))
        .merge(more)
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

type Shared = State<Arc<Endpoints>>;

async fn live(State(endpoints): Shared) -> Response {
    let stuck = endpoints.health.stuck();
    answer(stuck.is_empty(), &stuck)
}

async fn ready(State(endpoints): Shared) -> Response {
    endpoints.refresh().await;
    let report = endpoints.health.report();
    answer(report.ready, &report.problems)
}

async fn started(State(endpoints): Shared) -> Response {
    let report = endpoints.health.report();
    answer(report.started, &report.problems)
}

async fn health(State(endpoints): Shared) -> Response {
    endpoints.refresh().await;
    let report = endpoints.health.report();
    let status = status(report.ready);
    (status, Json(Document { about: endpoints.about.clone(), report })).into_response()
}

async fn metrics(State(endpoints): Shared) -> Response {
    endpoints.refresh().await;
    match &endpoints.metrics {
        Some(metrics) => {
            let text = metrics.render()
                + &endpoints.source.as_ref().map(|source| source.metrics()).unwrap_or_default();
            ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response()
        }
        None => (StatusCode::NOT_FOUND, "this process keeps no metrics\n").into_response(),
    }
}

fn answer(fine: bool, problems: &[String]) -> Response {
    let text = if fine { "ok\n".to_owned() } else { problems.join("\n") + "\n" };
    (status(fine), text).into_response()
}

fn status(fine: bool) -> StatusCode {
    if fine { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
