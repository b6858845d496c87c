//! Layers, slips and secrets.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Settings, load, load_traced};
use crate::{Sources, TemporalSection};

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Demo {
    temporal: TemporalSection,
    worker: Worker,
    store: Store,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Store {
    url: String,
    url_file: Option<PathBuf>,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: "sqlite://x".to_owned(), url_file: None }
    }
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
    const FROM_FILES: &'static [&'static str] = &["store.url"];

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
            "worker.slots: must be at least 1 (from KEEL__WORKER__SLOTS)",
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
        file("[worker]\nslots = 'many'\nslotz = 1\n[temporal]\ntls = 5\n[stove]\nurl = 'x'\n");
    let name = folder.path().join("keel.toml").display().to_string();
    let problems = load::<Demo>(&sources).expect_err("it is wrong");
    let mut lines = problems.lines().to_vec();
    lines.sort();
    assert_eq!(lines[0], format!("stove.url: is not a setting (from {name}:7); did you mean `store.url`?"));
    assert!(lines[1].starts_with("temporal.tls: invalid type: integer `5`"), "{}", lines[1]);
    assert!(
        lines[2].starts_with("worker.slots: invalid type: string \"many\", expected u32"),
        "{}",
        lines[2]
    );
    assert_eq!(
        lines[3],
        format!("worker.slotz: is not a setting (from {name}:3); did you mean `worker.slots`?")
    );
    let shared = Sources { foreign_sections: vec!["stove".to_owned()], ..sources };
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

#[test]
fn every_value_knows_where_it_comes_from() {
    let (folder, mut sources) =
        file("[worker]\nslots = 7\n\ntask_queue = 'file'\n[temporal.tls]\nenabled = true\n");
    let name = folder.path().join("keel.toml").display().to_string();
    sources.env = env(&[
        ("TASK_QUEUE", "q2"),
        ("TEMPORAL_API_KEY", "hunter2"),
        ("TEMPORAL_GRPC_META_X_TEAM", "hunter3"),
    ])
    .env;
    sources.flags.push(("worker.ratio".to_owned(), "0.25".to_owned()));
    let loaded = load_traced::<Demo>(&sources).unwrap();
    let json = loaded.to_json();
    let check = |key: &str, value: serde_json::Value, source: &str| {
        assert_eq!(json[key], serde_json::json!({"value": value, "source": source}), "{key}");
    };
    check("worker.slots", 7.into(), &format!("{name}:2"));
    check("worker.task_queue", "q2".into(), "TASK_QUEUE");
    check("worker.ratio", 0.25.into(), "command line");
    check("worker.eager", false.into(), "default");
    check("temporal.api_key", "[redacted]".into(), "TEMPORAL_API_KEY");
    let text = loaded.to_toml();
    assert!(text.contains("[temporal.tls]\n# ca_data is not set\n"), "{text}");
    assert!(text.contains(&format!("enabled = true  # {name}:6\n")), "{text}");
    assert!(
        text.contains("headers = { \"x-team\" = \"[redacted]\" }  # TEMPORAL_GRPC_META_X_TEAM\n"),
        "{text}"
    );
    assert!(!text.contains("hunter") && !json.to_string().contains("hunter"), "{text}");
}

#[test]
fn what_is_printed_can_be_read_again() {
    let env = env(&[("KEEL__WORKER__APPROVERS", "a \"quoted\" one,b"), ("KEEL__WORKER__GRACE", "90s")]);
    let text = load_traced::<Demo>(&env).unwrap().to_toml();
    let (_folder, sources) = file(&text);
    let again = load::<Demo>(&sources).unwrap();
    assert_eq!(again.worker.approvers, ["a \"quoted\" one", "b"]);
    assert_eq!(again.worker.grace, Duration::from_secs(90));
}

#[test]
fn a_secret_may_come_from_a_file_and_the_stronger_place_wins() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("url");
    std::fs::write(&secret, "postgres://u:hunter2@h/d\n").unwrap();
    let path = secret.to_str().unwrap();
    let loaded = load_traced::<Demo>(&env(&[("KEEL__STORE__URL_FILE", path)])).unwrap();
    assert_eq!(loaded.settings.store.url, "postgres://u:hunter2@h/d");
    let named = format!("{path}, named by KEEL__STORE__URL_FILE");
    assert_eq!(loaded.origins.place("store.url"), Some(named.as_str()));
    check_problems(
        &env(&[("KEEL__STORE__URL_FILE", path), ("KEEL__STORE__URL", "sqlite://y")]),
        &[
            "store.url_file: store.url is set too (from KEEL__STORE__URL); keep one of them (from KEEL__STORE__URL_FILE)",
        ],
    );
    let (_folder, mut sources) =
        file(&format!("[store]\nurl_file = '{path}'\n[temporal]\napi_key_file = '/none'\n"));
    sources.env = env(&[("KEEL__STORE__URL", "sqlite://y"), ("TEMPORAL_API_KEY", "k")]).env;
    let demo = load::<Demo>(&sources).unwrap();
    assert_eq!((demo.store.url.as_str(), demo.store.url_file), ("sqlite://y", None));
    assert!(demo.temporal.api_key_file.is_none() && demo.temporal.api_key.is_some());
    std::fs::write(&secret, "\n").unwrap();
    check_problems(
        &env(&[("KEEL__STORE__URL_FILE", path)]),
        &[&format!(
            "store.url_file: the file {path} is empty; write the secret into it (from KEEL__STORE__URL_FILE)"
        )],
    );
}
