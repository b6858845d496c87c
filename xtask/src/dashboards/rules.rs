//! What every dashboard keeps to: a panel says what is normal and what to do, shows what exists, and leads on.

use std::collections::BTreeSet;

use anyhow::Context;

use super::definition::{Dashboard, Kind, Panel, Variable};
use super::runbook::{self, Entry, Runbook};
use super::{panel, promql};
use crate::alerts::files;
use crate::paths;

/// Units that we use and Grafana knows; it shows any other one as it stands.
const UNITS: [&str; 13] = [
    "none",
    "short",
    "percentunit",
    "s",
    "bytes",
    "Bps",
    "cps",
    "cpm",
    "ops",
    "reqps",
    "rowsps",
    "recps",
    "eps",
];
/// Pages with tables of series.
const PAGES: [&str; 2] = ["docs/metrics.md", "docs/dashboards.md"];
/// What a histogram's series append.
const HISTOGRAM: [&str; 3] = ["_bucket", "_sum", "_count"];
/// Letters of a title that fit on a column of a small screen.
const TITLE: usize = 7;
/// The line of a runbook entry that leads to its panels.
const LEAD: &str = "- **Dashboard:** ";

/// Every series that a query may use.
#[derive(Debug)]
pub struct Known(BTreeSet<String>);

impl Known {
    /// From the pages that explain series, and from the recording rules.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn load() -> anyhow::Result<Self> {
        let mut names = BTreeSet::new();
        for page in PAGES {
            names.extend(explained(&read(&paths::root().join(page))?));
        }
        for file in files(&paths::root().join("deploy/observability/alerts"))? {
            let text = read(&file)?;
            names.extend(
                text.lines().filter_map(|line| line.trim().strip_prefix("- record: ")).map(str::to_owned),
            );
        }
        Ok(Self(names))
    }
}

fn read(path: &std::path::Path) -> anyhow::Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", paths::shown(path)))
}

/// Names in the first cells of tables, with what a histogram appends.
fn explained(page: &str) -> impl Iterator<Item = String> {
    page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).flat_map(|(name, rest)| {
        let histogram = rest.starts_with("histogram");
        let suffixes = HISTOGRAM.iter().filter(move |_| histogram);
        std::iter::once(name.to_owned()).chain(suffixes.map(move |suffix| format!("{name}{suffix}")))
    })
}

/// Every broken rule, with what to do.
pub fn broken(dashboards: &[Dashboard], runbook: &Runbook, known: &Known) -> Vec<String> {
    let mut found = Vec::new();
    let mut uids = BTreeSet::from([runbook::UID]);
    for dashboard in dashboards {
        if !uids.insert(&dashboard.uid) {
            found.push(format!("{}: the uid {} is taken: choose another", dashboard.name, dashboard.uid));
        }
        let mut titles = BTreeSet::new();
        for panel in dashboard.panels() {
            let mut say = |text: String| found.push(format!("{} / {}: {text}", dashboard.title, panel.title));
            if !titles.insert(&panel.title) {
                say("another panel has this title: choose another".to_owned());
            }
            judge(dashboard, panel, runbook, known, &mut say);
        }
    }
    let mut ids = BTreeSet::new();
    for entry in runbook.entries() {
        if !ids.insert(entry.id) {
            found.push(format!(
                "the runbook's {} has the panel id of another entry: rename the alert",
                entry.alert
            ));
        }
        found.extend(leads(entry, dashboards));
    }
    found
}

fn judge(
    dashboard: &Dashboard,
    panel: &Panel,
    runbook: &Runbook,
    known: &Known,
    say: &mut impl FnMut(String),
) {
    if panel.width.is_some_and(|width| !(1..=24).contains(&width)) {
        say("a width is 1 to 24 columns".to_owned());
    }
    let columns = panel.width.unwrap_or_else(|| panel.kind.size().0);
    if panel.title.chars().count() > TITLE * columns as usize {
        say(format!("on {columns} columns the title is cut off: at most {TITLE} letters for each"));
    }
    if panel.kind == Kind::Text {
        if panel.text.trim().is_empty() {
            say("a panel of words has no words: give it `text`".to_owned());
        }
        return;
    }
    for (key, text) in [("normal", &panel.normal), ("do", &panel.action)] {
        if text.trim().is_empty() {
            say(format!("it has no `{key}`: say what is normal, and what to do when it is not so"));
        }
    }
    if !UNITS.contains(&panel.unit.as_str()) {
        say(format!("`{}` is no unit: use one of {}", panel.unit, UNITS.join(", ")));
    }
    if panel::thresholds(&panel.thresholds).is_none() {
        say(format!("`{}` are no thresholds: write `green, 0.8 yellow, 1 red`, rising", panel.thresholds));
    }
    for state in panel.states.iter().filter(|state| panel::state(state).is_none()) {
        say(format!("`{state}` is no state: write `0 not_ready red`"));
    }
    for alert in panel.alerts.iter().filter(|alert| runbook.entry(alert).is_none()) {
        say(format!("{} has no entry for {alert}: name an alert that is there", runbook::PATH));
    }
    if panel.series.is_empty() || panel.series.iter().any(|(name, _)| name.trim().is_empty()) {
        say("it needs `series`, each with a name and a query".to_owned());
    }
    for (_, query) in &panel.series {
        judge_query(dashboard, query, known, say);
    }
}

fn judge_query(dashboard: &Dashboard, query: &str, known: &Known, say: &mut impl FnMut(String)) {
    for name in promql::names(query).into_iter().filter(|name| !known.0.contains(*name)) {
        say(format!("nobody explains the series {name}: use one of {}", PAGES.join(" or ")));
    }
    for variable in [Variable::Build, Variable::Instance, Variable::Namespace, Variable::Queue] {
        let used = query.contains(&format!("${}", variable.name()));
        if used && !dashboard.variables.contains(&variable) {
            say(format!("it uses ${0}: add \"{0}\" to the dashboard's `variables`", variable.name()));
        }
    }
}

/// Holds a runbook entry to the panels about its alert: it names some of them, and only such.
fn leads(entry: &Entry, dashboards: &[Dashboard]) -> Vec<String> {
    let about: Vec<_> = dashboards
        .iter()
        .flat_map(|dashboard| dashboard.panels().map(move |panel| (dashboard, panel)))
        .filter(|(_, panel)| panel.alerts.contains(&entry.alert))
        .map(|(dashboard, panel)| format!("{}, *{}*", dashboard.title, panel.title))
        .collect();
    let Some(example) = about.first() else {
        return vec![format!("no panel is about {}: add it to the `alerts` of one", entry.alert)];
    };
    // Long lines may be broken.
    let text = entry.text.replace("\n  ", " ");
    let Some(line) = text.lines().find_map(|line| line.strip_prefix(LEAD)) else {
        return vec![format!("{} leads to no panel: add `{LEAD}{example}`", entry.anchor())];
    };
    line.trim_end_matches('.')
        .split("; ")
        .filter(|lead| !about.iter().any(|panel| panel == lead.trim()))
        .map(|lead| {
            format!(
                "{} leads to `{lead}`, which is not about it: name one of {}",
                entry.anchor(),
                about.join("; ")
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::runbook::{Entry, Runbook, Section};
    use super::{Dashboard, Known, broken, explained};

    fn runbook(text: &str) -> Runbook {
        let entry = Entry { alert: "One".to_owned(), id: 1, text: text.to_owned() };
        Runbook {
            preamble: String::new(),
            sections: vec![Section { entries: vec![entry], ..Section::default() }],
        }
    }

    fn dashboard(panel: &str) -> Vec<Dashboard> {
        let head = "uid = \"a\"\ntitle = \"A\"\npurpose = \"p\"\nvariables = []\n[[row]]\ntitle = \"R\"\n[[row.panel]]\n";
        vec![toml::from_str(&format!("{head}title = \"P\"\n{panel}")).unwrap()]
    }

    const GOOD: &str =
        "unit = \"s\"\nnormal = \"n\"\ndo = \"d\"\nalerts = [\"One\"]\nseries = [[\"x\", \"sum(up)\"]]\n";
    const LEAD: &str = "- what\n- **Dashboard:** A, *P*\n";

    #[test]
    fn a_panel_with_everything_passes_and_every_gap_is_named() {
        let known = Known(explained("| `up` | gauge |\n").collect());
        assert_eq!(broken(&dashboard(GOOD), &runbook(LEAD), &known), Vec::<String>::new());

        let bad = "unit = \"seconds\"\nthresholds = \"1 red\"\nalerts = [\"One\", \"Two\"]\nstates = [\"0\"]\n\
                   series = [[\"\", \"down{a=~'$build'}\"]]\n";
        let found = broken(&dashboard(bad), &runbook("- what\n- **Dashboard:** B, *Q*\n"), &known).join("\n");
        for words in [
            "no `normal`",
            "no `do`",
            "no unit",
            "no thresholds",
            "no state",
            "no entry for Two",
            "a name and a query",
            "the series down",
            "uses $build",
            "leads to `B, *Q*`",
        ] {
            assert!(found.contains(words), "`{words}` is not in {found}");
        }
    }

    #[test]
    fn an_alert_without_a_panel_and_an_entry_without_a_lead_are_named() {
        let known = Known(explained("| `up` | gauge |\n").collect());
        let found = broken(&dashboard(&GOOD.replace("\"One\"", "")), &runbook(LEAD), &known).join("\n");
        assert!(found.contains("no panel is about One"), "{found}");
        let found = broken(&dashboard(GOOD), &runbook("- what\n"), &known).join("\n");
        assert!(found.contains("add `- **Dashboard:** A, *P*`"), "{found}");
    }

    #[test]
    fn a_histogram_is_known_by_its_parts() {
        let names: Vec<_> = explained("| `a_seconds` | histogram | x |\n| text | `b` |\n").collect();
        assert_eq!(names, ["a_seconds", "a_seconds_bucket", "a_seconds_sum", "a_seconds_count"]);
    }
}
