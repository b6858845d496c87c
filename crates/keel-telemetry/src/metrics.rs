//! The metrics of a process: one recorder for Keel's own series and the SDK's, one text for `/metrics`.
//!
//! Code records through the `metrics` facade; without a recorder that costs next to nothing. The SDK records through
//! [`Metrics::sdk_meter`]. Process and runtime are looked at when somebody asks, never in between.

mod births;
pub mod buckets;
mod describe;
mod gauge;
mod instrument;
mod labels;
mod meter;
mod runtime;
#[cfg(test)]
mod tests;

pub use describe::{Kind, Series};

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ::metrics::gauge;
use metrics_exporter_prometheus::{PrometheusHandle, PrometheusRecorder};
use metrics_process::Collector;
use temporalio_common::telemetry::metrics::CoreMeter;

use crate::http::About;
use runtime::RuntimeWatch;

/// How often samples of histograms are folded into their buckets, so that they do not pile up between two scrapes.
pub const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// The series of this process. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
    process: Collector,
    runtime: RuntimeWatch,
    meter: Arc<meter::SdkMeter>,
    observers: Observers,
}

/// What to ask before the text is made.
#[derive(Clone, Default)]
struct Observers(Arc<Mutex<Vec<Observer>>>);

/// Brings gauges up to date.
pub type Observer = fn();

impl std::fmt::Debug for Observers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Observers")
    }
}

/// Why metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// The process already has a recorder.
    #[error("metrics were set up twice in one process; install them once, in main")]
    Twice,
    /// A histogram has no buckets.
    #[error("the histogram {0} has no buckets; give it at least one")]
    NoBuckets(&'static str),
}

impl Metrics {
    /// Installs the recorder of this process, and describes `series` with their buckets. `workflow_types` are those that
    /// the process runs: their failures are counted from zero. Call it once, in main, before anything records: what was
    /// recorded earlier is lost.
    ///
    /// # Errors
    /// [`MetricsError::Twice`] when there is a recorder already, [`MetricsError::NoBuckets`] for a histogram without.
    pub fn install(series: &[Series], workflow_types: &'static [&'static str]) -> Result<Self, MetricsError> {
        let (metrics, recorder) = Self::build(series, workflow_types)?;
        ::metrics::set_global_recorder(recorder).map_err(|_| MetricsError::Twice)?;
        describe::all(series);
        metrics.process.describe();
        Ok(metrics)
    }

    pub(crate) fn build(
        series: &[Series],
        workflow_types: &'static [&'static str],
    ) -> Result<(Self, PrometheusRecorder), MetricsError> {
        let recorder = buckets::builder(series)?.build_recorder();
        let metrics = Self {
            handle: recorder.handle(),
            process: Collector::default(),
            runtime: RuntimeWatch::default(),
            observers: Observers::default(),
            meter: Arc::new(meter::SdkMeter::new(births::Births { workflow_types })),
        };
        Ok((metrics, recorder))
    }

    /// Records what the process is, as the gauge `name` that is always 1.
    pub fn record_build(&self, name: &'static str, about: &About) {
        let labels = [
            ("version", about.version.clone()),
            ("build_id", about.build_id.clone()),
            ("deployment", about.deployment.clone()),
            ("role", about.role.to_owned()),
        ];
        gauge!(name, &labels).set(1.0);
    }

    /// Where the SDK's own series go; they come out named as Temporal's documentation names them.
    #[must_use]
    pub fn sdk_meter(&self) -> Arc<dyn CoreMeter> {
        self.meter.clone()
    }

    /// Shows the numbers of the runtime that this is called on.
    ///
    /// # Panics
    /// When it is called outside of a tokio runtime.
    pub fn watch_runtime(&self) {
        self.runtime.watch(tokio::runtime::Handle::current());
    }

    /// Has `observer` bring gauges up to date before each time somebody reads them. It must be quick.
    pub fn observe(&self, observer: Observer) {
        self.observers.0.lock().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    /// Everything, as Prometheus reads it.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.collect();
        for observer in self.observers.0.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            observer();
        }
        let mut text = self.handle.render();
        self.runtime.write(&mut text);
        text
    }

    /// Folds samples into their buckets; to be called every [`UPKEEP_INTERVAL`].
    pub(crate) fn upkeep(&self) {
        self.handle.run_upkeep();
    }
}
