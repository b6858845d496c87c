//! What a text may mean for a key, judged by the key's default.

use serde_json::Value;

/// What `text` may mean where the default is `default`, most likely first.
pub(crate) fn readings(default: &Value, text: &str) -> Vec<Value> {
    let as_text = || Value::String(text.to_owned());
    match default {
        Value::String(_) => vec![as_text()],
        Value::Bool(_) => vec![boolean(text).unwrap_or_else(as_text)],
        Value::Number(_) => vec![number(text).unwrap_or_else(as_text)],
        Value::Array(_) => lists(text),
        // Nothing is known about the type: an absent optional value.
        Value::Null => {
            [Some(as_text()), boolean(text), number(text)].into_iter().flatten().chain(lists(text)).collect()
        }
        Value::Object(_) => vec![serde_json::from_str(text).unwrap_or_else(|_| as_text())],
    }
}

/// The usual words for yes and no.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn boolean(text: &str) -> Option<Value> {
    truth(text).map(Value::Bool)
}

fn number(text: &str) -> Option<Value> {
    serde_json::from_str::<serde_json::Number>(text.trim()).ok().map(Value::Number)
}

/// A JSON list, or items divided by commas: first as text, then as numbers.
fn lists(text: &str) -> Vec<Value> {
    if let Ok(list @ Value::Array(_)) = serde_json::from_str(text) {
        return vec![list];
    }
    let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
    let words = items().map(Value::from).collect();
    let numbers = items().map(number).collect::<Option<Vec<_>>>();
    [Some(Value::Array(words)), numbers.map(Value::Array)].into_iter().flatten().collect()
}

/// Why a value does not fit; a duration's own message speaks of its parser, so it gets ours.
pub(crate) fn wrong_value(shown: &str, error: &str) -> String {
    if error.contains("duration") {
        format!("{shown} is not a duration; write one such as 30s or 5m")
    } else {
        error.to_owned()
    }
}
