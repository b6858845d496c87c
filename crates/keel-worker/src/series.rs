//! What the worker says about its own series: kind, meaning and buckets. `docs/metrics.md` has the long form.

use keel_telemetry::metrics::buckets::{CALL_SECONDS, RUN_SECONDS};
use keel_telemetry::metrics::{Kind, Series};
use keel_types::names::metric;

/// Every series of the table of names.
pub(crate) const SERIES: [Series; 18] = [
    counter(metric::ORDERS_TOTAL, "Orders that reached a final state"),
    seconds(
        metric::ORDER_DECISION_SECONDS,
        RUN_SECONDS,
        "From an order's opening to the decision that counts",
    ),
    counter(metric::SAGA_STEPS_TOTAL, "Steps of fulfilment that were done"),
    counter(metric::SAGA_COMPENSATIONS_TOTAL, "Steps of fulfilment that were undone"),
    counter(metric::ACTIVITY_FAILURES_TOTAL, "Activity attempts that failed"),
    counter(metric::DATASET_ROWS_TOTAL, "Dataset rows read"),
    counter(metric::DATASET_BYTES_TOTAL, "Dataset bytes read"),
    gauge(metric::DATASET_ACTIVE, "Dataset runs that are busy now"),
    gauge(
        metric::HEARTBEAT_AGE_SECONDS,
        "Since the last heartbeat of the dataset run that waits longest for one",
    ),
    gauge(metric::BREAKER_STATE, "State of a provider's circuit breaker: 0 closed, 1 half-open, 2 open"),
    counter(metric::BREAKER_TRANSITIONS_TOTAL, "Changes of a provider's circuit breaker"),
    seconds(metric::PROVIDER_CALL_SECONDS, CALL_SECONDS, "Calls to a provider"),
    counter(metric::PROVIDER_REJECTED_TOTAL, "Calls to a provider that were not made"),
    gauge(metric::PROVIDER_IN_FLIGHT, "Calls to a provider in flight"),
    seconds(metric::STORE_SECONDS, CALL_SECONDS, "Transactions of the store"),
    gauge(metric::WORKER_READY, "1 while the worker is ready for work"),
    counter(metric::WORKER_REBUILDS_TOTAL, "Times the SDK worker was rebuilt inside the process"),
    gauge(metric::BUILD_INFO, "What runs here; always 1"),
];

const fn counter(name: &'static str, help: &'static str) -> Series {
    Series { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Series {
    Series { name, kind: Kind::Gauge, help }
}

const fn seconds(name: &'static str, buckets: &'static [f64], help: &'static str) -> Series {
    Series { name, kind: Kind::Histogram(buckets), help }
}

#[cfg(test)]
mod tests {
    use keel_telemetry::metrics::Kind;

    use super::SERIES;

    /// Every name in the table of names.
    fn names() -> impl Iterator<Item = &'static str> {
        let table = include_str!("../../keel-types/src/names.rs");
        table.split('"').filter(|text| text.starts_with("keel_") && !text.contains(char::is_whitespace))
    }

    #[test]
    fn every_name_is_described_once() {
        let described: Vec<&str> = SERIES.iter().map(|series| series.name).collect();
        assert_eq!(names().collect::<Vec<_>>(), described, "the same names in the same order");
    }

    #[test]
    fn names_end_as_their_kind_asks() {
        for series in SERIES {
            let total = series.name.ends_with("_total");
            assert_eq!(total, matches!(series.kind, Kind::Counter), "{}", series.name);
            if matches!(series.kind, Kind::Histogram(_)) {
                assert!(series.name.ends_with("_seconds"), "{}", series.name);
            }
        }
    }

    #[test]
    fn the_reference_has_every_name() {
        let page = include_str!("../../../docs/metrics.md");
        for name in names() {
            assert!(page.contains(&format!("| `{name}` |")), "docs/metrics.md does not explain {name}");
        }
    }
}
