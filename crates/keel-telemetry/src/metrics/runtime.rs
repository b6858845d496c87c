//! The numbers of a tokio runtime, read when somebody asks.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeMetrics};

/// The runtime that is watched, once there is one.
#[derive(Clone, Debug, Default)]
pub(super) struct RuntimeWatch(Arc<OnceLock<Handle>>);

impl RuntimeWatch {
    pub(super) fn watch(&self, handle: Handle) {
        // The first stays: a process has one runtime for its work.
        let _ = self.0.set(handle);
    }

    pub(super) fn write(&self, text: &mut String) {
        let Some(handle) = self.0.get() else { return };
        let metrics = handle.metrics();
        let values = [
            ("keel_runtime_workers", "gauge", "Threads that run tasks", metrics.num_workers() as f64),
            (
                "keel_runtime_alive_tasks",
                "gauge",
                "Tasks that have not ended",
                metrics.num_alive_tasks() as f64,
            ),
            (
                "keel_runtime_queue_depth",
                "gauge",
                "Tasks that wait in the global queue for a thread",
                metrics.global_queue_depth() as f64,
            ),
            (
                "keel_runtime_busy_seconds_total",
                "counter",
                "Time the threads spent running tasks, all together",
                busy(&metrics).as_secs_f64(),
            ),
        ];
        for (name, kind, help, value) in values {
            // Writing to a String cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n\n");
        }
    }
}

fn busy(metrics: &RuntimeMetrics) -> Duration {
    (0..metrics.num_workers()).map(|worker| metrics.worker_total_busy_duration(worker)).sum()
}
