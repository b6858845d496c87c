//! What a worker offers its operators, held against the page that explains it.
#![expect(clippy::print_stderr, reason = "what a test waits for is shown when it waits in vain")]

use std::collections::{BTreeMap, BTreeSet};

use keel_e2e::{World, eventually, unique};
use serde_json::json;

const PAGE: &str = include_str!("../../../../docs/metrics.md");

/// One row of the page.
#[derive(Debug)]
struct Row {
    kind: String,
    labels: String,
    from: String,
}

/// The front has a part of the page, and a test, of its own.
fn workers_part() -> &'static str {
    PAGE.split("\n## The front's").next().expect("a first part")
}

fn page() -> BTreeMap<String, Row> {
    let rows = workers_part().lines().filter(|line| line.starts_with("| `")).map(|line| {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 6, "a row with six cells: {line}");
        let name = cells[0].trim_matches('`').to_owned();
        let [kind, labels, from] = [cells[1], cells[3], cells[4]].map(str::to_owned);
        (name, Row { kind, labels, from })
    });
    let count = workers_part().lines().filter(|line| line.starts_with("| `")).count();
    let rows: BTreeMap<_, _> = rows.collect();
    assert_eq!(rows.len(), count, "a series stands on the page twice");
    rows
}

/// The series of a scrape: name to kind, and every label name seen with it.
#[derive(Debug, Default)]
struct Scrape {
    kinds: BTreeMap<String, String>,
    labels: BTreeMap<String, BTreeSet<String>>,
    text: String,
}

impl Scrape {
    fn of(world: &World) -> Self {
        let (status, text) = world.get("/metrics");
        assert_eq!(status, 200, "{text}");
        let mut scrape = Self::default();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
                scrape.kinds.insert(name.to_owned(), kind.to_owned());
            } else if let Some((name, rest)) = line.split_once('{').filter(|_| !line.starts_with('#')) {
                let labels = rest.split("\",").filter_map(|pair| pair.split_once("=\"")).map(|(key, _)| key);
                let labels = labels.filter(|key| *key != "le").map(str::to_owned);
                scrape.labels.entry(base(name, &scrape.kinds)).or_default().extend(labels);
            }
        }
        scrape.text = text;
        scrape
    }

    /// The value of one series, by the beginning of its line.
    fn value(&self, series: &str) -> Option<f64> {
        let line = self
            .text
            .lines()
            .find(|line| line.strip_prefix(series).is_some_and(|rest| rest.starts_with(' ')))?;
        line.rsplit_once(' ')?.1.parse().ok()
    }
}

/// The name without what a histogram appends.
fn base(name: &str, kinds: &BTreeMap<String, String>) -> String {
    let stems = ["_bucket", "_sum", "_count"].into_iter().filter_map(|suffix| name.strip_suffix(suffix));
    let histogram = stems.into_iter().find(|stem| kinds.get(*stem).is_some_and(|kind| kind == "histogram"));
    histogram.unwrap_or(name).to_owned()
}

fn order(world: &World, customer: &str, verb: &[&str]) {
    let id = unique("ORDER");
    let file = world.order_file(&id, customer);
    let _ = world.keel(&["order", "submit", "--file", &file]).ok();
    let _ = world.keel(&[&["order", verb[0], &id], &verb[1..]].concat()).ok();
    // Exit code 1 for an order that did not complete.
    let _ = world.keel(&["order", "watch", &id]);
}

/// An order that completes, one that is rejected, one whose shipment is refused, and a task.
fn everything(world: &World) {
    order(world, "CUST-1", &["approve", "--by", "manager@company.com"]);
    order(world, "CUST-1", &["reject", "--reason", "out of budget"]);
    order(world, "NOSHIP-1", &["approve", "--by", "manager@company.com"]);
    let task = unique("TASK");
    let _ = world
        .keel(&["dataset", "generate", &task, "--rows", "1000", "--seed", "1", "--bad-share", "0.1"])
        .ok();
    let _ = world.keel(&["task", "start", &task, "--watch"]).ok();
}

#[test]
fn the_page_and_the_endpoint_say_the_same() {
    let world = World::with_worker(&[]);
    everything(&world);
    let page = page();
    let wanted =
        |name: &str, row: &Row| row.from == "start" || row.from == "use" && name.starts_with("keel_");
    let scrape = eventually("every series of the page", || {
        let scrape = Scrape::of(&world);
        let missing: Vec<_> = page
            .iter()
            .filter(|(name, row)| wanted(name, row) && !scrape.kinds.contains_key(*name))
            .map(|(name, _)| name)
            .collect();
        if !missing.is_empty() {
            eprintln!("not there yet: {missing:?}");
        }
        missing.is_empty().then_some(scrape)
    });
    for (name, kind) in &scrape.kinds {
        let row = page.get(name).unwrap_or_else(|| panic!("docs/metrics.md does not explain {name}"));
        assert_eq!(&row.kind, kind, "{name}");
        assert_eq!(name.ends_with("_total"), kind == "counter", "{name} is a {kind}");
        assert!(kind != "histogram" || name.ends_with("_seconds"), "{name} has no unit");
        assert!(kind != "summary", "{name}: summaries cannot be added up over workers");
        assert!(scrape.text.contains(&format!("# HELP {name} ")), "{name} has no help");
        let common = ["namespace", "task_queue"].map(str::to_owned);
        for label in scrape.labels.get(name).into_iter().flatten() {
            let explained = row.labels.contains(&format!("`{label}`"));
            assert!(explained || common.contains(label), "docs/metrics.md: {name} has the label {label}");
        }
    }
    for id in ["ORDER-", "TASK-", "CUST-", "NOSHIP-", "manager@company.com"] {
        assert!(!scrape.text.contains(id), "an id became a label: {id}");
    }
}

#[test]
fn what_happened_is_counted_once() {
    let world = World::with_worker(&[]);
    let before = Scrape::of(&world);
    for outcome in ["completed", "rejected", "failed"] {
        let series = format!("keel_orders_total{{outcome=\"{outcome}\"}}");
        assert_eq!(before.value(&series), Some(0.0), "{series} is there before the first order");
    }
    everything(&world);
    let expected = [
        ("keel_orders_total{outcome=\"completed\"}", 1.0),
        ("keel_orders_total{outcome=\"rejected\"}", 1.0),
        ("keel_orders_total{outcome=\"failed\"}", 1.0),
        ("keel_order_decision_seconds_count{decision=\"approved\"}", 2.0),
        ("keel_order_decision_seconds_count{decision=\"rejected\"}", 1.0),
        ("keel_saga_steps_total{step=\"chargePayment\"}", 2.0),
        ("keel_saga_steps_total{step=\"bookShipment\"}", 1.0),
        ("keel_saga_compensations_total{step=\"chargePayment\"}", 1.0),
        ("keel_saga_compensations_total{step=\"reserveInventory\"}", 1.0),
        ("keel_activity_failures_total{activity=\"bookShipment\",failure=\"SHIPMENT_REFUSED\"}", 1.0),
        ("keel_dataset_rows_total{kind=\"accepted\"}", 900.0),
        ("keel_dataset_rows_total{kind=\"rejected\"}", 100.0),
        ("keel_dataset_active", 0.0),
    ];
    eventually("the counts", || {
        let scrape = Scrape::of(&world);
        let wrong: Vec<_> =
            expected.iter().filter(|(series, count)| scrape.value(series) != Some(*count)).collect();
        if !wrong.is_empty() {
            eprintln!("not yet: {wrong:?}");
        }
        wrong.is_empty().then_some(())
    });
}

#[test]
fn the_gauges_of_several_sdk_workers_add_up_and_outlive_none() {
    let settings = [("KEEL__WORKER__WORKFLOW_THREADS", "2"), ("KEEL__WORKER__REBUILD_AFTER_ACTIVITIES", "4")];
    let world = World::with_worker(&settings);
    // Four activities each: every order brings new SDK workers.
    for _ in 0..3 {
        order(&world, "CUST-1", &["approve", "--by", "manager@company.com"]);
    }
    let queue = format!("namespace=\"default\",task_queue=\"{}\"", world.queue());
    let typed =
        |name: &str, of: &str| format!("temporal_worker_task_slots_{name}{{{queue},worker_type=\"{of}\"}}");
    let expected = [
        (typed("available", "ActivityWorker"), 100.0),
        (typed("available", "WorkflowWorker"), 100.0),
        (typed("used", "ActivityWorker"), 0.0),
        (
            format!(
                "temporal_num_pollers{{namespace=\"default\",poller_type=\"activity_task\",task_queue=\"{}\"}}",
                world.queue()
            ),
            10.0,
        ),
    ];
    eventually("gauges of the newest SDK workers alone", || {
        let scrape = Scrape::of(&world);
        let rebuilt = scrape.value("keel_worker_rebuilds_total{reason=\"recycle\"}")? >= 2.0;
        let right = expected.iter().all(|(series, value)| scrape.value(series) == Some(*value));
        (rebuilt && right).then_some(())
    });
}

#[test]
fn health_is_told_over_http_and_by_the_command() {
    let mut world = World::with_worker(&[]);
    eventually("a ready worker", || (world.get("/readyz") == (200, "ok\n".to_owned())).then_some(()));
    let (status, text) = world.get("/health");
    let health: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (status, &health["role"], &health["ready"]),
        (200, &json!("worker"), &json!(true)),
        "{health:#}"
    );
    let address = world.http_address();
    world.set("KEEL__HTTP__LISTEN", &address);
    for probe in ["--live", "--ready", "--startup"] {
        let _ = world.keel_worker(&["healthcheck", probe]).ok();
    }
    world.kill_worker();
    let gone = world.keel_worker(&["healthcheck"]);
    assert_eq!(gone.code, Some(1), "{gone:#?}");
    assert!(gone.stderr.contains("http.listen"), "{gone:#?}");
}
