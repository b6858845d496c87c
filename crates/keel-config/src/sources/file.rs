//! Reading a TOML file, and remembering which line holds which key.

use std::collections::BTreeMap;
use std::path::Path;

use config::{Config, File, FileFormat};
use serde_json::Value;

/// Which line of a file holds which key, as far as that is plain to see.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Reads headers and `key = value` lines; what it does not understand has no line.
    pub(crate) fn of(text: &str) -> Self {
        let mut table = String::new();
        let mut lines = BTreeMap::new();
        for (at, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if let Some((header, _)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                table = format!("{}.", plain(header));
            } else if let Some((key, _)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
                lines.entry(format!("{table}{}", plain(key))).or_insert(at);
            }
        }
        Self(lines)
    }

    /// `file:line` of `key`, or the file alone.
    pub(crate) fn place(&self, file: &str, key: &str) -> String {
        self.0.get(key).map_or_else(|| file.to_owned(), |line| format!("{file}:{line}"))
    }
}

/// A dotted key without the spaces and quotes around its parts.
fn plain(key: &str) -> String {
    key.split('.').map(|part| part.trim().trim_matches(['"', '\''])).collect::<Vec<_>>().join(".")
}

/// The tables of a TOML file. `what` names the kind of file in problems.
pub(crate) fn read(what: &str, path: &Path) -> Result<(Value, Lines), String> {
    let shown = path.display();
    if path.is_dir() {
        return Err(format!("{what} {shown}: is a directory; name the TOML file in it"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| {
        format!("{what} {shown}: cannot be read: {error}; check the name and the permissions")
    })?;
    let parsed = Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
    let tree = parsed
        .and_then(Config::try_deserialize)
        .map_err(|error| format!("{what} {shown}: is not valid TOML: {}", one_line(&error.to_string())))?;
    Ok((tree, Lines::of(&text)))
}

/// A parser's message on one line, so that every problem is one line. The quoted source lines (`3 | api_key = ..`) are
/// left out: they may hold a secret.
fn one_line(message: &str) -> String {
    let is_quote = |line: &str| {
        line.split_once('|').is_some_and(|(number, _)| number.trim().chars().all(|c| c.is_ascii_digit()))
    };
    let lines = message.lines().filter(|line| !is_quote(line)).map(str::trim);
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Lines, one_line};

    #[test]
    fn keys_are_found_on_their_lines() {
        let lines = Lines::of("# a = 1\n[temporal]\naddress = 'x'\n\n[temporal.tls]\n\"ca_file\" = 'y'\n");
        assert_eq!(lines.place("f", "temporal.address"), "f:3");
        assert_eq!(lines.place("f", "temporal.tls.ca_file"), "f:6");
        assert_eq!(lines.place("f", "a"), "f");
    }

    #[test]
    fn a_parser_does_not_quote_secrets() {
        let message = "TOML parse error at line 1, column 11\n  |\n1 | api_key = hunter2\n  |           ^\nstring values must be quoted\n";
        assert_eq!(one_line(message), "TOML parse error at line 1, column 11 string values must be quoted");
    }
}
