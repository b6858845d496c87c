//! The SDK's instruments: each series is looked up once and then written to directly.

use std::collections::HashMap;
use std::error::Error;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata};
use temporalio_common::telemetry::metrics::{
    CounterBase, GaugeF64Base, HistogramBase, HistogramDurationBase, HistogramF64Base, MetricAttributable,
    MetricAttributes, UpDownCounterBase,
};

use super::births::Births;
use super::labels::{LabelSet, address, to_labels};

static METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, Some(module_path!()));

/// A handle on one series.
pub(super) trait Handle: Clone + Send + Sync + 'static {
    /// The series with this name and these labels, made if it is not there.
    fn register(key: &Key) -> Self;
}

impl Handle for Counter {
    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_counter(key, &METADATA))
    }
}

impl Handle for Gauge {
    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_gauge(key, &METADATA))
    }
}

impl Handle for Histogram {
    fn register(key: &Key) -> Self {
        metrics::with_recorder(|recorder| recorder.register_histogram(key, &METADATA))
    }
}

/// One instrument of one part of the SDK, such as of one worker.
pub(super) struct Instrument<H> {
    name: String,
    births: Births,
    series: RwLock<HashMap<usize, (LabelSet, H)>>,
}

impl<H: Handle> Instrument<H> {
    pub(super) fn new(name: String, births: Births) -> Self {
        Self { name, births, series: RwLock::default() }
    }

    /// The series of this instrument with these labels.
    pub(super) fn handle(&self, attributes: &MetricAttributes) -> H {
        let MetricAttributes::NoOp(set) = attributes else {
            return self.register(Vec::new());
        };
        let address = address(set);
        if let Some((_, handle)) = self.series.read().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return handle.clone();
        }
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        // The set is kept with its handle, so that its address stays its own.
        series.entry(address).or_insert_with(|| (set.clone(), self.register(to_labels(set)))).1.clone()
    }

    fn register(&self, labels: Vec<Label>) -> H {
        self.births.attend(&self.name, &labels);
        H::register(&Key::from_parts(self.name.clone(), labels))
    }
}

/// A handle as the SDK calls it.
struct Bound<H>(H);

macro_rules! attributable {
    ($handle:ty, $base:ident, $method:ident($value:ty) => $record:expr) => {
        impl $base for Bound<$handle> {
            fn $method(&self, value: $value) {
                let record: fn(&$handle, $value) = $record;
                record(&self.0, value);
            }
        }

        impl MetricAttributable<Box<dyn $base>> for Instrument<$handle> {
            fn with_attributes(
                &self,
                attributes: &MetricAttributes,
            ) -> Result<Box<dyn $base>, Box<dyn Error>> {
                Ok(Box::new(Bound(self.handle(attributes))))
            }
        }
    };
}

attributable!(Counter, CounterBase, adds(u64) => |counter, value| counter.increment(value));
attributable!(Gauge, GaugeF64Base, records(f64) => |gauge, value| gauge.set(value));
attributable!(Gauge, UpDownCounterBase, adds(i64) => |gauge, value| gauge.increment(value as f64));
attributable!(Histogram, HistogramBase, records(u64) => |histogram, value| histogram.record(value as f64));
attributable!(Histogram, HistogramF64Base, records(f64) => |histogram, value| histogram.record(value));
attributable!(Histogram, HistogramDurationBase, records(Duration) => |histogram, value| histogram.record(value));
