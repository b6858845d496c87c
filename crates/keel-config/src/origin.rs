//! Where each value comes from.

use std::collections::BTreeMap;

/// The layers above the built-in defaults, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Layer {
    /// The settings file.
    File,
    /// A profile of `temporal.toml`.
    Profile,
    /// Short and standard environment variables.
    ShortName,
    /// `KEEL__SECTION__KEY`.
    LongName,
    /// The command line.
    Flag,
}

/// Who gave one value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) layer: Layer,
    /// A file (with its line where that is known), a variable, or the command line.
    pub(crate) place: String,
}

/// Who gave each value that is not a default.
#[derive(Clone, Debug, Default)]
pub struct Origins(BTreeMap<String, Origin>);

impl Origins {
    /// Where the value of the dotted `key` comes from, such as `keel.toml:7`, `TASK_QUEUE` or `command line`; `None`
    /// for a built-in default.
    #[must_use]
    pub fn place(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(|origin| origin.place.as_str())
    }

    pub(crate) fn layer(&self, key: &str) -> Option<Layer> {
        self.0.get(key).map(|origin| origin.layer)
    }

    pub(crate) fn insert(&mut self, key: &str, origin: Origin) {
        self.0.insert(key.to_owned(), origin);
    }

    pub(crate) fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// A problem of the form `key: what is wrong`, with the place that gave the key.
    pub(crate) fn told(&self, problem: String) -> String {
        let place = problem.split_once(": ").and_then(|(key, _)| self.place(key));
        match place {
            Some(place) if !problem.contains("(from ") => format!("{problem} (from {place})"),
            _ => problem,
        }
    }
}

/// The other keys that say the same thing in another way: a secret by itself, in a file, as data. Only one of them
/// counts.
pub(crate) fn rivals(key: &str) -> Vec<String> {
    if let Some(stem) = key.strip_suffix("_file") {
        vec![stem.to_owned(), format!("{stem}_data")]
    } else if let Some(stem) = key.strip_suffix("_data") {
        vec![format!("{stem}_file")]
    } else {
        vec![format!("{key}_file")]
    }
}

#[cfg(test)]
mod tests {
    use super::rivals;

    #[test]
    fn a_secret_has_one_place() {
        assert_eq!(rivals("temporal.api_key"), ["temporal.api_key_file"]);
        assert_eq!(rivals("temporal.tls.key_file"), ["temporal.tls.key", "temporal.tls.key_data"]);
        assert_eq!(rivals("temporal.tls.key_data"), ["temporal.tls.key_file"]);
    }
}
