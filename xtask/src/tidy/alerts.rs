//! Rules about alerts: each names its severity and its entry in the runbook, and has a test that fires it.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::Findings;
use crate::alerts::files;

const RUNBOOK: &str = "docs/runbook.md";
const SEVERITIES: [&str; 2] = ["critical", "warning"];

/// One alert, as the few lines that matter here say it. `promtool` holds the files to their syntax.
#[derive(Debug, Default, PartialEq, Eq)]
struct Alert {
    name: String,
    severity: Option<String>,
    runbook: Option<String>,
}

/// Holds rules, runbook and unit tests together.
///
/// # Errors
/// When a file cannot be read.
pub fn check(root: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    let dir = root.join("deploy/observability");
    let mut alerts = Vec::new();
    for file in files(&dir.join("alerts"))? {
        alerts.extend(alerts_in(&read(&file)?));
    }
    let mut fired = BTreeSet::new();
    for file in files(&dir.join("tests"))? {
        fired.extend(fired_in(&read(&file)?));
    }
    judge(&alerts, &entries_in(&read(&root.join(RUNBOOK))?), &fired, findings);
    let names: BTreeSet<_> = alerts.iter().map(|alert| alert.name.as_str()).collect();
    let manager = read(&dir.join("alertmanager.yml"))?;
    for stranger in matched_in(&manager).filter(|name| !names.contains(name)) {
        findings
            .failures
            .push(format!("alertmanager.yml matches {stranger}, which is no alert: name it right"));
    }
    Ok(())
}

/// The names of alerts in the matchers of Alertmanager: `alertname="One"`, `alertname=~"One|Two"`.
fn matched_in(text: &str) -> impl Iterator<Item = &str> {
    let matchers = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let values = matchers.flat_map(|line| line.split("alertname=").skip(1));
    values.filter_map(|rest| rest.split('"').nth(1)).flat_map(|names| names.split('|'))
}

fn read(path: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn judge(alerts: &[Alert], entries: &BTreeSet<String>, fired: &BTreeSet<String>, findings: &mut Findings) {
    let mut fail = |text: String| findings.failures.push(text);
    let mut names = BTreeSet::new();
    for Alert { name, severity, runbook } in alerts {
        if !names.insert(name.clone()) {
            fail(format!("the alert {name} is there twice: give one of them another name"));
        }
        if !severity.as_deref().is_some_and(|severity| SEVERITIES.contains(&severity)) {
            fail(format!("the alert {name} has no severity: label it critical or warning"));
        }
        let wanted = format!("{RUNBOOK}#{}", name.to_lowercase());
        if runbook.as_deref() != Some(&wanted) {
            fail(format!(
                "the alert {name} names no runbook entry: set its annotation runbook_url to {wanted}"
            ));
        }
        if !entries.contains(name) {
            fail(format!("{RUNBOOK} has no entry for {name}: add a heading `### {name}`"));
        }
        if !fired.contains(name) {
            fail(format!("no test in deploy/observability/tests fires {name}: add one with `exp_alerts`"));
        }
    }
    for entry in entries.difference(&names) {
        fail(format!("{RUNBOOK} has an entry for {entry}, which is no alert: remove it or name it right"));
    }
}

fn alerts_in(text: &str) -> Vec<Alert> {
    let mut found: Vec<Alert> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("- alert: ") {
            found.push(Alert { name: name.to_owned(), ..Alert::default() });
        } else if let Some(alert) = found.last_mut() {
            if let Some(severity) = line.strip_prefix("severity: ") {
                alert.severity = Some(severity.to_owned());
            } else if let Some(runbook) = line.strip_prefix("runbook_url: ") {
                alert.runbook = Some(runbook.to_owned());
            }
        }
    }
    found
}

/// The names of alerts that a test expects with labels.
fn fired_in(text: &str) -> BTreeSet<String> {
    let (mut name, mut found) = ("", BTreeSet::new());
    for line in text.lines().map(str::trim) {
        if let Some(of) = line.strip_prefix("- alertname: ") {
            name = of;
        } else if line.starts_with("- exp_labels:") {
            found.insert(name.to_owned());
        }
    }
    found
}

/// Third-level headings of the runbook.
fn entries_in(text: &str) -> BTreeSet<String> {
    text.lines().filter_map(|line| line.strip_prefix("### ")).map(|name| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Findings;
    use super::{alerts_in, check, entries_in, fired_in, judge, matched_in};

    const RULES: &str = "groups:\n  - name: x\n    rules:\n      - record: a\n        expr: b\n      - alert: One\n        \
        labels:\n          severity: critical\n        annotations:\n          runbook_url: docs/runbook.md#one\n      \
        - alert: Two\n        labels:\n          severity: urgent\n";

    #[test]
    fn an_alert_with_everything_passes_and_every_gap_is_named() {
        let alerts = alerts_in(RULES);
        assert_eq!(alerts.len(), 2);
        let fired = fired_in(
            "- alertname: One\n  exp_alerts:\n  - exp_labels:\n- alertname: Two\n  exp_alerts: []\n",
        );
        let mut findings = Findings::default();
        judge(&alerts[..1], &entries_in("# Runbook\n### One\n"), &fired, &mut findings);
        assert_eq!(findings.failures, Vec::<String>::new());

        judge(&alerts, &entries_in("### One\n### Three\n"), &fired, &mut findings);
        let text = findings.failures.join("\n");
        assert_eq!(findings.failures.len(), 5, "{text}");
        for words in [
            "Two has no severity",
            "Two names no runbook",
            "no entry for Two",
            "fires Two",
            "entry for Three",
        ] {
            assert!(text.contains(words), "`{words}` is not in {text}");
        }
    }

    #[test]
    fn the_names_in_matchers_of_alertmanager_are_found() {
        let text = "- source_matchers: ['alertname=\"One\"']\n# alertname=\"No\"\n  target_matchers:\n    \
                    - 'alertname=~\"Two|Three\"'\n  - 'severity=\"critical\"'\n";
        assert_eq!(matched_in(text).collect::<Vec<_>>(), ["One", "Two", "Three"]);
    }

    #[test]
    fn rules_runbook_and_tests_of_this_repository_agree() {
        let mut findings = Findings::default();
        check(crate::paths::root(), &mut findings).unwrap();
        assert_eq!(findings.failures, Vec::<String>::new());
    }
}
