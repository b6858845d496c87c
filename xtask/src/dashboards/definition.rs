//! What people write: a dashboard as a TOML file. `docs/dashboards.md` explains the keys.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, ensure};
use serde::Deserialize;

use crate::paths;

/// Short names in queries, and what they stand for.
const SHORT: [(&str, &str); 4] = [
    ("WORKER", r#"job="keel-worker", instance=~"$instance""#),
    ("SERVER", r#"job="temporal-server""#),
    ("USER_QUEUES", r#"namespace!~"temporal_system", taskqueue!~"temporal_sys_.*|default_worker_tq""#),
    // Multiplies by 1 and adds the label: workers do not carry their build in every series.
    (
        "BUILD",
        "* on (instance) group_left (build_id) \
         max by (instance, build_id) (keel_build_info{job=\"keel-worker\", build_id=~\"$build\"})",
    ),
];

/// One dashboard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// Part of its address; never changes.
    pub uid: String,
    /// What it is called.
    pub title: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// The variables it offers, in order.
    pub variables: Vec<Variable>,
    /// Groups of panels.
    pub row: Vec<Row>,
}

/// What a person can choose.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Variable {
    /// The build id of workers.
    Build,
    /// Workers, of the chosen builds.
    Instance,
    /// Namespaces of people, not the server's own.
    Namespace,
    /// Task queues of the chosen namespaces.
    Queue,
}

/// A group of panels.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What they have in common.
    pub title: String,
    /// The panels, from left to right.
    pub panel: Vec<Panel>,
}

/// One panel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    /// What is shown.
    pub title: String,
    /// How it is shown.
    #[serde(default)]
    pub kind: Kind,
    /// Columns of 24; by kind if absent.
    pub width: Option<u32>,
    /// Lines of about 30 pixels; by kind if absent.
    pub height: Option<u32>,
    /// Grafana's name of the unit.
    #[serde(default)]
    pub unit: String,
    /// What one sees on a good day.
    #[serde(default)]
    pub normal: String,
    /// What to do when it is not so.
    #[serde(default, rename = "do")]
    pub action: String,
    /// Alerts about what is shown; the panel links to their entries in the runbook.
    #[serde(default)]
    pub alerts: Vec<String>,
    /// `green, 0.8 yellow, 1 red`: the first colour holds up to the first value.
    #[serde(default)]
    pub thresholds: String,
    /// The top of the axis.
    pub max: Option<f64>,
    /// Whether series lie on each other.
    #[serde(default)]
    pub stack: bool,
    /// Fixed colours of series by their names.
    #[serde(default)]
    pub colors: BTreeMap<String, String>,
    /// Words for values: `0 down red`.
    #[serde(default)]
    pub states: Vec<String>,
    /// Shows the name of the series and not its value.
    #[serde(default)]
    pub name_only: bool,
    /// Each series is named like an alert, and links to its entry in the runbook.
    #[serde(default)]
    pub runbook_by_series: bool,
    /// Name and query of each series.
    #[serde(default)]
    pub series: Vec<(String, String)>,
    /// Markdown, for a panel without a query.
    #[serde(default)]
    pub text: String,
}

/// Grafana's kind of a panel.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Lines over time.
    #[default]
    Timeseries,
    /// One big figure.
    Stat,
    /// Bars by name.
    Bargauge,
    /// Coloured states over time.
    StateTimeline,
    /// Words.
    Text,
}

impl Kind {
    /// Whether its queries ask for one moment and not for a range.
    pub fn is_instant(self) -> bool {
        matches!(self, Self::Stat | Self::Bargauge)
    }

    /// Width and height where the panel names none.
    pub fn size(self) -> (u32, u32) {
        if self == Self::Stat { (4, 4) } else { (12, 8) }
    }
}

impl Dashboard {
    /// Every panel.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.row.iter().flat_map(|row| &row.panel)
    }
}

impl Variable {
    /// Its name in queries.
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Instance => "instance",
            Self::Namespace => "namespace",
            Self::Queue => "queue",
        }
    }

    /// What it is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::Build => "Build",
            Self::Instance => "Worker",
            Self::Namespace => "Namespace",
            Self::Queue => "Task queue",
        }
    }

    /// The selector and the label that its choices come from.
    pub fn source(self) -> (&'static str, &'static str) {
        match self {
            Self::Build => (r#"keel_build_info{job="keel-worker"}"#, "build_id"),
            Self::Instance => {
                (r#"keel_build_info{job="keel-worker", role="worker", build_id=~"$build"}"#, "instance")
            }
            Self::Namespace => (
                r#"service_requests{job="temporal-server", namespace!~"temporal_system|system|all|_unknown_"}"#,
                "namespace",
            ),
            // A server shows the backlog of a queue a minute after it first saw it, and its polls at once.
            Self::Queue => (
                r#"{__name__=~"approximate_backlog_count|pending_polls", job="temporal-server", namespace=~"$namespace", taskqueue!~"temporal_sys_.*|default_worker_tq"}"#,
                "taskqueue",
            ),
        }
    }
}

/// Reads every definition of a folder, the home dashboard first.
///
/// # Errors
/// Names the file and the place in it.
pub fn load(dir: &Path) -> anyhow::Result<Vec<Dashboard>> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot read {}", paths::shown(dir)))?;
    let mut dashboards = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            dashboards.push(read(&path).with_context(|| paths::shown(&path))?);
        }
    }
    ensure!(!dashboards.is_empty(), "{} holds no definition of a dashboard", paths::shown(dir));
    dashboards.sort_by_key(|dashboard| (dashboard.name != "home", dashboard.name.clone()));
    Ok(dashboards)
}

fn read(path: &Path) -> anyhow::Result<Dashboard> {
    let mut dashboard: Dashboard = toml::from_str(&std::fs::read_to_string(path)?)?;
    dashboard.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    for panel in dashboard.row.iter_mut().flat_map(|row| &mut row.panel) {
        for (_, query) in &mut panel.series {
            *query = written_out(query);
        }
    }
    Ok(dashboard)
}

/// A query with its short names written out. They are words in capitals, which no series and no label is.
fn written_out(query: &str) -> String {
    let mut out = String::with_capacity(query.len());
    let mut rest = query;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        let word = &rest[start..];
        let len = word.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(word.len());
        let long =
            SHORT.iter().find(|(short, _)| *short == &word[..len]).map_or(&word[..len], |(_, long)| long);
        out.push_str(&rest[..start]);
        out.push_str(long);
        rest = &word[len..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::{Dashboard, Kind, written_out};

    #[test]
    fn short_names_are_written_out_and_nothing_else_changes() {
        assert_eq!(written_out("min(up{SERVER})"), r#"min(up{job="temporal-server"})"#);
        let query = r#"rate(a_total{WORKER, x="WORKERS"}[5m]) or vector(0)"#;
        let expected =
            r#"rate(a_total{job="keel-worker", instance=~"$instance", x="WORKERS"}[5m]) or vector(0)"#;
        assert_eq!(written_out(query), expected);
    }

    #[test]
    fn a_definition_has_defaults_and_no_unknown_keys() {
        let text = "uid = \"a\"\ntitle = \"A\"\npurpose = \"p\"\nvariables = [\"build\"]\n[[row]]\ntitle = \"R\"\n\
                    [[row.panel]]\ntitle = \"P\"\nseries = [[\"n\", \"up\"]]\n";
        let dashboard: Dashboard = toml::from_str(text).unwrap();
        let panel = dashboard.panels().next().unwrap();
        assert_eq!((panel.kind, panel.kind.size()), (Kind::Timeseries, (12, 8)));
        let wrong = toml::from_str::<Dashboard>(&format!("{text}colour = \"red\"\n")).unwrap_err();
        assert!(wrong.to_string().contains("colour"), "{wrong}");
    }
}
