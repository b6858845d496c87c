//! Merging the layers into one typed value, with every mistake named.

pub(crate) mod reading;
pub(crate) mod tree;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::origin::{Origin, Origins, rivals};
use crate::problems::{ConfigProblems, nearest};
use crate::secret::{self, is_secret_key};
use crate::sources::{Entry, Given, Lines, Sources};

use reading::{readings, wrong_value};
use tree::{is_section, join, leaves, lookup, set};

/// A program's settings: sections of keys, with a default for everything.
pub trait Settings: DeserializeOwned + Default + Serialize {
    /// Keys that hold a secret and are replaced at load by the content of the file that `<key>_file` names.
    const FROM_FILES: &'static [&'static str] = &[];

    /// Every mistake in the values, as `section.key: what is wrong and what to do`.
    fn problems(&self) -> Vec<String>;
}

/// Settings, and where each of them comes from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The settings.
    pub settings: T,
    /// Who gave each value.
    pub origins: Origins,
}

/// Loads the settings: defaults, then the file, then the profile of `temporal.toml`, then the environment, then flags;
/// the last one wins.
///
/// # Errors
/// As [`load_traced`].
pub fn load<T: Settings>(sources: &Sources) -> Result<T, ConfigProblems> {
    load_traced(sources).map(|loaded| loaded.settings)
}

/// As [`load`], and remembers where each value comes from.
///
/// # Errors
/// [`ConfigProblems`] with every problem at once: unreadable files, unknown keys (with the nearest known one), values
/// of the wrong type, two values for one secret, and whatever [`Settings::problems`] says about the rest; each with
/// its source.
pub fn load_traced<T: Settings>(sources: &Sources) -> Result<Loaded<T>, ConfigProblems> {
    let mut problems = Vec::new();
    let entries = sources.entries(&mut problems);
    let mut merge = Merge::new::<T>(&sources.foreign_sections);
    for entry in entries {
        merge.apply::<T>(entry, &mut problems);
    }
    merge.read_secrets(T::FROM_FILES, &mut problems);
    let settings = match serde_json::from_value::<T>(merge.merged) {
        Ok(settings) => settings,
        Err(error) => {
            problems.push(format!("settings do not fit together: {error}"));
            T::default()
        }
    };
    let origins = merge.origins;
    problems.extend(settings.problems().into_iter().map(|problem| origins.told(problem)));
    match ConfigProblems::from_lines(problems) {
        Some(problems) => Err(problems),
        None => Ok(Loaded { settings, origins }),
    }
}

/// The defaults as a tree, and the same tree with every good value so far.
struct Merge<'a> {
    schema: Value,
    known: Vec<String>,
    merged: Value,
    origins: Origins,
    foreign: &'a [String],
}

impl<'a> Merge<'a> {
    fn new<T: Settings>(foreign: &'a [String]) -> Self {
        let schema = serde_json::to_value(T::default()).expect("default settings serialise to JSON");
        let mut known = Vec::new();
        leaves("", &schema, &mut |key, _| known.push(key));
        Self { merged: schema.clone(), known, schema, origins: Origins::default(), foreign }
    }

    fn apply<T: Settings>(&mut self, entry: Entry, problems: &mut Vec<String>) {
        let Entry { key, value, origin } = entry;
        match value {
            Given::Text(text) => self.apply_text::<T>(&key, &text, &origin, problems),
            Given::Optional(value) => match (lookup(&self.schema, &key), value) {
                (Some(_), Value::String(text)) => self.apply_text::<T>(&key, &text, &origin, problems),
                (Some(_), value) => self.try_set::<T>(&key, vec![value], &origin, problems),
                (None, _) => {}
            },
            Given::Tree(tree, lines) => self.apply_tree::<T>("", tree, &lines, &origin, problems),
        }
    }

    fn apply_text<T: Settings>(
        &mut self,
        key: &str,
        text: &str,
        origin: &Origin,
        problems: &mut Vec<String>,
    ) {
        match lookup(&self.schema, key) {
            Some(default) => {
                let candidates = readings(default, text);
                self.try_set::<T>(key, candidates, origin, problems);
            }
            None => self.unknown(key, origin, problems),
        }
    }

    /// Walks a file's tree down to the keys the settings have.
    fn apply_tree<T: Settings>(
        &mut self,
        key: &str,
        tree: Value,
        lines: &Lines,
        file: &Origin,
        problems: &mut Vec<String>,
    ) {
        let known = if key.is_empty() { Some(&self.schema) } else { lookup(&self.schema, key) };
        let (is_known, is_section) = (known.is_some(), known.is_some_and(is_section));
        match tree {
            Value::Object(children) if is_section || (!is_known && !children.is_empty()) => {
                for (name, child) in children {
                    self.apply_tree::<T>(&join(key, &name), child, lines, file, problems);
                }
            }
            value => {
                let origin = Origin { place: lines.place(&file.place, key), ..file.clone() };
                if is_known {
                    self.try_set::<T>(key, vec![value], &origin, problems);
                } else {
                    self.unknown(key, &origin, problems);
                }
            }
        }
    }

    /// Keeps the first reading with which the whole still makes sense.
    fn try_set<T: Settings>(
        &mut self,
        key: &str,
        readings: Vec<Value>,
        origin: &Origin,
        problems: &mut Vec<String>,
    ) {
        let mut first_error = None;
        let shown = readings.first().map(Value::to_string).unwrap_or_default();
        for reading in readings {
            let mut trial = self.schema.clone();
            set(&mut trial, key, reading.clone());
            match serde_json::from_value::<T>(trial) {
                Ok(_) => {
                    self.oust_rivals(key, origin, problems);
                    set(&mut self.merged, key, reading);
                    return self.origins.insert(key, origin.clone());
                }
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        let what = match first_error {
            Some(error) if !is_secret_key(key) => wrong_value(&shown, &error.to_string()),
            _ => "has the wrong type".to_owned(),
        };
        problems.push(format!("{key}: {what} (from {})", origin.place));
    }

    /// A stronger layer's secret replaces that of a weaker one, in whatever form it was given; two in one layer are a
    /// mistake.
    fn oust_rivals(&mut self, key: &str, origin: &Origin, problems: &mut Vec<String>) {
        for rival in rivals(key) {
            match (lookup(&self.schema, &rival), self.origins.layer(&rival)) {
                (Some(default), Some(layer)) if layer < origin.layer => {
                    set(&mut self.merged, &rival, default.clone());
                    self.origins.remove(&rival);
                }
                (Some(_), Some(_)) => {
                    let other = self.origins.place(&rival).unwrap_or_default();
                    problems.push(format!(
                        "{key}: {rival} is set too (from {other}); keep one of them (from {})",
                        origin.place
                    ));
                }
                _ => {}
            }
        }
    }

    /// Puts the content of the files that `<key>_file` names in the place of the keys.
    fn read_secrets(&mut self, keys: &[&str], problems: &mut Vec<String>) {
        for key in keys {
            let file_key = format!("{key}_file");
            let Some(Value::String(path)) = lookup(&self.merged, &file_key) else { continue };
            let named_by = self.origins.place(&file_key).unwrap_or("default").to_owned();
            match secret::read_text(path.as_ref()) {
                Ok(text) => {
                    let layer = self.origins.layer(&file_key).unwrap_or(crate::origin::Layer::File);
                    let place = format!("{path}, named by {named_by}");
                    self.origins.insert(key, Origin { layer, place });
                    set(&mut self.merged, key, Value::String(text));
                }
                Err(problem) => problems.push(format!("{file_key}: {problem} (from {named_by})")),
            }
        }
    }

    fn unknown(&self, key: &str, origin: &Origin, problems: &mut Vec<String>) {
        let section = key.split('.').next().unwrap_or(key);
        if self.foreign.iter().any(|foreign| foreign == section) {
            return;
        }
        let hint = nearest(key, &self.known)
            .map_or_else(|| "; remove it".to_owned(), |known| format!("; did you mean `{known}`?"));
        problems.push(format!("{key}: is not a setting (from {}){hint}", origin.place));
    }
}

#[cfg(test)]
mod tests;
