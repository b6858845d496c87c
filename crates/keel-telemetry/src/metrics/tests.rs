//! The SDK's meter against a recorder of its own.

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusRecorder;
use temporalio_common::telemetry::metrics::{
    CoreMeter, CounterBase, GaugeBase, HeartbeatMetricType, HistogramDurationBase, MetricAttributes,
    MetricKeyValue, MetricParameters,
};

use super::labels::MAX_SETS;
use super::{Kind, Metrics, MetricsError, Series, buckets};

struct World {
    metrics: Metrics,
    recorder: PrometheusRecorder,
}

impl World {
    fn new() -> Self {
        let (metrics, recorder) = Metrics::build(&[], &["orderWorkflow"]).unwrap();
        Self { metrics, recorder }
    }

    fn record(&self, work: impl FnOnce(&dyn CoreMeter)) {
        metrics::with_local_recorder(&self.recorder, || work(&*self.metrics.sdk_meter()));
    }

    fn text(&self) -> String {
        self.recorder.handle().render()
    }

    #[track_caller]
    fn has(&self, line: &str) {
        let text = self.text();
        assert!(text.lines().any(|found| found == line), "no line `{line}` in\n{text}");
    }
}

fn params(name: &str) -> MetricParameters {
    MetricParameters::builder().name(name.to_owned()).description("Told by the SDK").unit("duration").build()
}

fn labels(meter: &dyn CoreMeter, pairs: &[(&str, &str)]) -> MetricAttributes {
    let pairs = pairs.iter().map(|(key, value)| MetricKeyValue::new(*key, (*value).to_owned()));
    meter.new_attributes(pairs.collect::<Vec<_>>().into())
}

#[test]
fn names_units_and_labels_are_those_of_the_documentation() {
    let world = World::new();
    world.record(|meter| {
        let queue = labels(meter, &[("task_queue", "q"), ("namespace", "n")]);
        let eager = meter.extend_attributes(queue.clone(), [MetricKeyValue::new("eager", true)].into());
        meter.counter(params("temporal_activity_task_received")).add(2, &eager);
        meter.counter(params("temporal_local_activity_total")).add(1, &queue);
        let pollers = meter.gauge(params("temporal_num_pollers"));
        pollers.record(5, &queue);
        world.has(r#"temporal_num_pollers{namespace="n",task_queue="q"} 5"#);
        meter.gauge_f64(params("temporal_resource_slots_cpu_usage")).record(0.5, &queue);
        meter.up_down_counter(params("temporal_level")).add(-3, &queue);
        meter
            .histogram_duration(params("temporal_request_latency"))
            .record(Duration::from_millis(150), &queue);
    });
    let labels = r#"{namespace="n",task_queue="q"}"#;
    world.has(r#"temporal_activity_task_received_total{eager="true",namespace="n",task_queue="q"} 2"#);
    world.has(&format!("temporal_local_activity_total{labels} 1"));
    world.has(&format!("temporal_resource_slots_cpu_usage{labels} 0.5"));
    world.has(&format!("temporal_level{labels} -3"));
    world.has(&format!("temporal_request_latency_seconds_sum{labels} 0.15"));
    world.has(r#"temporal_request_latency_seconds_bucket{namespace="n",task_queue="q",le="0.1"} 0"#);
    world.has(r#"temporal_request_latency_seconds_bucket{namespace="n",task_queue="q",le="0.2"} 1"#);
    world.has("# TYPE temporal_request_latency_seconds histogram");
    world.has("# HELP temporal_request_latency_seconds Told by the SDK");
    world.has("# TYPE temporal_activity_task_received_total counter");
    world.has("# TYPE temporal_num_pollers gauge");
}

/// The upper bounds of a histogram that got one sample.
fn bounds(name: &str) -> Vec<f64> {
    let world = World::new();
    world.record(|meter| {
        meter.histogram_duration(params(name)).record(Duration::from_secs(1), &labels(meter, &[]));
    });
    let text = world.text();
    let bounds = text.lines().filter_map(|line| line.split_once("le=\"")?.1.split_once('"'));
    bounds.filter(|(bound, _)| *bound != "+Inf").map(|(bound, _)| bound.parse().unwrap()).collect()
}

#[test]
fn every_alert_can_fire() {
    // (histogram, seconds its alert asks for): a quantile needs a finite bucket beyond.
    for (name, threshold) in [
        ("temporal_workflow_task_schedule_to_start_latency", 1800.0),
        ("temporal_activity_schedule_to_start_latency", 1800.0),
        ("temporal_local_activity_execution_latency", 1800.0),
        ("temporal_workflow_task_execution_latency", 10.0),
        ("temporal_workflow_task_replay_latency", 10.0),
        ("temporal_request_latency", 2.0),
        ("temporal_workflow_endtoend_latency", 86_400.0),
    ] {
        let bounds = bounds(name);
        assert!(
            bounds.contains(&threshold) || threshold == 86_400.0,
            "{name} cannot tell {threshold}: {bounds:?}"
        );
        assert!(bounds.iter().filter(|bound| **bound > threshold).count() >= 2, "{name}: {bounds:?}");
    }
    let queueing = bounds("temporal_workflow_task_schedule_to_start_latency");
    assert!([0.001, 0.1, 0.2].iter().all(|bound| queueing.contains(bound)), "{queueing:?}");
    for buckets in [buckets::CALL_SECONDS, buckets::TASK_SECONDS, buckets::RUN_SECONDS] {
        assert!(buckets.is_sorted_by(|one, next| one < next), "{buckets:?}");
    }
}

#[test]
fn own_histograms_have_their_own_buckets() {
    let series = |kind| [Series { name: "keel_wait_seconds", kind, help: "Waiting" }];
    assert!(matches!(
        Metrics::build(&series(Kind::Histogram(&[])), &[]),
        Err(MetricsError::NoBuckets("keel_wait_seconds"))
    ));
    let (_, recorder) = Metrics::build(&series(Kind::Histogram(&[7.0])), &[]).unwrap();
    metrics::with_local_recorder(&recorder, || metrics::histogram!("keel_wait_seconds").record(8.0));
    let text = recorder.handle().render();
    assert!(text.contains("keel_wait_seconds_bucket{le=\"7\"} 0\n"), "{text}");
}

#[test]
fn what_alerts_ask_for_begins_at_zero() {
    let world = World::new();
    world.record(|meter| {
        let worker = labels(meter, &[("namespace", "n"), ("task_queue", "q")]);
        meter.counter(params("temporal_worker_start")).add(1, &worker);
        let run = meter.extend_attributes(worker, [MetricKeyValue::new("workflow_type", "w")].into());
        let took = meter.histogram_duration(params("temporal_workflow_task_execution_latency"));
        took.record(Duration::ZERO, &run);
        // A later event finds the series that began at zero.
        let reason = [MetricKeyValue::new("failure_reason", "WorkflowError")];
        let failed = meter.extend_attributes(run, reason.into());
        meter.counter(params("temporal_workflow_task_execution_failed")).add(2, &failed);
    });
    let labels = r#"{namespace="n",operation="RespondActivityTaskCompleted""#;
    world.has(&format!("temporal_request_total{labels}}} 0"));
    world.has(&format!(r#"temporal_request_failure_total{labels},status_code="NOT_FOUND"}} 0"#));
    for (kind, reason, count) in [
        ("orderWorkflow", "NonDeterminismError", 0),
        ("w", "GrpcMessageTooLarge", 0),
        ("w", "WorkflowError", 2),
    ] {
        let labels =
            format!(r#"failure_reason="{reason}",namespace="n",task_queue="q",workflow_type="{kind}""#);
        world.has(&format!("temporal_workflow_task_execution_failed_total{{{labels}}} {count}"));
    }
}

#[test]
fn the_gauges_of_several_workers_add_up() {
    let world = World::new();
    world.record(|meter| {
        let queue = labels(meter, &[("worker_type", "ActivityWorker")]);
        let bound = |value: u64| {
            let mut gauge = meter.gauge(params("temporal_worker_task_slots_available"));
            gauge.update_attributes(queue.clone());
            gauge.records(value);
            gauge
        };
        let (first, second) = (bound(100), bound(90));
        world.has(r#"temporal_worker_task_slots_available{worker_type="ActivityWorker"} 190"#);
        first.records(40);
        world.has(r#"temporal_worker_task_slots_available{worker_type="ActivityWorker"} 130"#);
        drop(first);
        world.has(r#"temporal_worker_task_slots_available{worker_type="ActivityWorker"} 90"#);
        second.records(0);
    });
    world.has(r#"temporal_worker_task_slots_available{worker_type="ActivityWorker"} 0"#);
}

#[test]
fn equal_labels_are_one_set_and_strangers_cannot_fill_the_memory() {
    let world = World::new();
    world.record(|meter| {
        let same = |pairs: &[(&str, &str)]| match labels(meter, pairs) {
            MetricAttributes::NoOp(set) => set,
            other => panic!("{other:?}"),
        };
        assert!(std::sync::Arc::ptr_eq(&same(&[("a", "1")]), &same(&[("a", "1")])));
        assert!(!std::sync::Arc::ptr_eq(&same(&[("a", "1")]), &same(&[("a", "2")])));
        let queue = labels(meter, &[("task_queue", "q")]);
        let tasks = meter.counter(params("temporal_tasks"));
        for number in 0..2 * MAX_SETS {
            let kind = [MetricKeyValue::new("workflow_type", format!("made-up-{number}"))];
            tasks.add(1, &meter.extend_attributes(queue.clone(), kind.into()));
        }
    });
    let text = world.text();
    let series = text.lines().filter(|line| line.starts_with("temporal_tasks_total{")).count();
    assert!((MAX_SETS - 10..=MAX_SETS + 1).contains(&series), "{series}");
    assert!(
        text.contains("temporal_tasks_total{task_queue=\"q\"} "),
        "the rest is counted without its label"
    );
}

#[test]
fn the_sdk_reads_its_labels_for_its_heartbeats() {
    let world = World::new();
    world.record(|meter| {
        let pollers = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let by_type = HeartbeatMetricType::WithLabel {
            label_key: "poller_type".to_owned(),
            metrics: [("activity_task".to_owned(), pollers.clone())].into(),
        };
        let gauge = meter.gauge_with_in_memory(params("temporal_num_pollers"), by_type);
        gauge.record(4, &labels(meter, &[("poller_type", "activity_task")]));
        assert_eq!(pollers.load(std::sync::atomic::Ordering::Relaxed), 4);
    });
}

#[test]
fn many_threads_lose_nothing() {
    let world = World::new();
    let meter = world.metrics.sdk_meter();
    let (mut count, mut time) = world_instruments(&world);
    let queue = labels(&*meter, &[("task_queue", "q")]);
    count.update_attributes(queue.clone());
    time.update_attributes(queue);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                metrics::with_local_recorder(&world.recorder, || {
                    for _ in 0..5000 {
                        count.adds(1);
                        time.records(Duration::from_millis(3));
                    }
                });
            });
        }
        for _ in 0..20 {
            world.metrics.upkeep();
        }
    });
    world.has(r#"temporal_request_total{task_queue="q"} 20000"#);
    world.has(r#"temporal_request_latency_seconds_count{task_queue="q"} 20000"#);
}

fn world_instruments(
    world: &World,
) -> (temporalio_common::telemetry::metrics::Counter, temporalio_common::telemetry::metrics::HistogramDuration)
{
    let meter = world.metrics.sdk_meter();
    (meter.counter(params("temporal_request")), meter.histogram_duration(params("temporal_request_latency")))
}
