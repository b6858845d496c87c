//! Secrets in settings: never printed, and readable from a file as containers deliver them.

use std::collections::BTreeMap;
use std::path::Path;

use secrecy::SecretString;
use serde::{Serialize, Serializer};

/// What stands in place of a secret wherever settings are printed.
pub const REDACTED: &str = "[redacted]";

/// Serialises an optional secret as [`REDACTED`]; for `#[serde(serialize_with = ..)]`.
///
/// # Errors
/// Only those of the serialiser itself.
pub fn redacted<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|_| REDACTED).serialize(serializer)
}

/// Serialises the names of a map, each with [`REDACTED`]; for `#[serde(serialize_with = ..)]`.
///
/// # Errors
/// Only those of the serialiser itself.
pub fn redacted_map<S: Serializer>(
    secrets: &BTreeMap<String, SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(secrets.keys().map(|name| (name, REDACTED)))
}

/// Reads a secret from a file, without the line break at its end.
///
/// # Errors
/// A sentence that names the file and what is wrong with it, never its content.
pub fn read_file(path: &Path) -> Result<SecretString, String> {
    read_text(path).map(SecretString::from)
}

pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            Err(format!("the file {} is empty; write the secret into it", path.display()))
        }
        Ok(text) => Ok(text.trim().to_owned()),
        Err(error) => Err(format!("cannot read the file {}: {error}", path.display())),
    }
}

/// Whether the value of `key` may not appear in a message.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let last = key.rsplit('.').next().unwrap_or(key);
    ["key", "secret", "password", "token", "url", "header"].iter().any(|word| last.contains(word))
        && !last.ends_with("_file")
}
