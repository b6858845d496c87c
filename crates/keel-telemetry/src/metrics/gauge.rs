//! Gauges that several workers of one process share.
//!
//! A process runs several SDK workers on one queue, at once and one after the other, and their gauges carry the same
//! labels. Written over one another, the last to speak would win: a worker that ends would report no pollers for all.
//! So each worker has a share, and the series shows the sum.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Gauge, Key};
use temporalio_common::telemetry::metrics::{GaugeBase, MetricAttributable, MetricAttributes};

use super::instrument::{Handle, Instrument};

/// What one worker adds to a series; taken back when the worker is gone.
#[derive(Clone)]
pub(super) struct Share(Arc<Part>);

struct Part {
    sum: Gauge,
    last: AtomicU64,
}

impl Handle for Share {
    fn register(key: &Key) -> Self {
        let sum = Gauge::register(key);
        // A series with nothing in it yet is a series.
        sum.increment(0.0);
        Self(Arc::new(Part { sum, last: AtomicU64::new(0) }))
    }
}

impl Part {
    fn set(&self, value: u64) {
        let before = self.last.swap(value, Ordering::Relaxed);
        if value > before {
            self.sum.increment((value - before) as f64);
        } else if value < before {
            self.sum.decrement((before - value) as f64);
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.set(0);
    }
}

impl GaugeBase for Share {
    fn records(&self, value: u64) {
        self.0.set(value);
    }
}

impl MetricAttributable<Box<dyn GaugeBase>> for Instrument<Share> {
    fn with_attributes(&self, attributes: &MetricAttributes) -> Result<Box<dyn GaugeBase>, Box<dyn Error>> {
        Ok(Box::new(self.handle(attributes)))
    }
}
