//! Grafana's JSON of a panel.

use serde_json::{Value, json};

use super::definition::{Kind, Panel};
use super::render::prometheus;
use super::runbook::Runbook;

/// The JSON of a panel at a place.
pub fn render(panel: &Panel, id: u32, place: &Value, runbook: &Runbook) -> Value {
    if panel.kind == Kind::Text {
        return text(id, &panel.title, panel.text.trim(), place);
    }
    json!({
        "id": id,
        "type": name(panel.kind),
        "title": panel.title,
        "description": description(panel, runbook),
        "datasource": prometheus(),
        "gridPos": place,
        "targets": targets(panel),
        "fieldConfig": { "defaults": defaults(panel), "overrides": overrides(panel, runbook) },
        "options": options(panel),
        "links": links(panel, runbook),
    })
}

/// A panel of markdown.
pub fn text(id: u32, title: &str, markdown: &str, place: &Value) -> Value {
    json!({
        "id": id,
        "type": "text",
        "title": title,
        "description": "",
        "gridPos": place,
        "options": { "mode": "markdown", "content": markdown },
        "transparent": false,
    })
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Timeseries => "timeseries",
        Kind::Stat => "stat",
        Kind::Bargauge => "bargauge",
        Kind::StateTimeline => "state-timeline",
        Kind::Text => "text",
    }
}

fn description(panel: &Panel, runbook: &Runbook) -> String {
    let mut text = format!("**Normal:** {}\n\n**If not:** {}", panel.normal, panel.action);
    let entries: Vec<_> = panel
        .alerts
        .iter()
        .filter_map(|alert| runbook.entry(alert))
        .map(|entry| format!("[{}]({}) ({})", entry.alert, entry.url(), entry.anchor()))
        .collect();
    if !entries.is_empty() {
        text.push_str(&format!("\n\n**Runbook:** {}", entries.join(", ")));
    }
    text
}

fn links(panel: &Panel, runbook: &Runbook) -> Vec<Value> {
    let entries = panel.alerts.iter().filter_map(|alert| runbook.entry(alert));
    entries
        .map(|entry| json!({ "title": format!("Runbook: {}", entry.alert), "url": entry.url(), "targetBlank": true }))
        .collect()
}

fn targets(panel: &Panel) -> Vec<Value> {
    let instant = panel.kind.is_instant();
    let letters = 'A'..='Z';
    letters
        .zip(&panel.series)
        .map(|(letter, (legend, query))| {
            json!({
                "refId": letter.to_string(),
                "datasource": prometheus(),
                "editorMode": "code",
                "expr": query,
                "legendFormat": legend,
                "instant": instant,
                "range": !instant,
            })
        })
        .collect()
}

fn defaults(panel: &Panel) -> Value {
    let mut defaults = json!({
        "unit": panel.unit,
        "color": { "mode": if is_coloured_by_value(panel) { "thresholds" } else { "palette-classic" } },
        "thresholds": { "mode": "absolute", "steps": steps(panel) },
        "mappings": mappings(panel),
        "custom": custom(panel),
    });
    // What is shown is never negative, but for the change of a stock.
    if panel.kind == Kind::Timeseries {
        defaults["min"] = json!(0);
    }
    if let Some(max) = panel.max {
        defaults["max"] = json!(max);
    }
    if panel.unit == "none" {
        defaults["decimals"] = json!(0);
    }
    defaults
}

fn is_coloured_by_value(panel: &Panel) -> bool {
    panel.kind != Kind::Timeseries
}

/// `green, 0.8 yellow` as Grafana writes it; one that cannot be read is named by the rules.
fn steps(panel: &Panel) -> Vec<Value> {
    let parsed = thresholds(&panel.thresholds).unwrap_or_default();
    if parsed.is_empty() {
        // No judgement: a colour that is no colour.
        return vec![json!({ "color": "text", "value": null })];
    }
    parsed.into_iter().map(|(value, color)| json!({ "color": color, "value": value })).collect()
}

/// Reads `green, 0.8 yellow, 1 red`.
pub fn thresholds(text: &str) -> Option<Vec<(Option<f64>, &str)>> {
    let mut steps: Vec<(Option<f64>, &str)> = Vec::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let step = match part.split_once(' ') {
            None if steps.is_empty() => (None, part),
            Some((value, color)) if !steps.is_empty() => (Some(value.parse().ok()?), color.trim()),
            _ => return None,
        };
        if steps.last().is_some_and(|(last, _)| *last >= step.0) {
            return None;
        }
        steps.push(step);
    }
    Some(steps)
}

/// Reads `0 not_ready red`: value, words, colour.
pub fn state(text: &str) -> Option<(u32, String, &str)> {
    let mut parts = text.split_whitespace();
    let (value, words, color) = (parts.next()?.parse().ok()?, parts.next()?, parts.next()?);
    parts.next().is_none().then(|| (value, words.replace('_', " "), color))
}

fn mappings(panel: &Panel) -> Vec<Value> {
    let states: Vec<_> = panel.states.iter().filter_map(|text| state(text)).collect();
    if states.is_empty() {
        return Vec::new();
    }
    let options: serde_json::Map<_, _> = states
        .iter()
        .enumerate()
        .map(|(index, (value, words, color))| {
            (value.to_string(), json!({ "text": words, "color": color, "index": index }))
        })
        .collect();
    vec![json!({ "type": "value", "options": options })]
}

fn custom(panel: &Panel) -> Value {
    match panel.kind {
        Kind::Timeseries => json!({
            "drawStyle": "line",
            "lineInterpolation": "linear",
            "lineWidth": 1,
            "fillOpacity": if panel.stack { 30 } else { 8 },
            "gradientMode": "none",
            "showPoints": "never",
            "spanNulls": false,
            "stacking": { "mode": if panel.stack { "normal" } else { "none" }, "group": "A" },
            "thresholdsStyle": { "mode": if panel.thresholds.is_empty() { "off" } else { "dashed" } },
            "axisPlacement": "auto",
        }),
        Kind::StateTimeline => json!({ "lineWidth": 0, "fillOpacity": 80 }),
        _ => json!({}),
    }
}

fn overrides(panel: &Panel, runbook: &Runbook) -> Vec<Value> {
    let of = |name: &str, id: &str, value: Value| json!({ "matcher": { "id": "byName", "options": name }, "properties": [{ "id": id, "value": value }] });
    let colors = panel
        .colors
        .iter()
        .map(|(name, color)| of(name, "color", json!({ "mode": "fixed", "fixedColor": color })));
    let entries = runbook.entries().filter(|_| panel.runbook_by_series).map(|entry| {
        of(&entry.alert, "links", json!([{ "title": "Runbook", "url": entry.url(), "targetBlank": true }]))
    });
    colors.chain(entries).collect()
}

fn options(panel: &Panel) -> Value {
    let reduce = json!({ "calcs": ["lastNotNull"], "fields": "", "values": false });
    match panel.kind {
        Kind::Timeseries => json!({
            "legend": { "displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"] },
            "tooltip": { "mode": "multi", "sort": "desc" },
        }),
        Kind::Stat => json!({
            "reduceOptions": reduce,
            "colorMode": if panel.thresholds.is_empty() { "none" } else { "background" },
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": if panel.name_only { "name" } else if panel.series.len() > 1 || has_names(panel) { "value_and_name" } else { "value" },
            "wideLayout": true,
        }),
        Kind::Bargauge => json!({
            "reduceOptions": reduce,
            "displayMode": "gradient",
            "orientation": "horizontal",
            "showUnfilled": true,
            "valueMode": "color",
            "namePlacement": "auto",
            "sizing": "auto",
            "minVizHeight": 16,
            "minVizWidth": 8,
        }),
        Kind::StateTimeline => json!({
            "legend": { "displayMode": "list", "placement": "bottom", "showLegend": false },
            "tooltip": { "mode": "single", "sort": "none" },
            "mergeValues": true,
            "showValue": "auto",
            "alignValue": "left",
            "rowHeight": 0.8,
        }),
        Kind::Text => json!({}),
    }
}

/// Whether series are named by a label, so that there may be several.
fn has_names(panel: &Panel) -> bool {
    panel.series.iter().any(|(legend, _)| legend.contains("{{"))
}

#[cfg(test)]
mod tests {
    use super::{state, thresholds};

    #[test]
    fn thresholds_rise_from_a_colour() {
        assert_eq!(
            thresholds("green, 0.8 yellow, 1 red"),
            Some(vec![(None, "green"), (Some(0.8), "yellow"), (Some(1.0), "red")])
        );
        assert_eq!(thresholds(""), Some(Vec::new()));
        for wrong in ["1 red", "green, red", "green, x red", "green, 2 yellow, 1 red"] {
            assert_eq!(thresholds(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_state_has_a_value_words_and_a_colour() {
        assert_eq!(state("0 not_ready red"), Some((0, "not ready".to_owned(), "red")));
        assert_eq!(state("0 red"), None);
    }
}
