//! Tasks and datasets as people see them.

use keel_e2e::{World, eventually, unique};

#[test]
fn a_task_leaves_a_summary_a_report_and_a_manifest() {
    let world = World::with_worker(&[]);
    let id = unique("TASK");
    let _ =
        world.keel(&["dataset", "generate", &id, "--rows", "5000", "--seed", "1", "--bad-share", "0.1"]).ok();
    let watched = world.keel(&["task", "start", &id, "--watch"]).ok();
    assert!(format!("{watched:?}").contains(&format!("Task {id} completed successfully!")), "{watched:#?}");
    let results = world.data().join("results").join(&id);
    let summary: serde_json::Value =
        serde_json::from_slice(&std::fs::read(results.join("summary.json")).unwrap()).unwrap();
    assert!(summary.is_object());
    let report = std::fs::read_to_string(results.join("report.html")).unwrap();
    assert!(report.contains("<svg") && !report.contains("http-equiv=\"refresh\""));
    let rejects = std::fs::read_to_string(results.join("rejects.csv")).unwrap();
    assert_eq!(rejects.lines().count(), 501, "a header and a tenth of the rows");
    let manifest = std::fs::read_to_string(results.join("manifest.json")).unwrap();
    for file in ["summary.json", "report.html", "rejects.csv", "aggregates.json"] {
        assert!(manifest.contains(file), "{manifest}");
    }
}

#[test]
fn a_cancelled_task_ends_as_cancelled_and_cleans_up() {
    let world = World::with_worker(&[("KEEL__DATASET__MAX_BYTES_PER_SECOND", "1000000")]);
    let id = unique("TASK");
    let _ = world.keel(&["dataset", "generate", &id, "--rows", "200000", "--seed", "1"]).ok();
    let _ = world.keel(&["task", "start", &id]).ok();
    eventually("partial output", || world.data().join("work").join(&id).exists().then_some(()));
    let _ = world.keel(&["task", "cancel", &id]).ok();
    let watched = world.keel(&["task", "watch", &id]);
    assert_eq!(watched.code, Some(1), "{watched:#?}");
    assert!(format!("{watched:?}").to_lowercase().contains("cancelled"), "{watched:#?}");
    assert!(!world.data().join("work").join(&id).exists(), "the partial output is gone");
    assert!(!world.data().join("results").join(&id).join("aggregates.json").exists());
}

#[test]
fn progress_moves_inside_the_long_step() {
    let world = World::with_worker(&[("KEEL__DATASET__MAX_BYTES_PER_SECOND", "2000000")]);
    let id = unique("TASK");
    let _ = world.keel(&["dataset", "generate", &id, "--rows", "200000", "--seed", "5"]).ok();
    let watched = world.keel(&["task", "start", &id, "--watch", "--output", "json"]).ok();
    let percents: std::collections::BTreeSet<String> = watched
        .stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|line| line.get("percent").map(ToString::to_string))
        .collect();
    assert!(percents.len() > 4, "five steps alone would show at most four values on the way: {watched:#?}");
}
