//! The effective settings with their sources, for people and for programs. Secrets show themselves redacted.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::load::tree::{is_section, join, leaves};
use crate::load::{Loaded, Settings};

const DEFAULT: &str = "default";

impl<T: Settings> Loaded<T> {
    /// TOML that can be read again (apart from secrets), with the source of each value as a comment behind it.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        if let Value::Object(sections) = tree(&self.settings) {
            self.table("", &sections, &mut text);
        }
        text
    }

    /// One JSON object: for each dotted key its value and its source.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        leaves("", &tree(&self.settings), &mut |key, value| {
            let source = self.origins.place(&key).unwrap_or(DEFAULT);
            object.insert(key, json!({"value": value, "source": source}));
        });
        Value::Object(object)
    }

    /// One table: first its own keys, then the tables in it.
    fn table(&self, name: &str, fields: &Map<String, Value>, text: &mut String) {
        let is_table = |key: &str, value: &Value| {
            // A map with free keys is a value, as long as it was a default without keys.
            is_section(value) && self.origins.place(&join(name, key)).is_none()
        };
        let (tables, values): (Vec<_>, Vec<_>) = fields.iter().partition(|(key, value)| is_table(key, value));
        if !name.is_empty() && !values.is_empty() {
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}[{name}]\n"));
        }
        for (key, value) in values {
            let source = self.origins.place(&join(name, key)).unwrap_or(DEFAULT);
            match value {
                Value::Null => text.push_str(&format!("# {key} is not set\n")),
                value => text.push_str(&format!("{key} = {}  # {source}\n", toml(value))),
            }
        }
        for (key, value) in tables {
            if let Value::Object(fields) = value {
                self.table(&join(name, key), fields, text);
            }
        }
    }
}

/// The settings as they show themselves. Types redact their secrets; here goes what somebody wrote into a plain address.
fn tree(settings: &impl Serialize) -> Value {
    let mut tree = serde_json::to_value(settings).expect("settings that were read serialise to JSON");
    without_user_info(&mut tree);
    tree
}

fn without_user_info(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Ok(mut url) = url::Url::parse(text)
                && url.password().is_some_and(|password| password != "***")
                && url.set_password(Some("***")).is_ok()
            {
                *text = url.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(without_user_info),
        Value::Object(fields) => fields.values_mut().for_each(without_user_info),
        _ => {}
    }
}

/// A value as TOML writes it on one line.
fn toml(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let pair = |(name, value): (&String, &Value)| format!("{} = {}", json!(name), toml(value));
            format!("{{ {} }}", fields.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        // TOML's basic strings, numbers and booleans are written as JSON's, but for one control character.
        scalar => scalar.to_string().replace('\u{7f}', "\\u007f"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn passwords_inside_addresses_are_hidden() {
        let shown =
            super::tree(&serde_json::json!({"a": ["http://me:hunter2@h:1/x"], "b": "sqlite://data/x"}));
        assert_eq!(shown, serde_json::json!({"a": ["http://me:***@h:1/x"], "b": "sqlite://data/x"}));
    }
}
