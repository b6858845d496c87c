//! Merging the layers into one typed value, with every mistake named.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::problems::{ConfigProblems, nearest};
use crate::secret::is_secret_key;
use crate::sources::{Entry, Given, Sources};

/// A program's settings: sections of keys, with a default for everything.
pub trait Settings: DeserializeOwned + Default + Serialize {
    /// Every mistake in the values, as `section.key: what is wrong and what to do`.
    fn problems(&self) -> Vec<String>;
}

/// Loads the settings: defaults, then the file, then the environment, then flags; the last one wins.
///
/// # Errors
/// [`ConfigProblems`] with every problem at once: unreadable files, unknown keys (with the nearest known one), values
/// of the wrong type with their source, and whatever [`Settings::problems`] says about the rest.
pub fn load<T: Settings>(sources: &Sources) -> Result<T, ConfigProblems> {
    let mut problems = Vec::new();
    let entries = sources.entries(&mut problems);
    let mut merge = Merge::new::<T>(&sources.foreign_sections);
    for entry in entries {
        merge.apply::<T>(entry, &mut problems);
    }
    let settings = match serde_json::from_value::<T>(merge.merged) {
        Ok(settings) => settings,
        Err(error) => {
            problems.push(format!("settings do not fit together: {error}"));
            T::default()
        }
    };
    problems.extend(settings.problems());
    ConfigProblems::from_lines(problems).map_or(Ok(settings), Err)
}

/// The defaults as a tree, and the same tree with every good value so far.
struct Merge<'a> {
    schema: Value,
    known: Vec<String>,
    merged: Value,
    foreign: &'a [String],
}

impl<'a> Merge<'a> {
    fn new<T: Settings>(foreign: &'a [String]) -> Self {
        let schema = serde_json::to_value(T::default()).expect("default settings serialise to JSON");
        let mut known = Vec::new();
        leaves("", &schema, &mut |key, _| known.push(key));
        Self { merged: schema.clone(), known, schema, foreign }
    }

    fn apply<T: Settings>(&mut self, entry: Entry, problems: &mut Vec<String>) {
        let Entry { key, value, origin } = entry;
        match value {
            Given::Text(text) => self.apply_text::<T>(&key, &text, &origin, problems),
            Given::Optional(text) => {
                if self.lookup(&key).is_some() {
                    self.apply_text::<T>(&key, &text, &origin, problems);
                }
            }
            Given::Tree(tree) => self.apply_tree::<T>("", tree, &origin, problems),
        }
    }

    fn apply_text<T: Settings>(&mut self, key: &str, text: &str, origin: &str, problems: &mut Vec<String>) {
        match self.lookup(key) {
            Some(default) => {
                let candidates = readings(default, text);
                self.try_set::<T>(key, candidates, origin, problems);
            }
            None => self.unknown(key, origin, problems),
        }
    }

    /// Walks a file's tree down to the keys the settings have.
    fn apply_tree<T: Settings>(&mut self, key: &str, tree: Value, origin: &str, problems: &mut Vec<String>) {
        let is_section = key.is_empty() || self.lookup(key).is_some_and(is_section);
        match (tree, is_section) {
            (Value::Object(children), true) => {
                for (name, child) in children {
                    self.apply_tree::<T>(&join(key, &name), child, origin, problems);
                }
            }
            (value, _) if self.lookup(key).is_some() => self.try_set::<T>(key, vec![value], origin, problems),
            (Value::Object(children), false) if !children.is_empty() => {
                for (name, child) in children {
                    self.apply_tree::<T>(&join(key, &name), child, origin, problems);
                }
            }
            _ => self.unknown(key, origin, problems),
        }
    }

    /// Keeps the first reading with which the whole still makes sense.
    fn try_set<T: Settings>(
        &mut self,
        key: &str,
        readings: Vec<Value>,
        origin: &str,
        problems: &mut Vec<String>,
    ) {
        let mut first_error = None;
        let shown = readings.first().map(Value::to_string).unwrap_or_default();
        for reading in readings {
            let mut trial = self.schema.clone();
            set(&mut trial, key, reading.clone());
            match serde_json::from_value::<T>(trial) {
                Ok(_) => return set(&mut self.merged, key, reading),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let what = match first_error {
            Some(error) if !is_secret_key(key) => wrong_value(&shown, &error.to_string()),
            _ => "has the wrong type".to_owned(),
        };
        problems.push(format!("{key}: {what} (from {origin})"));
    }

    fn unknown(&self, key: &str, origin: &str, problems: &mut Vec<String>) {
        let section = key.split('.').next().unwrap_or(key);
        if self.foreign.iter().any(|foreign| foreign == section) {
            return;
        }
        let hint = nearest(key, &self.known)
            .map_or_else(|| "; remove it".to_owned(), |known| format!("; did you mean `{known}`?"));
        problems.push(format!("{key}: is not a setting (from {origin}){hint}"));
    }

    fn lookup(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.schema, |value, name| value.get(name))
    }
}

/// Why a value does not fit; a duration's own message speaks of its parser, so it gets ours.
fn wrong_value(shown: &str, error: &str) -> String {
    if error.contains("duration") {
        format!("{shown} is not a duration; write one such as 30s or 5m")
    } else {
        error.to_owned()
    }
}

/// What `text` may mean where the default is `default`, most likely first.
fn readings(default: &Value, text: &str) -> Vec<Value> {
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

fn boolean(text: &str) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(Value::Bool(true)),
        "false" | "no" | "off" | "0" => Some(Value::Bool(false)),
        _ => None,
    }
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

/// A value with named keys of its own; an empty map is an ordinary value, free in its keys.
fn is_section(value: &Value) -> bool {
    value.as_object().is_some_and(|object| !object.is_empty())
}

fn leaves(prefix: &str, value: &Value, visit: &mut impl FnMut(String, &Value)) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, child) in object {
                leaves(&join(prefix, name), child, visit);
            }
        }
        leaf => visit(prefix.to_owned(), leaf),
    }
}

fn set(tree: &mut Value, key: &str, value: Value) {
    let mut place = tree;
    for name in key.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = place
            .as_object_mut()
            .expect("it was just made an object")
            .entry(name.to_owned())
            .or_insert(Value::Null);
    }
    *place = value;
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

#[cfg(test)]
mod tests;
