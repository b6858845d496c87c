//! The containers of a project, as the engine describes them.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

use super::stack::{ASK, Stack};

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its name, such as `keel-temporal-worker-1`.
    pub name: String,
    /// The service it belongs to.
    pub service: String,
    /// Its number within the service.
    pub number: u32,
    /// The image's name.
    pub image: String,
    /// The image's digest, as it is on this machine.
    pub digest: String,
    /// `running`, `exited`, `restarting` and so on.
    pub status: String,
    /// `healthy`, `unhealthy`, `starting`; empty without a health check.
    pub health: String,
    /// Exit code of its last end.
    pub exit_code: i64,
    /// How often the engine started it again.
    pub restarts: u64,
    /// When it was started, as ISO-8601 in UTC.
    pub started_at: String,
    /// The id of the worker's build; empty for others.
    pub build: String,
    /// The command of its health check, without `CMD`.
    pub check: Vec<String>,
    /// Whether it is a step that is done once, and not kept running.
    pub once: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Raw {
    id: String,
    name: String,
    image: String,
    #[serde(default)]
    restart_count: u64,
    state: RawState,
    config: RawConfig,
    host_config: RawHost,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawHost {
    restart_policy: RawPolicy,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawPolicy {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawState {
    status: String,
    exit_code: i64,
    started_at: String,
    health: Option<RawHealth>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawHealth {
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    image: String,
    labels: Option<BTreeMap<String, String>>,
    env: Option<Vec<String>>,
    healthcheck: Option<RawCheck>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawCheck {
    test: Option<Vec<String>>,
}

impl Container {
    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.status == "running"
    }

    /// Whether it runs and nothing says that it is unwell; a step that is done once must have ended well.
    pub fn is_well(&self) -> bool {
        match self.status.as_str() {
            "running" => matches!(self.health.as_str(), "healthy" | ""),
            "exited" => self.once && self.exit_code == 0,
            _ => false,
        }
    }
}

impl Stack {
    /// All its containers, ended ones included, by service and number.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn containers(&self) -> anyhow::Result<Vec<Container>> {
        let label = format!("label=com.docker.compose.project={}", self.project);
        let filter = [
            "ps",
            "-aq",
            "--no-trunc",
            "--filter",
            &label,
            "--filter",
            "label=com.docker.compose.oneoff=False",
        ];
        let listing = self.docker.ask(&filter, ASK)?;
        let ids: Vec<_> = listing.lines().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        // One that is removed meanwhile makes the call fail after it has described the others.
        let mut inspect = self.docker.command(&["inspect", "--type", "container"]);
        let output = crate::exec::capture(inspect.args(&ids), ASK)?;
        parse(&output.stdout).with_context(|| format!("docker inspect: {}", output.stderr.trim()))
    }

    /// The containers of one service, by number.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn service(&self, name: &str) -> anyhow::Result<Vec<Container>> {
        Ok(self.containers()?.into_iter().filter(|container| container.service == name).collect())
    }
}

fn parse(text: &str) -> anyhow::Result<Vec<Container>> {
    let raw: Vec<Raw> = serde_json::from_str(text)?;
    let mut found: Vec<_> = raw.into_iter().map(Container::from).collect();
    found.sort_by(|a, b| (&a.service, a.number).cmp(&(&b.service, b.number)));
    Ok(found)
}

impl From<Raw> for Container {
    fn from(raw: Raw) -> Self {
        let labels = raw.config.labels.unwrap_or_default();
        let label =
            |name: &str| labels.get(&format!("com.docker.compose.{name}")).cloned().unwrap_or_default();
        let env = raw.config.env.unwrap_or_default();
        let build =
            env.iter().find_map(|pair| pair.strip_prefix("KEEL__WORKER__BUILD_ID=")).unwrap_or_default();
        let test = raw.config.healthcheck.and_then(|check| check.test).unwrap_or_default();
        let check = match test.split_first() {
            Some((first, rest)) if first == "CMD" => rest.to_vec(),
            _ => Vec::new(),
        };
        Self {
            id: raw.id,
            name: raw.name.trim_start_matches('/').to_owned(),
            service: label("service"),
            number: label("container-number").parse().unwrap_or(0),
            image: raw.config.image,
            digest: raw.image,
            status: raw.state.status,
            health: raw.state.health.map(|health| health.status).unwrap_or_default(),
            exit_code: raw.state.exit_code,
            restarts: raw.restart_count,
            started_at: raw.state.started_at,
            build: build.to_owned(),
            check,
            once: matches!(raw.host_config.restart_policy.name.as_str(), "" | "no"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn containers_are_read_from_what_the_engine_says() {
        let one = |number: u32, status: &str, health: &str, policy: &str| {
            format!(
                r#"{{"Id": "c{number}", "Name": "/keel-temporal-worker-{number}", "Image": "sha256:abc", "RestartCount": 2,
                "State": {{"Status": "{status}", "ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z"{health}}},
                "Config": {{"Image": "keel/worker:b1", "Env": ["KEEL__WORKER__BUILD_ID=b1"],
                "Labels": {{"com.docker.compose.service": "temporal-worker", "com.docker.compose.container-number": "{number}"}},
                "Healthcheck": {{"Test": ["CMD", "/keel-worker", "healthcheck"]}}}},
                "HostConfig": {{"RestartPolicy": {{"Name": "{policy}"}}}}}}"#
            )
        };
        let text = format!(
            "[{}, {}, {}]",
            one(10, "running", r#", "Health": {"Status": "starting"}"#, "unless-stopped"),
            one(2, "exited", "", "no"),
            one(11, "exited", "", "unless-stopped")
        );
        let found = parse(&text).unwrap();
        assert_eq!(found.iter().map(|container| container.number).collect::<Vec<_>>(), [2, 10, 11]);
        assert_eq!((found[1].build.as_str(), found[1].health.as_str()), ("b1", "starting"));
        assert_eq!(found[1].check, ["/keel-worker", "healthcheck"]);
        assert!(found[0].is_well(), "a step that is done once has ended well");
        assert!(!found[1].is_well() && !found[2].is_well());
    }
}
