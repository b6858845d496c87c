//! The SDK's meter over the `metrics` facade.
//!
//! Names follow Temporal's documentation: counters end in `_total`, durations in `_seconds` and are in seconds, gauges
//! are plain. The SDK has put its prefix `temporal_` before them already.

use std::sync::Arc;

use metrics::{KeyName, SharedString};
use temporalio_common::telemetry::metrics::{
    CoreMeter, Counter, Gauge, GaugeF64, Histogram, HistogramDuration, HistogramF64, MetricAttributes,
    MetricParameters, NewAttributes, UpDownCounter,
};

use super::births::Births;
use super::gauge::Share;
use super::instrument::{Handle, Instrument};
use super::labels::LabelSets;

#[derive(Debug)]
pub(super) struct SdkMeter {
    labels: LabelSets,
    births: Births,
}

impl SdkMeter {
    pub(super) fn new(births: Births) -> Self {
        Self { labels: LabelSets::default(), births }
    }

    fn instrument<H: Handle>(&self, name: String) -> Arc<Instrument<H>> {
        Arc::new(Instrument::new(name, self.births))
    }

    fn distribution(&self, params: MetricParameters, suffix: &str) -> Arc<Instrument<metrics::Histogram>> {
        let (name, help) = with_suffix(params, suffix);
        metrics::with_recorder(|recorder| recorder.describe_histogram(key_name(&name), None, help));
        self.instrument(name)
    }

    fn level<H: Handle>(&self, params: MetricParameters) -> Arc<Instrument<H>> {
        let (name, help) = with_suffix(params, "");
        metrics::with_recorder(|recorder| recorder.describe_gauge(key_name(&name), None, help));
        self.instrument(name)
    }
}

impl CoreMeter for SdkMeter {
    fn new_attributes(&self, attribs: NewAttributes) -> MetricAttributes {
        self.labels.extend(None, attribs)
    }

    fn extend_attributes(&self, existing: MetricAttributes, attribs: NewAttributes) -> MetricAttributes {
        self.labels.extend(Some(existing), attribs)
    }

    fn counter(&self, params: MetricParameters) -> Counter {
        let (name, help) = with_suffix(params, "_total");
        metrics::with_recorder(|recorder| recorder.describe_counter(key_name(&name), None, help));
        Counter::new(self.instrument::<metrics::Counter>(name))
    }

    fn histogram(&self, params: MetricParameters) -> Histogram {
        Histogram::new(self.distribution(params, ""))
    }

    fn histogram_f64(&self, params: MetricParameters) -> HistogramF64 {
        HistogramF64::new(self.distribution(params, ""))
    }

    fn histogram_duration(&self, params: MetricParameters) -> HistogramDuration {
        HistogramDuration::new(self.distribution(params, "_seconds"))
    }

    fn gauge(&self, params: MetricParameters) -> Gauge {
        Gauge::new(self.level::<Share>(params))
    }

    fn gauge_f64(&self, params: MetricParameters) -> GaugeF64 {
        GaugeF64::new(self.level::<metrics::Gauge>(params))
    }

    fn up_down_counter(&self, params: MetricParameters) -> UpDownCounter {
        UpDownCounter::new(self.level::<metrics::Gauge>(params))
    }
}

/// `temporal_local_activity_total` is one total already.
fn with_suffix(params: MetricParameters, suffix: &str) -> (String, SharedString) {
    let mut name = params.name.into_owned();
    if !name.ends_with(suffix) {
        name.push_str(suffix);
    }
    (name, params.description.into_owned().into())
}

fn key_name(name: &str) -> KeyName {
    KeyName::from(name.to_owned())
}
