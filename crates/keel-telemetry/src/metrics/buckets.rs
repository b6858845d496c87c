//! The buckets of histograms.
//!
//! A quantile can never be above the last finite bucket, so an alert on "p99 above 30 minutes" needs buckets beyond it.
//! The SDK's own end at 1 s, 10 s or 1000 s.

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};

use super::{Kind, MetricsError, Series};

/// Seconds: calls and short work, from 0.5 ms to 1 min.
pub const CALL_SECONDS: &[f64] =
    &[0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0];

/// Seconds: what the SDK measures, from 1 ms over the 100 and 200 ms of the tuning targets to 2 h.
pub const TASK_SECONDS: &[f64] = &[
    0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0,
    1800.0, 3600.0, 7200.0,
];

/// Seconds: whole runs, and what waits for people, from 10 ms to a month.
pub const RUN_SECONDS: &[f64] = &[
    0.01,
    0.05,
    0.1,
    0.5,
    1.0,
    5.0,
    10.0,
    30.0,
    60.0,
    300.0,
    900.0,
    1800.0,
    3600.0,
    7200.0,
    21600.0,
    43200.0,
    86400.0,
    172_800.0,
    604_800.0,
    2_592_000.0,
];

/// The SDK's histograms that last as long as a run may.
const LONG: [&str; 2] =
    ["temporal_workflow_endtoend_latency_seconds", "temporal_activity_succeed_endtoend_latency_seconds"];

pub(super) fn builder(series: &[Series]) -> Result<PrometheusBuilder, MetricsError> {
    let own = series.iter().filter_map(|series| match series.kind {
        Kind::Histogram(buckets) => Some((Matcher::Full(series.name.to_owned()), series.name, buckets)),
        Kind::Counter | Kind::Gauge => None,
    });
    let long = LONG.map(|name| (Matcher::Full(name.to_owned()), name, RUN_SECONDS));
    // Whatever else is a histogram: without buckets it would become a summary, which cannot be added up over workers.
    let rest = [
        (Matcher::Prefix("temporal_".to_owned()), "temporal_", TASK_SECONDS),
        (Matcher::Suffix("_seconds".to_owned()), "_seconds", CALL_SECONDS),
    ];
    own.chain(long).chain(rest).try_fold(PrometheusBuilder::new(), |builder, (matcher, name, buckets)| {
        builder.set_buckets_for_metric(matcher, buckets).map_err(|_| MetricsError::NoBuckets(name))
    })
}
