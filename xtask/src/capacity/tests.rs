//! The worked examples of `docs/scaling.md`, the figures behind them, and what is refused.

use std::time::Duration;

use clap::Parser;

use super::figures::{ORDER, Shape, TASK};
use super::load::{duration, shown};
use super::plan::Plan;
use super::{Args, Load, text};
use crate::paths;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    args: Args,
}

fn load(arguments: &str) -> Load {
    let words = std::iter::once("capacity").chain(arguments.split_whitespace());
    Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{arguments}: {error}")).args.load
}

fn value(plan: &Plan, key: &str) -> f64 {
    plan.lines.iter().find(|line| line.key == key).unwrap_or_else(|| panic!("no line {key}")).value
}

#[test]
fn the_examples_of_the_documentation_are_what_the_command_says() {
    let document = std::fs::read_to_string(paths::root().join("docs/scaling.md")).unwrap();
    let mut examples = 0;
    for (start, _) in document.match_indices("    $ cargo xtask capacity ") {
        let block: Vec<&str> = document[start..]
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("    "))
            .map(|line| line.strip_prefix("    ").unwrap_or(line))
            .collect();
        let arguments = block[0].strip_prefix("$ cargo xtask capacity ").unwrap();
        let load = load(arguments);
        load.check().unwrap();
        let shown = block[1..].join("\n");
        let said = text(&Plan::new(&load));
        assert_eq!(shown.trim_end(), said.trim_end(), "docs/scaling.md, {arguments}");
        examples += 1;
    }
    assert!(examples >= 2, "docs/scaling.md shows {examples} examples");
}

#[test]
fn what_runs_ask_of_the_server_is_what_their_histories_show() {
    for (file, shape) in [("order-approved", ORDER), ("task-completed", TASK)] {
        let path = paths::root().join(format!("crates/keel-workflows/tests/histories/{file}.json"));
        let history: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let events = history["events"].as_array().unwrap();
        let count = |name: &str| -> u32 {
            let key = format!("{name}EventAttributes");
            let found = events.iter().filter(|event| event["attributes"].get(&key).is_some()).count();
            found.try_into().unwrap()
        };
        let counted = Shape {
            workflow_tasks: count("WorkflowTaskScheduled"),
            activities: count("ActivityTaskScheduled"),
            local_batches: count("MarkerRecorded"),
            timers: count("TimerStarted"),
            signals: count("WorkflowExecutionSignaled"),
            upserts: count("UpsertWorkflowSearchAttributes"),
        };
        assert_eq!(counted, shape, "{file}: change figures.rs");
    }
}

#[test]
fn more_load_never_needs_less() {
    let mut before: Option<Plan> = None;
    for rate in [0.1, 1.0, 5.0, 20.0, 80.0, 300.0, 2000.0] {
        let plan =
            Plan::new(&load(&format!("--orders-per-second {rate} --tasks-per-second {}", rate / 10.0)));
        if let Some(before) = &before {
            for key in
                ["worker_cores", "workers", "open_runs", "server_cores", "history_shards", "cloud_actions"]
            {
                assert!(value(&plan, key) >= value(before, key), "{key} at {rate} orders/s");
            }
        }
        before = Some(plan);
    }
}

#[test]
fn the_loss_of_one_worker_is_always_survived() {
    for rate in [0.1, 30.0, 68.0, 70.0, 1000.0] {
        for headroom in [0.0, 0.3, 0.9] {
            let plan = Plan::new(&load(&format!("--orders-per-second {rate} --headroom {headroom}")));
            let (workers, cores) = (value(&plan, "workers"), value(&plan, "worker_cores"));
            assert!(
                workers >= 2.0 && workers - 1.0 >= cores,
                "{rate} orders/s, {headroom}: {workers} for {cores}"
            );
        }
    }
}

#[test]
fn shards_are_a_power_of_two_within_what_one_cluster_should_have() {
    for rate in [1.0, 100.0, 9000.0] {
        let plan = Plan::new(&load(&format!("--orders-per-second {rate} --growth 10")));
        let shards = value(&plan, "history_shards");
        assert!((512.0..=16_384.0).contains(&shards) && shards.log2().fract() == 0.0, "{shards}");
        assert_eq!(plan.warnings.iter().any(|text| text.contains("shards")), rate > 5000.0, "{rate}");
    }
}

#[test]
fn nonsense_is_refused_with_the_flag_that_it_is_in() {
    for (arguments, words) in [
        ("", "there is no load"),
        ("--orders-per-second 0", "there is no load"),
        ("--orders-per-second -1", "--orders-per-second: -1"),
        ("--orders-per-second NaN", "--orders-per-second: NaN"),
        ("--orders-per-second inf", "--orders-per-second: inf"),
        ("--tasks-per-second 99999", "--tasks-per-second: 99999"),
        ("--orders-per-second 1 --headroom 1", "--headroom: 1 "),
        ("--orders-per-second 1 --cpu-per-worker 0", "--cpu-per-worker: 0 "),
        ("--orders-per-second 1 --growth 0.5", "--growth: 0.5 "),
        ("--orders-per-second 1 --approval-wait 31d", "--approval-wait"),
        ("--orders-per-second 1 --provider-latency 0ms", "--provider-latency"),
    ] {
        let arguments = arguments.replace("second -1", "second=-1");
        let error = load(&arguments).check().unwrap_err().to_string();
        assert!(error.contains(words), "{arguments}: {error}");
    }
}

#[test]
fn durations_need_a_unit() {
    assert_eq!(duration("200ms").unwrap(), Duration::from_millis(200));
    assert_eq!(duration("1.5h").unwrap(), Duration::from_secs(5400));
    assert_eq!(shown(duration("2d").unwrap()), "48h");
    for text in ["", "4", "h", "4 hours", "-1s", "1e99d", "99999999999999999999999d"] {
        assert!(duration(text).is_err(), "{text}");
    }
}
