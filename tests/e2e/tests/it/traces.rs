//! One trace an order, whatever happens to its workers, and no harm from a collector that is not there.

use std::collections::BTreeSet;
use std::net::TcpListener;

use keel_e2e::{Collector, Span, World, eventually, unique};

/// The caller's own trace and span, as a script or a CI job would hand them on.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// A world with a traced worker. The sending is that seldom, or often, in `interval`.
fn traced(collector: &Collector, interval: &str) -> World {
    let endpoint = collector.endpoint();
    World::with_worker(&[("KEEL__TRACES__ENDPOINT", &endpoint), ("KEEL__TRACES__INTERVAL", interval)])
}

/// Runs `keel` as part of the caller's trace.
fn keel(world: &World, collector: &Collector, arguments: &[&str]) {
    let traceparent = format!("00-{TRACE}-{CALLER}-01");
    // The standard variable this time, which must do as well as Keel's own key.
    let endpoint = collector.endpoint();
    let environment = [("TRACEPARENT", traceparent.as_str()), ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)];
    let _ = world.keel_with(&environment, arguments).ok();
}

/// Submits an order and waits until it is pending and `seen` says that the collector knows enough.
fn pending(world: &World, collector: &Collector, seen: impl Fn() -> bool) -> String {
    let id = unique("ORDER");
    keel(world, collector, &["order", "submit", "--file", &world.order_file(&id, "CUST-1")]);
    eventually("a pending order", || {
        let shown = world.keel(&["order", "show", &id, "--output", "json"]).ok().json();
        (shown["status"] == "pending").then_some(())
    });
    eventually("the spans of the opening", || seen().then_some(()));
    id
}

/// Approves the order, waits for its end, stops the worker, and checks the trace.
fn finish(mut world: World, collector: &Collector, id: &str) {
    keel(&world, collector, &["order", "approve", id, "--by", "manager@company.com"]);
    let watched = world.keel(&["order", "watch", id]).ok();
    assert!(watched.stdout.contains("completed"), "{watched:#?}");
    let journal = world.journal(id);
    let (code, log) = world.stop_worker();
    assert_eq!(code, Some(0), "{log}");
    let spans = collector.spans();
    unbroken(&spans);
    complete(&spans);
    let called: BTreeSet<String> =
        spans.iter().filter(|span| span.name.starts_with("POST ")).map(|span| span.id.clone()).collect();
    assert_eq!(journal.len(), 2, "{journal:#?}");
    for entry in journal {
        let traceparent = entry["traceparent"].as_str().unwrap_or_default();
        let [_, trace, parent, _] = traceparent.split('-').collect::<Vec<_>>()[..] else {
            panic!("no traceparent in {entry}");
        };
        assert!(trace == TRACE && called.contains(parent), "{entry} is not beneath one of {called:?}");
    }
}

/// All of one trace, each span beneath another one or beneath the caller.
fn unbroken(spans: &[Span]) {
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.id.as_str()).chain([CALLER]).collect();
    for span in spans {
        assert_eq!(span.trace, TRACE, "another trace: {span:#?}");
        assert!(ids.contains(span.parent.as_str()), "beneath nothing: {span:#?} in {}", names(spans));
    }
}

/// Everything an order does is there.
fn complete(spans: &[Span]) {
    let parent = |span: &Span| spans.iter().find(|other| other.id == span.parent);
    for (name, service, above) in [
        ("keel order", "keel", ""),
        ("StartWorkflow:interactiveOrderWorkflow", "keel", "keel order"),
        ("RunWorkflow:interactiveOrderWorkflow", "keel-worker", "StartWorkflow:interactiveOrderWorkflow"),
        ("CompleteWorkflow:interactiveOrderWorkflow", "keel-worker", "RunWorkflow:interactiveOrderWorkflow"),
        ("open", "keel-worker", "RunActivity:openOrder"),
        ("record_decision", "keel-worker", "RunActivity:recordDecision"),
        ("reserve", "keel-worker", "RunActivity:reserveInventory"),
        ("POST charges", "keel-worker", "RunActivity:chargePayment"),
        ("POST shipments", "keel-worker", "RunActivity:bookShipment"),
        ("complete", "keel-worker", "RunActivity:processApprovedOrder"),
    ] {
        let span = spans.iter().find(|span| span.name == name);
        let span = span.unwrap_or_else(|| panic!("no {name} among {}", names(spans)));
        assert_eq!(span.service, service, "{span:#?}");
        assert_eq!(parent(span).map_or("", |parent| &parent.name), above, "above {name}");
    }
    for activity in [
        "openOrder",
        "recordDecision",
        "reserveInventory",
        "chargePayment",
        "bookShipment",
        "processApprovedOrder",
    ] {
        let run = spans.iter().find(|span| span.name == format!("RunActivity:{activity}"));
        let start = run.and_then(parent).unwrap_or_else(|| panic!("no {activity} among {}", names(spans)));
        assert_eq!(start.name, format!("StartActivity:{activity}"));
        assert_eq!(parent(start).unwrap().name, "RunWorkflow:interactiveOrderWorkflow");
    }
    for span in spans {
        for secret in ["manager@company.com", "clerk@company.com", "CUST-1", "KEEL-ROPE", "1250", "SELECT"] {
            assert!(!span.text.contains(secret), "{secret} in {span:#?}");
        }
    }
}

fn names(spans: &[Span]) -> String {
    spans.iter().map(|span| format!("\n{} {} <- {}", span.name, span.id, span.parent)).collect()
}

#[test]
fn an_order_has_one_trace_although_its_worker_is_killed() {
    let collector = Collector::start();
    let mut world = traced(&collector, "100ms");
    let id = pending(&world, &collector, || collector.find("RunActivity:openOrder").is_some());
    world.kill_worker();
    world.start_worker();
    finish(world, &collector, &id);
}

#[test]
fn a_stopped_worker_leaves_no_span_behind() {
    let collector = Collector::start();
    // Nothing is sent in time by itself, so what arrives is what the end of the process sends.
    let mut world = traced(&collector, "1m");
    let id = pending(&world, &collector, || true);
    let (code, log) = world.stop_worker();
    assert_eq!(code, Some(0), "{log}");
    assert!(collector.find("RunActivity:openOrder").is_some(), "{}", names(&collector.spans()));
    world.start_worker();
    finish(world, &collector, &id);
}

/// An order completes and the worker ends well although nobody takes its spans, and it says so once.
fn unharmed(endpoint: &str) {
    let mut world = World::with_worker(&[
        ("KEEL__TRACES__ENDPOINT", endpoint),
        ("KEEL__TRACES__INTERVAL", "100ms"),
        ("KEEL__TRACES__TIMEOUT", "300ms"),
    ]);
    let id = unique("ORDER");
    let client = [("KEEL__TRACES__ENDPOINT", endpoint), ("KEEL__TRACES__TIMEOUT", "300ms")];
    let file = world.order_file(&id, "CUST-1");
    let _ = world.keel_with(&client, &["order", "submit", "--file", &file]).ok();
    let _ = world.keel_with(&client, &["order", "approve", &id, "--by", "manager@company.com"]).ok();
    let watched = world.keel(&["order", "watch", &id]).ok();
    assert!(watched.stdout.contains("completed"), "{watched:#?}");
    eventually("a warning about the collector", || {
        world.worker_log().contains("traces cannot be sent").then_some(())
    });
    let (code, log) = world.stop_worker();
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.matches("traces cannot be sent").count(), 1, "{log}");
}

#[test]
fn a_collector_that_is_away_costs_nothing_but_spans() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    unharmed(&format!("http://127.0.0.1:{port}"));
}

#[test]
fn a_collector_that_never_answers_costs_nothing_but_spans() {
    // The system completes connections to it, and nobody ever reads them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    unharmed(&format!("http://{}", silent.local_addr().unwrap()));
}
