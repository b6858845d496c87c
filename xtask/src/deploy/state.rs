//! What was deployed last: written before anything is changed, so that a verb that was cut off goes on when it is
//! called again.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::paths;

/// Replicas of a first deployment.
pub const REPLICAS: usize = 3;
const FILE: &str = "state.json";
/// Variables of the Compose files besides ports that are kept from one deployment to the next.
const KEPT: [&str; 3] = ["KEEL_HISTORY_SHARDS", "KEEL_RETENTION", "KEEL_DOCKER_SOCKET"];

/// What was deployed last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct State {
    /// Whether the overlay for machines without a registry is on.
    pub offline: bool,
    /// Whether the sandbox plays the providers.
    pub demo: bool,
    /// The build that new work goes to.
    pub build: Build,
    /// The build before it, to go back to.
    pub previous: Option<Build>,
    /// Workers of the current build; none before the first deployment.
    pub replicas: Option<usize>,
    /// Builds that run beside the current one.
    pub beside: Vec<Beside>,
    /// Builds that are stopped and that the server still remembers.
    pub to_forget: Vec<String>,
    /// Ports and other choices of the environment, by variable.
    pub ports: BTreeMap<String, String>,
    /// Further Compose files over the others; of drills, which set what nobody deploys.
    pub overlays: Vec<String>,
}

/// One build and its images.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Build {
    /// Its id; empty before the first deployment.
    pub id: String,
    /// Image by the variable of the Compose files that names it.
    pub images: BTreeMap<String, String>,
}

/// A build that runs beside the current one, as a service of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Beside {
    /// Which.
    pub build: Build,
    /// How many workers it has.
    pub replicas: usize,
}

impl State {
    /// Reads it; the default where there is none.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn load(dir: &Path) -> anyhow::Result<Self> {
        let path = dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is damaged: remove it and deploy again", paths::shown(&path))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", paths::shown(&path))),
        }
    }

    /// Writes it, and the variables for Compose beside it.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self, dir: &Path) -> anyhow::Result<()> {
        paths::create(dir)?;
        replace(&dir.join(FILE), &serde_json::to_vec_pretty(self)?)?;
        replace(&dir.join(".env"), self.variables().as_bytes())
    }

    /// The variables for Compose, one a line.
    pub fn variables(&self) -> String {
        let replicas = self.replicas.unwrap_or(REPLICAS);
        let mut text = format!("KEEL_BUILD_ID={}\nKEEL_WORKER_REPLICAS={replicas}\n", self.build.id);
        for (name, value) in self.build.images.iter().chain(&self.ports) {
            text.push_str(&format!("{name}={value}\n"));
        }
        text
    }

    /// Takes over what the environment chooses: ports, and what must stay as it was at the first deployment.
    pub fn take_ports(&mut self, environment: impl Iterator<Item = (String, String)>) {
        for (name, value) in environment {
            let kept = name.starts_with("KEEL_PORT_") || KEPT.contains(&name.as_str());
            if kept && !value.is_empty() {
                self.ports.insert(name, value);
            }
        }
    }
}

/// Writes beside it and moves it into place, so that a cut leaves the old or the new.
///
/// # Errors
/// Names the file that cannot be written.
pub fn replace(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes)
        .and_then(|()| std::fs::rename(&beside, path))
        .with_context(|| format!("cannot write {}", paths::shown(path)))
}

#[cfg(test)]
mod tests {
    use super::{Build, State};

    #[test]
    fn a_state_is_read_back_and_names_what_compose_needs() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(State::load(dir.path()).unwrap(), State::default());
        let mut state = State { replicas: Some(5), ..State::default() };
        state.build = Build {
            id: "abc".to_owned(),
            images: [("KEEL_WORKER_IMAGE".to_owned(), "keel/worker:abc".to_owned())].into(),
        };
        let environment = [("KEEL_PORT_FRONT", "9000"), ("KEEL_PORT_UI", ""), ("HOME", "/x")];
        state.take_ports(environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
        state.save(dir.path()).unwrap();
        assert_eq!(State::load(dir.path()).unwrap(), state);
        let variables = std::fs::read_to_string(dir.path().join(".env")).unwrap();
        assert_eq!(
            variables,
            "KEEL_BUILD_ID=abc\nKEEL_WORKER_REPLICAS=5\nKEEL_WORKER_IMAGE=keel/worker:abc\nKEEL_PORT_FRONT=9000\n"
        );
    }

    #[test]
    fn a_damaged_state_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("state.json"), "{").unwrap();
        let error = format!("{:#}", State::load(dir.path()).unwrap_err());
        assert!(error.contains("state.json is damaged"), "{error}");
    }
}
