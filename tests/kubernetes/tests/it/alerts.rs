//! The Prometheus Operator gets the rules of `deploy/observability/alerts`, all of them and no others.

use std::collections::BTreeMap;

use keel_kubernetes::crds::monitoring::RuleGroups;
use keel_kubernetes::each;
use keel_kubernetes::pods::name;
use keel_kubernetes::render::folder;

use crate::overlays::read;

#[test]
fn the_rules_are_those_of_the_alert_files() {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder().join("../observability/alerts")).unwrap().flatten() {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        let stem = entry.path().file_stem().unwrap().to_string_lossy().into_owned();
        files.insert(stem, serde_saphyr::from_str::<RuleGroups>(&text).unwrap());
    }
    assert!(files.len() > 3, "the alert files have moved");
    let documents = read("overlays/production");
    let rules: BTreeMap<String, &RuleGroups> =
        each!(documents, PrometheusRule).map(|rule| (name(&rule.metadata).to_owned(), &rule.spec)).collect();
    let stale = "run `cargo xtask kubernetes rules`";
    assert_eq!(rules.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>(), "{stale}");
    for (name, groups) in files {
        assert!(*rules[&name] == groups, "PrometheusRule {name} is not what the file says: {stale}");
    }
}
