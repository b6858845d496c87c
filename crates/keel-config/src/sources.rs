//! Where settings come from: a file, the profiles of Temporal's own tools, the environment, flags.

pub(crate) mod file;
pub mod profile;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::Value;

use crate::origin::{Layer, Origin};

pub(crate) use file::Lines;

/// The environment variable that names the settings file when no flag does.
pub const FILE_VARIABLE: &str = "KEEL_CONFIG";

/// Prefix of every long environment variable: `KEEL__SECTION__KEY` sets `section.key`.
pub const PREFIX: &str = "KEEL__";

/// Short environment variables and the keys they set. A long one that sets the same key wins.
pub const SHORT_NAMES: [(&str, &str); 6] = [
    ("TEMPORAL_ADDRESS", "temporal.address"),
    ("TEMPORAL_NAMESPACE", "temporal.namespace"),
    ("TEMPORAL_API_KEY", "temporal.api_key"),
    ("TASK_QUEUE", "worker.task_queue"),
    ("MAX_CONCURRENT_ACTIVITIES", "worker.max_concurrent_activities"),
    ("MAX_CONCURRENT_WORKFLOWS", "worker.max_concurrent_workflows"),
];

/// Every section of the one settings file that all programs share. A program that reads only some of them names the
/// others in [`Sources::foreign_sections`].
pub const ALL_SECTIONS: [&str; 12] = [
    "temporal", "worker", "order", "approval", "task", "store", "payments", "courier", "dataset", "log",
    "traces", "http",
];

/// The layers above the built-in defaults, weakest first: file, profile of `temporal.toml`, environment, flags.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The TOML file; `None` falls back to [`FILE_VARIABLE`] in `env`, then to no file at all.
    pub file: Option<PathBuf>,
    /// The environment. A variable that is empty counts as not set.
    pub env: BTreeMap<String, String>,
    /// Flags as key and value, such as `("temporal.address", "host:7233")`.
    pub flags: Vec<(String, String)>,
    /// Sections whose unknown keys are left alone, because another program reads them from the same file.
    pub foreign_sections: Vec<String>,
}

impl Sources {
    /// The environment of this process, with nothing else set. Variables that are not UTF-8 are left out.
    #[must_use]
    pub fn from_process() -> Self {
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| is_ours(name))
            .collect();
        Self { env, ..Self::default() }
    }

    /// The settings file to read, if any.
    #[must_use]
    pub fn file_path(&self) -> Option<PathBuf> {
        let named = self.env.get(FILE_VARIABLE).filter(|path| !path.is_empty());
        self.file.clone().or_else(|| named.map(PathBuf::from))
    }

    /// The file with the profiles of Temporal's own tools, if one is named or stands at its default place.
    #[must_use]
    pub fn profiles_path(&self) -> Option<PathBuf> {
        profile::file_path(&self.env)
    }

    /// Every setting given, weakest first; a file that cannot be read becomes a problem.
    pub(crate) fn entries(&self, problems: &mut Vec<String>) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Some(path) = self.file_path() {
            let origin = Origin { layer: Layer::File, place: path.display().to_string() };
            match file::read("settings file", &path) {
                Ok((tree, lines)) => {
                    entries.push(Entry { key: String::new(), value: Given::Tree(tree, lines), origin });
                }
                Err(problem) => problems.push(problem),
            }
        }
        entries.extend(profile::entries(&self.env, problems));
        entries.extend(self.short_names());
        entries.extend(self.long_names());
        entries.extend(self.flags.iter().map(|(key, value)| Entry {
            key: key.clone(),
            value: Given::Text(value.clone()),
            origin: Origin { layer: Layer::Flag, place: "command line".to_owned() },
        }));
        entries
    }

    fn short_names(&self) -> impl Iterator<Item = Entry> {
        SHORT_NAMES.iter().filter_map(|(name, key)| {
            let value = self.env.get(*name).filter(|value| !value.is_empty())?;
            let value = Given::Optional(Value::String(value.clone()));
            let origin = Origin { layer: Layer::ShortName, place: (*name).to_owned() };
            Some(Entry { key: (*key).to_owned(), value, origin })
        })
    }

    fn long_names(&self) -> impl Iterator<Item = Entry> {
        self.env.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?;
            (!value.is_empty()).then(|| Entry {
                key: path.split("__").map(str::to_ascii_lowercase).collect::<Vec<_>>().join("."),
                value: Given::Text(value.clone()),
                origin: Origin { layer: Layer::LongName, place: name.clone() },
            })
        })
    }
}

/// One setting as it was given.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Dotted key; empty for a whole tree.
    pub(crate) key: String,
    pub(crate) value: Given,
    pub(crate) origin: Origin,
}

/// The form in which a setting was given.
#[derive(Debug)]
pub(crate) enum Given {
    /// Text that still has to become what the key wants.
    Text(String),
    /// For a key that this program may not have: text as above, or a typed value.
    Optional(Value),
    /// Typed values, as a file gives them, with their lines.
    Tree(Value, Lines),
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX)
        || name == FILE_VARIABLE
        || SHORT_NAMES.iter().any(|(short, _)| *short == name)
        || profile::is_ours(name)
}
