//! The connection as Temporal's own tools are told of it: profiles of `temporal.toml`, and the standard `TEMPORAL_*`
//! variables. What Keel cannot do is refused by name and never ignored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Entry, Given, file};
use crate::load::reading::truth;
use crate::origin::{Layer, Origin};
use crate::problems::nearest;

/// Names the file with the profiles.
pub const FILE_VARIABLE: &str = "TEMPORAL_CONFIG_FILE";
/// Names the profile; `default` without it.
pub const PROFILE_VARIABLE: &str = "TEMPORAL_PROFILE";

const DEFAULT_PROFILE: &str = "default";
const META_PREFIX: &str = "TEMPORAL_GRPC_META_";
const HEADERS: &str = "temporal.headers";
const NO_BLIND_TRUST: &str = "is not supported: anybody who answers at the address could read and change everything; \
     name the authority with server_ca_cert_path, or the certificate's name with server_name";
const NO_CODEC: &str =
    "is not supported: Keel has no remote payload codec; leave the codec out of the profile that Keel uses";

/// Keys of a profile (as `temporal.toml` has them), and ours.
const KEYS: [(&str, &str); 10] = [
    ("address", "temporal.address"),
    ("namespace", "temporal.namespace"),
    ("api_key", "temporal.api_key"),
    ("tls.client_cert_path", "temporal.tls.cert_file"),
    ("tls.client_cert_data", "temporal.tls.cert_data"),
    ("tls.client_key_path", "temporal.tls.key_file"),
    ("tls.client_key_data", "temporal.tls.key_data"),
    ("tls.server_ca_cert_path", "temporal.tls.ca_file"),
    ("tls.server_ca_cert_data", "temporal.tls.ca_data"),
    ("tls.server_name", "temporal.tls.server_name"),
];

/// Whether a variable of the environment is read here.
pub(super) fn is_ours(name: &str) -> bool {
    ["TEMPORAL_CONFIG_FILE", "TEMPORAL_PROFILE", "XDG_CONFIG_HOME", "HOME", "APPDATA"].contains(&name)
        || ["TEMPORAL_TLS", "TEMPORAL_CODEC", META_PREFIX].iter().any(|prefix| name.starts_with(prefix))
}

/// Everything given in these two places, weakest first.
pub(super) fn entries(env: &BTreeMap<String, String>, problems: &mut Vec<String>) -> Vec<Entry> {
    let mut reader = Reader { entries: Vec::new(), headers: Map::new(), problems };
    reader.read_file(env);
    reader.read_variables(env);
    reader.entries
}

/// The file with the profiles: the named one, or the default one if it is there.
#[must_use]
pub fn file_path(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    match given(env, FILE_VARIABLE) {
        Some(path) => Some(path.into()),
        None => default_path(env).filter(|path| path.is_file()),
    }
}

fn given<'a>(env: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    env.get(name).map(String::as_str).filter(|value| !value.is_empty())
}

/// `<config dir>/temporalio/temporal.toml`, with the configuration directory that the platform prescribes.
fn default_path(env: &BTreeMap<String, String>) -> Option<PathBuf> {
    let home = || given(env, "HOME").map(PathBuf::from);
    let dir = if cfg!(target_os = "windows") {
        given(env, "APPDATA").map(PathBuf::from)
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Application Support"))
    } else {
        let named = given(env, "XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        named.or_else(|| home().map(|home| home.join(".config")))
    };
    dir.map(|dir| dir.join("temporalio").join("temporal.toml"))
}

struct Reader<'a> {
    entries: Vec<Entry>,
    headers: Map<String, Value>,
    problems: &'a mut Vec<String>,
}

impl Reader<'_> {
    fn read_file(&mut self, env: &BTreeMap<String, String>) {
        let named = given(env, PROFILE_VARIABLE);
        let name = named.unwrap_or(DEFAULT_PROFILE);
        let Some(path) = file_path(env) else {
            if named.is_some() {
                self.problems.push(format!(
                    "{PROFILE_VARIABLE}: names the profile `{name}`, but there is no temporal.toml; name the file \
                     with {FILE_VARIABLE}"
                ));
            }
            return;
        };
        let tree = match file::read("Temporal profiles", &path) {
            Ok((tree, _)) => tree,
            Err(problem) => return self.problems.push(problem),
        };
        match tree.get("profile").and_then(|profiles| profiles.get(name)) {
            Some(Value::Object(profile)) => self.read_profile(profile, &path, name),
            Some(_) => self.problems.push(format!(
                "Temporal profiles {}: `profile.{name}` is not a table; write [profile.{name}]",
                path.display()
            )),
            None if named.is_none() => {}
            None => self.problems.push(format!(
                "{PROFILE_VARIABLE}: {} has no profile `{name}`; add [profile.{name}] or name another",
                path.display()
            )),
        }
    }

    fn read_profile(&mut self, profile: &Map<String, Value>, path: &Path, name: &str) {
        let place = format!("{} [profile.{name}]", path.display());
        let origin = Origin { layer: Layer::Profile, place };
        let none = Map::new();
        let tls = profile.get("tls").and_then(Value::as_object);
        let flat = profile.iter().filter(|(key, _)| *key != "tls" || tls.is_none());
        let flat = flat.map(|(key, value)| (key.clone(), value));
        let nested = tls.unwrap_or(&none).iter().map(|(key, value)| (format!("tls.{key}"), value));
        if let Some(tls) = tls {
            // A table that does not say otherwise asks for TLS, even an empty one.
            let off = tls.get("disabled").and_then(Value::as_bool).unwrap_or(false);
            self.switch_tls(!off, &origin);
        }
        for (key, value) in flat.chain(nested) {
            self.read_key(&key, value, &origin);
        }
    }

    fn read_key(&mut self, key: &str, value: &Value, origin: &Origin) {
        let place = &origin.place;
        match (key, value) {
            ("codec", _) => self.problems.push(format!("codec: {NO_CODEC} (from {place})")),
            ("tls.disable_host_verification", Value::Bool(false)) | ("tls.disabled", Value::Bool(_)) => {}
            ("tls.disable_host_verification", _) => {
                self.problems.push(format!("{key}: {NO_BLIND_TRUST} (from {place})"));
            }
            ("grpc_meta", Value::Object(headers)) => {
                let headers = headers.iter().map(|(name, value)| (header_name(name), value.clone()));
                self.headers.extend(headers);
                self.push_headers(origin.clone());
            }
            (key, value) => match KEYS.iter().find(|(theirs, _)| *theirs == key) {
                Some((_, ours)) => self.push(ours, value.clone(), origin.clone()),
                None => {
                    let known: Vec<String> = KEYS.iter().map(|(theirs, _)| (*theirs).to_owned()).collect();
                    let hint = nearest(key, &known).map_or_else(
                        || "; remove it".to_owned(),
                        |known| format!("; did you mean `{known}`?"),
                    );
                    self.problems
                        .push(format!("{key}: is not a key of a Temporal profile (from {place}){hint}"));
                }
            },
        }
    }

    fn read_variables(&mut self, env: &BTreeMap<String, String>) {
        for (theirs, ours) in KEYS.iter().filter(|(theirs, _)| theirs.starts_with("tls.")) {
            let variable = format!("TEMPORAL_{}", theirs.replace('.', "_").to_ascii_uppercase());
            if let Some(value) = given(env, &variable) {
                self.push(ours, json!(value), from(&variable));
            }
        }
        if let Some(text) = given(env, "TEMPORAL_TLS") {
            match truth(text) {
                Some(on) => self.switch_tls(on, &from("TEMPORAL_TLS")),
                None => self
                    .problems
                    .push("TEMPORAL_TLS: is neither true nor false; write one of them".to_owned()),
            }
        }
        let blind = "TEMPORAL_TLS_DISABLE_HOST_VERIFICATION";
        if given(env, blind).is_some_and(|text| truth(text) != Some(false)) {
            self.problems.push(format!("{blind}: {NO_BLIND_TRUST}"));
        }
        for name in env.keys().filter(|name| name.starts_with("TEMPORAL_CODEC") && given(env, name).is_some())
        {
            self.problems.push(format!("{name}: {NO_CODEC}"));
        }
        let mut last = None;
        for (name, value) in env {
            let Some(header) = name.strip_prefix(META_PREFIX).filter(|_| !value.is_empty()) else { continue };
            self.headers.insert(header_name(header), json!(value));
            last = Some(from(name));
        }
        if let Some(origin) = last {
            self.push_headers(origin);
        }
    }

    /// TLS on or off. Both keys are set, so that the stronger place wins whatever the weaker one said.
    fn switch_tls(&mut self, on: bool, origin: &Origin) {
        self.push("temporal.tls.enabled", json!(on), origin.clone());
        self.push("temporal.tls.disabled", json!(!on), origin.clone());
    }

    fn push_headers(&mut self, origin: Origin) {
        self.push(HEADERS, Value::Object(self.headers.clone()), origin);
    }

    fn push(&mut self, key: &str, value: Value, origin: Origin) {
        self.entries.push(Entry { key: key.to_owned(), value: Given::Optional(value), origin });
    }
}

fn from(variable: &str) -> Origin {
    Origin { layer: Layer::ShortName, place: variable.to_owned() }
}

/// Header names are lower case with dashes, however a variable has to be spelt.
fn header_name(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests;
