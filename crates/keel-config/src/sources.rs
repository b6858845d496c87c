//! Where settings come from: a file, the environment, flags.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, File, FileFormat};
use serde_json::Value;

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

/// The layers above the built-in defaults, weakest first: file, environment, flags.
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

    /// Every setting given, weakest first; a file that cannot be read becomes a problem.
    pub(crate) fn entries(&self, problems: &mut Vec<String>) -> Vec<Entry> {
        let mut entries = Vec::new();
        if let Some(path) = self.file_path() {
            match read_file(&path) {
                Ok(value) => entries.push(Entry {
                    key: String::new(),
                    value: Given::Tree(value),
                    origin: path.display().to_string(),
                }),
                Err(problem) => problems.push(problem),
            }
        }
        entries.extend(self.short_names());
        entries.extend(self.long_names());
        entries.extend(self.flags.iter().map(|(key, value)| Entry {
            key: key.clone(),
            value: Given::Text(value.clone()),
            origin: "command line".to_owned(),
        }));
        entries
    }

    fn short_names(&self) -> impl Iterator<Item = Entry> {
        SHORT_NAMES.iter().filter_map(|(name, key)| {
            let value = self.env.get(*name).filter(|value| !value.is_empty())?;
            let value = Given::Optional(value.clone());
            Some(Entry { key: (*key).to_owned(), value, origin: (*name).to_owned() })
        })
    }

    fn long_names(&self) -> impl Iterator<Item = Entry> {
        self.env.iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(PREFIX)?;
            (!value.is_empty()).then(|| Entry {
                key: path.split("__").map(str::to_ascii_lowercase).collect::<Vec<_>>().join("."),
                value: Given::Text(value.clone()),
                origin: name.clone(),
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
    /// Who gave it: a file, a variable, or the command line.
    pub(crate) origin: String,
}

/// The form in which a setting was given.
#[derive(Debug)]
pub(crate) enum Given {
    /// Text that still has to become what the key wants.
    Text(String),
    /// Text for a key that this program may not have.
    Optional(String),
    /// Typed values, as a file gives them.
    Tree(Value),
}

fn is_ours(name: &str) -> bool {
    name.starts_with(PREFIX) || name == FILE_VARIABLE || SHORT_NAMES.iter().any(|(short, _)| *short == name)
}

fn read_file(path: &Path) -> Result<Value, String> {
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("settings file {shown}: is a directory; name the TOML file in it"));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("settings file {shown}: cannot be read: {error}"))?;
    let parsed = Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
    parsed.and_then(Config::try_deserialize).map_err(|error| {
        format!("settings file {shown}: is not valid TOML: {}", first_lines(&error.to_string()))
    })
}

/// A parser's message on one line, so that every problem is one line.
fn first_lines(message: &str) -> String {
    message.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
