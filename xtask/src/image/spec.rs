//! What an image is: its configuration as engines read it, and its layers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::tree::{Tree, USER};
use crate::tools::hex;

/// The label with the build that an image was made of.
pub const BUILD_LABEL: &str = "io.keel.build-id";

/// How an engine asks a container whether it is well.
#[derive(Clone, Debug)]
pub struct Health {
    /// The call, without a shell.
    pub test: Vec<String>,
    /// Seconds in which failures do not count yet.
    pub start_period: u64,
}

/// Seconds between two questions.
pub const HEALTH_INTERVAL: u64 = 5;
/// Seconds after which a question counts as failed.
pub const HEALTH_TIMEOUT: u64 = 6;
/// Failures in a row before a container counts as unhealthy.
pub const HEALTH_RETRIES: u64 = 3;

/// An image that can be written and loaded.
#[derive(Clone, Debug)]
pub struct Image {
    /// Such as `keel/worker`.
    pub name: String,
    /// What tells this one from others of the name; `latest` is added to it.
    pub tag: String,
    /// When its content is from, RFC 3339.
    pub created: String,
    /// The program, and the arguments that always are.
    pub entrypoint: Vec<String>,
    /// The arguments that others may replace.
    pub command: Vec<String>,
    /// The environment.
    pub env: BTreeMap<String, String>,
    /// Ports it listens on.
    pub ports: Vec<u16>,
    /// Where it starts.
    pub working_dir: String,
    /// How it is asked.
    pub health: Health,
    /// The labels.
    pub labels: BTreeMap<String, String>,
    /// Whether it is what plain commands take, and so gets the tag `latest` as well.
    pub is_latest: bool,
    /// The files, lowest layer first.
    pub layers: Vec<Tree>,
}

impl Image {
    /// The name with its own tag.
    pub fn reference(&self) -> String {
        format!("{}:{}", self.name, self.tag)
    }

    /// The name with the tag that moves.
    pub fn latest(&self) -> String {
        format!("{}:latest", self.name)
    }

    /// Every name it gets.
    pub fn names(&self) -> Vec<String> {
        let latest = self.is_latest.then(|| self.latest());
        std::iter::once(self.reference()).chain(latest).collect()
    }

    /// The configuration over layers with these digests (of the uncompressed tar, `sha256:…`).
    pub fn config(&self, layers: &[String]) -> Value {
        let seconds = |seconds: u64| seconds * 1_000_000_000;
        let test: Vec<&str> =
            std::iter::once("CMD").chain(self.health.test.iter().map(String::as_str)).collect();
        let ports: BTreeMap<String, Value> =
            self.ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
        let env: Vec<String> = self.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let step = json!({"created": self.created, "created_by": "cargo xtask image"});
        json!({
            "architecture": architecture(),
            "os": "linux",
            "created": self.created,
            "config": {
                "User": format!("{USER}:{USER}"),
                "Env": env,
                "Entrypoint": self.entrypoint,
                "Cmd": self.command,
                "ExposedPorts": ports,
                "WorkingDir": self.working_dir,
                "Labels": self.labels,
                "StopSignal": "SIGTERM",
                "Healthcheck": {
                    "Test": test,
                    "Interval": seconds(HEALTH_INTERVAL),
                    "Timeout": seconds(HEALTH_TIMEOUT),
                    "StartPeriod": seconds(self.health.start_period),
                    // Engines from 25 on ask every second while a container starts; older ones overlook it.
                    "StartInterval": seconds(1),
                    "Retries": HEALTH_RETRIES,
                },
            },
            "rootfs": {"type": "layers", "diff_ids": layers},
            "history": vec![step; layers.len()],
        })
    }

    /// A hash of everything that decides the image, of files of this machine by path, length and time: the same recipe makes
    /// the same image. Not part of the image, which is the same on other machines as well.
    ///
    /// # Errors
    /// When a file it is made of is not there.
    pub fn recipe(&self) -> anyhow::Result<String> {
        let mut hash = Sha256::new();
        hash.update(self.config(&[]).to_string());
        for layer in &self.layers {
            layer.fingerprint(&mut hash)?;
        }
        Ok(hex(&hash.finalize()))
    }
}

/// This machine's architecture as images name it.
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
