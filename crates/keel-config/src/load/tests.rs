//! Layers, slips and secrets.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Settings, load};
use crate::{Sources, TemporalSection};

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Demo {
    temporal: TemporalSection,
    worker: Worker,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Worker {
    task_queue: String,
    slots: u32,
    ratio: f64,
    eager: bool,
    approvers: Vec<String>,
    limit: Option<u32>,
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    grace: Duration,
}

impl Default for Worker {
    fn default() -> Self {
        Self {
            task_queue: "q".to_owned(),
            slots: 5,
            ratio: 0.5,
            eager: false,
            approvers: Vec::new(),
            limit: None,
            grace: Duration::from_secs(30),
        }
    }
}

impl Settings for Demo {
    fn problems(&self) -> Vec<String> {
        let mut problems = self.temporal.problems();
        if self.worker.slots == 0 {
            problems.push("worker.slots: must be at least 1".to_owned());
        }
        problems
    }
}

fn env(pairs: &[(&str, &str)]) -> Sources {
    let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { env, ..Sources::default() }
}

fn check_problems(sources: &Sources, expected: &[&str]) {
    let problems = load::<Demo>(sources).expect_err("the settings should be refused");
    assert_eq!(problems.lines(), expected);
}

fn file(text: &str) -> (tempfile::TempDir, Sources) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keel.toml");
    std::fs::write(&path, text).unwrap();
    (folder, Sources { file: Some(path), ..Sources::default() })
}

#[test]
fn the_later_layer_wins() {
    let (_folder, mut sources) = file("[worker]\nslots = 7\ntask_queue = 'file'\nratio = 1\ngrace = '5s'\n");
    sources.env = env(&[("TASK_QUEUE", "short"), ("KEEL__WORKER__TASK_QUEUE", "long")]).env;
    let demo = load::<Demo>(&sources).unwrap();
    assert_eq!((demo.worker.slots, demo.worker.task_queue.as_str(), demo.worker.ratio), (7, "long", 1.0));
    assert_eq!(demo.worker.grace, Duration::from_secs(5));
    sources.flags.push(("worker.task_queue".to_owned(), "flag".to_owned()));
    assert_eq!(load::<Demo>(&sources).unwrap().worker.task_queue, "flag");
}

#[test]
fn text_becomes_what_the_key_wants() {
    let demo = load::<Demo>(&env(&[
        ("KEEL__WORKER__SLOTS", "12"),
        ("KEEL__WORKER__EAGER", "on"),
        ("KEEL__WORKER__TASK_QUEUE", "123"),
        ("KEEL__WORKER__APPROVERS", "a@x, b@x"),
        ("KEEL__WORKER__LIMIT", "9"),
        ("KEEL__WORKER__RATIO", ""),
        ("MAX_CONCURRENT_ACTIVITIES", "no key of this program"),
    ]))
    .unwrap();
    assert_eq!((demo.worker.slots, demo.worker.eager, demo.worker.limit), (12, true, Some(9)));
    assert_eq!((demo.worker.task_queue.as_str(), demo.worker.ratio), ("123", 0.5));
    assert_eq!(demo.worker.approvers, ["a@x", "b@x"]);
}

#[test]
fn every_mistake_is_told_at_once_with_its_source() {
    check_problems(
        &env(&[
            ("KEEL__TEMPORAL__ADRESS", "x"),
            ("KEEL__WORKER__GRACE", "soon"),
            ("KEEL__WORKER__SLOTS", "0"),
            ("KEEL__WORKER__RATIO", "half"),
            ("KEEL__ZOO__LION", "1"),
        ]),
        &[
            "temporal.adress: is not a setting (from KEEL__TEMPORAL__ADRESS); did you mean `temporal.address`?",
            "worker.grace: \"soon\" is not a duration; write one such as 30s or 5m (from KEEL__WORKER__GRACE)",
            "worker.ratio: invalid type: string \"half\", expected f64 (from KEEL__WORKER__RATIO)",
            "zoo.lion: is not a setting (from KEEL__ZOO__LION); remove it",
            "worker.slots: must be at least 1",
        ],
    );
}

#[test]
fn a_bad_file_is_named() {
    let (folder, _) = file("");
    let name = folder.path().display().to_string();
    let sources = Sources { file: Some(folder.path().to_owned()), ..Sources::default() };
    check_problems(&sources, &[&format!("settings file {name}: is a directory; name the TOML file in it")]);
    let missing = env(&[("KEEL_CONFIG", "/nonexistent/keel.toml")]);
    let problems = load::<Demo>(&missing).expect_err("it is missing").to_string();
    assert!(problems.starts_with("settings file /nonexistent/keel.toml: cannot be read: "), "{problems}");
    let (_folder, broken) = file("[worker\nslots = 1");
    let problems = load::<Demo>(&broken).expect_err("it is broken").to_string();
    assert!(problems.contains("is not valid TOML") && problems.lines().count() == 1, "{problems}");
}

#[test]
fn a_file_with_wrong_keys_and_types_is_refused_key_by_key() {
    let (folder, sources) =
        file("[worker]\nslots = 'many'\nslotz = 1\n[temporal]\ntls = 5\n[store]\nurl = 'x'\n");
    let name = folder.path().join("keel.toml").display().to_string();
    let problems = load::<Demo>(&sources).expect_err("it is wrong");
    let mut lines = problems.lines().to_vec();
    lines.sort();
    assert_eq!(lines[0], format!("store.url: is not a setting (from {name}); remove it"));
    assert!(lines[1].starts_with("temporal.tls: invalid type: integer `5`"), "{}", lines[1]);
    assert!(
        lines[2].starts_with("worker.slots: invalid type: string \"many\", expected u32"),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[3],
        format!("worker.slotz: is not a setting (from {name}); did you mean `worker.slots`?")
    );
    let shared = Sources { foreign_sections: vec!["store".to_owned()], ..sources };
    assert_eq!(load::<Demo>(&shared).expect_err("still wrong").lines().len(), 3);
}

#[test]
fn secrets_never_show() {
    let (_folder, sources) = file("[temporal]\napi_key = 123456\n");
    let problems = load::<Demo>(&sources).expect_err("a number is no key").to_string();
    assert!(
        problems.contains("temporal.api_key: has the wrong type") && !problems.contains("123456"),
        "{problems}"
    );
    let mut demo = load::<Demo>(&env(&[("TEMPORAL_API_KEY", "hunter2")])).unwrap();
    demo.temporal.namespace = "n".to_owned();
    let shown = format!("{demo:?} {}", serde_json::to_string(&demo).unwrap());
    assert!(!shown.contains("hunter2") && shown.contains("[redacted]"), "{shown}");
}
