//! Grafana's JSON of a whole dashboard.

use serde_json::{Value, json};

use super::definition::{Dashboard, Variable};
use super::panel;
use super::runbook::{Runbook, UID};

/// The oldest version of Grafana's schema that has everything we use; Grafana 11 and 12 take it as it is.
const SCHEMA: u32 = 39;
const COLUMNS: u32 = 24;

/// The data source of every query, by the uid that is provisioned.
pub fn prometheus() -> Value {
    json!({ "type": "prometheus", "uid": "prometheus" })
}

/// The JSON of a dashboard.
pub fn dashboard(dashboard: &Dashboard, runbook: &Runbook) -> Value {
    let (mut panels, mut line, mut id) = (Vec::new(), 0, 0);
    for row in &dashboard.row {
        id += 1;
        panels.push(row_panel(id, &row.title, line));
        line += 1;
        let (mut column, mut tallest) = (0, 0);
        for definition in &row.panel {
            let (width, height) = definition.kind.size();
            let (width, height) = (definition.width.unwrap_or(width), definition.height.unwrap_or(height));
            if column + width > COLUMNS {
                (column, line, tallest) = (0, line + tallest, 0);
            }
            id += 1;
            let place = json!({ "x": column, "y": line, "w": width, "h": height });
            panels.push(panel::render(definition, id, &place, runbook));
            column += width;
            tallest = tallest.max(height);
        }
        line += tallest;
    }
    let variables: Vec<_> = dashboard.variables.iter().copied().map(variable).collect();
    shell(&dashboard.uid, &dashboard.title, &dashboard.purpose, &panels, &variables)
}

/// The runbook as a dashboard: an entry is a panel, so that it has an address.
pub fn runbook(runbook: &Runbook) -> Value {
    let (mut panels, mut line, mut id) = (vec![text(1, "How to read it", &runbook.preamble, 0)], 0, 1);
    line += lines_of(&runbook.preamble);
    for section in &runbook.sections {
        id += 1;
        panels.push(row_panel(id, &section.title, line));
        line += 1;
        if !section.text.trim().is_empty() {
            id += 1;
            panels.push(text(id, &section.title, &section.text, line));
            line += lines_of(&section.text);
        }
        for entry in &section.entries {
            panels.push(text(entry.id, &entry.alert, &entry.text, line));
            line += lines_of(&entry.text);
        }
    }
    let purpose =
        "What each alert means and what to do: docs/runbook.md, for whoever has no checkout at hand.";
    shell(UID, "Runbook", purpose, &panels, &[])
}

fn shell(uid: &str, title: &str, purpose: &str, panels: &[Value], variables: &[Value]) -> Value {
    json!({
        "uid": uid,
        "title": title,
        "description": purpose,
        "tags": ["keel"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": false,
        "graphTooltip": 1,
        "refresh": "15s",
        "time": { "from": "now-1h", "to": "now" },
        "timepicker": {},
        "timezone": "browser",
        "fiscalYearStartMonth": 0,
        "links": [{
            "type": "dashboards",
            "title": "Keel",
            "tags": ["keel"],
            "asDropdown": false,
            "includeVars": true,
            "keepTime": true,
            "targetBlank": false,
            "icon": "dashboard",
            "tooltip": "",
            "url": "",
        }],
        "annotations": { "list": annotations() },
        "templating": { "list": variables },
        "panels": panels,
    })
}

/// Marks in every graph: what an eye looks for first beside a change.
fn annotations() -> [Value; 3] {
    let mark = |name: &str, color: &str, query: &str, title: &str, text: &str| {
        json!({
            "name": name,
            "datasource": prometheus(),
            "enable": true,
            "hide": false,
            "iconColor": color,
            "target": { "refId": "Anno", "expr": query, "interval": "15s" },
            "titleFormat": title,
            "textFormat": text,
            "useValueForTime": false,
        })
    };
    [
        json!({
            "builtIn": 1,
            "datasource": { "type": "grafana", "uid": "-- Grafana --" },
            "enable": true,
            "hide": true,
            "iconColor": "rgba(0, 211, 255, 1)",
            "name": "Annotations & Alerts",
            "type": "dashboard",
        }),
        mark("A build appears", "blue", NEW_BUILD, "Build {{build_id}}", "its first worker is up"),
        mark("Critical alerts", "red", CRITICAL, "{{alertname}}", "critical"),
    ]
}

/// True for the first minute of a build.
pub const NEW_BUILD: &str = r#"count by (build_id) (keel_build_info{job="keel-worker"}) unless on (build_id) count by (build_id) (keel_build_info{job="keel-worker"} offset 1m)"#;
/// True while a critical alert fires.
pub const CRITICAL: &str = r#"count by (alertname) (ALERTS{alertstate="firing", severity="critical"})"#;

fn variable(variable: Variable) -> Value {
    let (selector, label) = variable.source();
    let query = format!("label_values({selector}, {label})");
    json!({
        "type": "query",
        "name": variable.name(),
        "label": variable.label(),
        "datasource": prometheus(),
        "definition": query,
        // 1 is Grafana's kind of query for the values of a label.
        "query": { "qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery" },
        // Asked again when the shown time changes, so that replicas of yesterday can be chosen.
        "refresh": 2,
        "sort": 1,
        "includeAll": true,
        "multi": true,
        "hide": 0,
        "regex": "",
        "options": [],
        "current": { "selected": true, "text": ["All"], "value": ["$__all"] },
    })
}

fn row_panel(id: u32, title: &str, line: u32) -> Value {
    json!({
        "type": "row",
        "id": id,
        "title": title,
        "collapsed": false,
        "gridPos": { "x": 0, "y": line, "w": COLUMNS, "h": 1 },
        "panels": [],
    })
}

fn text(id: u32, title: &str, markdown: &str, line: u32) -> Value {
    let place = json!({ "x": 0, "y": line, "w": COLUMNS, "h": lines_of(markdown) });
    panel::text(id, title, markdown.trim(), &place)
}

/// The height that a text needs, in lines of Grafana's grid.
fn lines_of(markdown: &str) -> u32 {
    let lines: usize = markdown.lines().map(|line| 1 + line.len() / 180).sum();
    3 + u32::try_from(lines).unwrap_or(u32::MAX / 2) * 3 / 4
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{COLUMNS, Value, dashboard, runbook};

    /// Every id once, and every cell of the grid at most once.
    fn check(json: &Value) {
        let (mut ids, mut cells) = (BTreeSet::new(), BTreeSet::new());
        for panel in json["panels"].as_array().unwrap() {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{} has the id of another", panel["title"]);
            let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            assert!(x + w <= u64::from(COLUMNS), "{} leaves the grid", panel["title"]);
            for cell in (x..x + w).flat_map(|column| (y..y + h).map(move |line| (column, line))) {
                assert!(cells.insert(cell), "{} lies on another", panel["title"]);
            }
        }
    }

    #[test]
    fn panels_of_this_repository_have_ids_and_places_of_their_own() {
        let (dashboards, entries) = super::super::load().unwrap();
        dashboards.iter().for_each(|definition| check(&dashboard(definition, &entries)));
        check(&runbook(&entries));
    }
}
