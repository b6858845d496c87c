//! `keel config`: what is in effect, and where it comes from.

use crate::support::{keel, keel_with};

#[test]
fn values_are_printed_with_their_sources_and_without_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("temporal.toml");
    std::fs::write(&path, "[profile.cloud]\naddress = 'x.example:7233'\napi_key = 'hunter2'\n").unwrap();
    let env = [
        ("TEMPORAL_CONFIG_FILE", path.to_str().unwrap()),
        ("TEMPORAL_PROFILE", "cloud"),
        ("TEMPORAL_GRPC_META_X_TOKEN", "hunter3"),
    ];
    let ran = keel_with(&env, &["config", "print", "--output", "json", "--namespace", "n"], "");
    let printed = ran.check(0, &[]).json();
    assert_eq!(printed["temporal.address"]["value"], "x.example:7233");
    assert!(
        printed["temporal.api_key"]["source"].as_str().unwrap().ends_with("temporal.toml [profile.cloud]")
    );
    assert_eq!(printed["temporal.namespace"]["source"], "command line");
    assert_eq!(printed["worker.task_queue"]["source"], "default");
    let text = keel_with(&env, &["config", "print"], "");
    text.check(0, &[]);
    assert!(text.stdout.contains("api_key = \"[redacted]\"  # "), "{text:?}");
    assert!(!format!("{ran:?}{text:?}").contains("hunter"), "{ran:?}{text:?}");
    keel_with(&env, &["config", "check"], "").check(0, &[]);
    let codec = keel_with(&[("TEMPORAL_CODEC_ENDPOINT", "http://c")], &["config", "check"], "");
    codec.check(64, &["TEMPORAL_CODEC_ENDPOINT: is not supported"]);
    assert_eq!(keel(&["config"]).code, Some(64));
}
