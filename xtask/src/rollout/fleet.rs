//! The fleet as `keel fleet` tells it, asked inside of the front's container, which has the way to the server.

use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::deploy::{FRONT, Stack};

const CALL: Duration = Duration::from_secs(40);
/// Beyond what the command is given itself.
const MARGIN: Duration = Duration::from_secs(15);

/// What `keel fleet status` says, as far as it is used here.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// The build that new runs go to.
    pub current: String,
    /// Every build that the server knows.
    pub builds: Vec<FleetBuild>,
}

/// One build.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetBuild {
    /// Its id.
    pub build_id: String,
    /// `drained`, `draining` and so on.
    pub status: String,
    /// Runs on it that have not ended.
    pub open_runs: u64,
}

/// What `keel fleet move` says.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Moved {
    /// Runs that go on, by workflow id.
    pub moved: Vec<String>,
    /// Runs that began again.
    pub reset: Vec<String>,
    /// Runs that nobody could tell of.
    pub unproven: Vec<serde_json::Value>,
}

impl Fleet {
    /// Asks for it.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        ask(stack, &["status"], CALL)
    }

    /// A build, if the server knows it.
    pub fn build(&self, id: &str) -> Option<&FleetBuild> {
        self.builds.iter().find(|build| build.build_id == id)
    }
}

/// Sends new runs to a build.
pub fn current(stack: &Stack, build: &str) -> anyhow::Result<()> {
    ask::<serde_json::Value>(stack, &["current", build], CALL).map(drop)
}

/// Sends a share of new runs to a build.
pub fn ramp(stack: &Stack, build: &str, percent: u8) -> anyhow::Result<()> {
    ask::<serde_json::Value>(stack, &["ramp", build, "--percent", &percent.to_string()], CALL).map(drop)
}

/// Sends all new runs to the current build.
pub fn unramp(stack: &Stack) -> anyhow::Result<()> {
    ask::<serde_json::Value>(stack, &["unramp"], CALL).map(drop)
}

/// Lets workers of a build prove that they work; returns the seconds it took.
pub fn gate(stack: &Stack, build: &str, limit: Duration) -> anyhow::Result<f64> {
    let limit_s = format!("{}s", limit.as_secs());
    let passed: serde_json::Value = ask(stack, &["gate", build, "--timeout", &limit_s], limit)?;
    passed["seconds"].as_f64().context("`keel fleet gate` does not say how long it took")
}

/// Takes open runs from one build to another.
pub fn move_runs(stack: &Stack, from: &str, to: &str, limit: Duration) -> anyhow::Result<Moved> {
    let limit_s = format!("{}s", limit.as_secs());
    ask(stack, &["move", "--from", from, "--to", to, "--timeout", &limit_s], limit)
}

/// Lets the server forget a build.
pub fn forget(stack: &Stack, build: &str) -> anyhow::Result<()> {
    ask::<serde_json::Value>(stack, &["forget", build], CALL).map(drop)
}

fn ask<T: DeserializeOwned>(stack: &Stack, words: &[&str], limit: Duration) -> anyhow::Result<T> {
    let args = [&["fleet"], words, &["--output", "json"]].concat();
    let front = stack.service(FRONT)?.into_iter().find(|container| container.runs());
    let text = match front {
        Some(front) => stack.inside(&front, &args, limit + MARGIN),
        None => stack.keel(&args, limit + MARGIN),
    };
    let text = text.with_context(|| format!("keel fleet {}", words.join(" ")))?;
    serde_json::from_str(&text).with_context(|| format!("keel fleet {}: not JSON: {text}", words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::{Fleet, Moved};

    #[test]
    fn the_words_of_keel_fleet_are_read() {
        let fleet: Fleet = serde_json::from_str(
            r#"{"current": "a", "ramping": null, "builds": [{"buildId": "b", "status": "draining", "openRuns": 2, "percent": 0.0}]}"#,
        )
        .unwrap();
        assert_eq!((fleet.current.as_str(), fleet.build("b").unwrap().open_runs), ("a", 2));
        assert!(fleet.build("c").is_none());
        let moved: Moved = serde_json::from_str(
            r#"{"deployment": "keel", "from": "d", "to": "b", "moved": ["order-1"], "reset": [], "unproven": []}"#,
        )
        .unwrap();
        assert_eq!((moved.moved.len(), moved.reset.len()), (1, 0));
    }
}
