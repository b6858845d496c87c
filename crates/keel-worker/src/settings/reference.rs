//! The reference `deploy/keel.toml` is complete and true.

use std::collections::BTreeSet;

use keel_config::{Sources, load_traced};

use super::WorkerSettings;

const REFERENCE: &str = include_str!("../../../../deploy/keel.toml");

/// Every leaf of the settings, with dots.
fn keys() -> BTreeSet<String> {
    fn leaves(prefix: &str, value: &serde_json::Value, found: &mut BTreeSet<String>) {
        match value.as_object() {
            Some(fields) if !fields.is_empty() => {
                for (name, value) in fields {
                    let dot = if prefix.is_empty() { "" } else { "." };
                    leaves(&format!("{prefix}{dot}{name}"), value, found);
                }
            }
            _ => drop(found.insert(prefix.to_owned())),
        }
    }
    let mut found = BTreeSet::new();
    leaves("", &serde_json::to_value(WorkerSettings::default()).unwrap(), &mut found);
    found
}

/// A line of the reference that holds a key, commented out: the key, and its line without the mark.
fn setting<'a>(table: &str, line: &'a str) -> Option<(String, &'a str)> {
    let assignment = line.strip_prefix("# ")?;
    let (name, _) = assignment.split_once(" = ")?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    is_name.then(|| (format!("{table}.{name}"), assignment))
}

#[test]
fn every_setting_is_in_the_reference_and_nothing_else() {
    let mut table = "";
    let mut found = BTreeSet::new();
    let mut explained = false;
    for line in REFERENCE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name;
        } else if let Some((key, _)) = setting(table, line) {
            // The second of two alike sections need not repeat the words of the first.
            let alike = ["courier.", "task.retry."].iter().any(|section| key.starts_with(section));
            assert!(explained || alike, "deploy/keel.toml: {key} has no comment above it");
            assert!(found.insert(key.clone()), "deploy/keel.toml: {key} stands there twice");
            explained = false;
        } else {
            explained = line.starts_with("# ");
        }
    }
    let known = keys();
    let missing: Vec<_> = known.difference(&found).collect();
    assert!(
        missing.is_empty(),
        "deploy/keel.toml lacks {missing:?}; add each with a comment and its default"
    );
    let strange: Vec<_> = found.difference(&known).collect();
    assert!(strange.is_empty(), "deploy/keel.toml has {strange:?}, which are no settings");
}

#[test]
fn the_reference_uncommented_is_the_defaults() {
    let defaults = serde_json::to_value(WorkerSettings::default()).unwrap();
    let mut table = "";
    let mut text = String::new();
    for line in REFERENCE.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            table = name;
        }
        let kept = match setting(table, line) {
            // A key without a default shows an example, which is not to be taken.
            Some((key, _)) if defaults.pointer(&format!("/{}", key.replace('.', "/"))).unwrap().is_null() => {
                ""
            }
            Some((_, assignment)) => assignment,
            None => line,
        };
        text.push_str(kept);
        text.push('\n');
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keel.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = load_traced::<WorkerSettings>(&Sources { file: Some(path), ..Sources::default() })
        .unwrap_or_else(|problems| panic!("deploy/keel.toml: {problems}"));
    assert_eq!(serde_json::to_value(&loaded.settings).unwrap(), defaults);
    for key in keys() {
        let is_given = loaded.origins.place(&key).is_some();
        let has_default = !defaults.pointer(&format!("/{}", key.replace('.', "/"))).unwrap().is_null();
        assert_eq!(is_given, has_default, "{key}");
    }
}

#[test]
fn the_reference_as_it_stands_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keel.toml");
    std::fs::write(&path, REFERENCE).unwrap();
    let sources = Sources { file: Some(path), ..Sources::default() };
    let settings = keel_config::load::<WorkerSettings>(&sources).unwrap();
    let expected = serde_json::to_value(WorkerSettings::default()).unwrap();
    assert_eq!(serde_json::to_value(settings).unwrap(), expected);
}
