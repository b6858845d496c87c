//! A stack for drills and measurements: offline, with the demo's providers, on ports and volumes of its own, and gone
//! with the value.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::containers::Container;
use super::stack::{Stack, WORKER};
use super::state::{self, State};
use super::up::{self, Plan};
use super::{down, scale};
use crate::rollout::{Journal, Limits};
use crate::stack::{Effects, effects_at, http};
use crate::{exec, paths};

const EXPORT: Duration = Duration::from_secs(60);
const CALL: Duration = Duration::from_secs(30);

/// A running stack of a test's own.
#[derive(Debug)]
pub struct Site {
    stack: Stack,
}

impl Site {
    /// Deploys it; leftovers of an earlier run of the same name are removed first.
    ///
    /// # Errors
    /// With what did not come up.
    pub fn start(name: &str, tag: Option<&str>) -> anyhow::Result<Self> {
        Self::start_with(name, tag, state::REPLICAS, &[])
    }

    /// Deploys it with so many workers, and with further Compose files over the others.
    ///
    /// # Errors
    /// With what did not come up.
    pub fn start_with(
        name: &str,
        tag: Option<&str>,
        replicas: usize,
        overlays: &[PathBuf],
    ) -> anyhow::Result<Self> {
        let mut site = Self { stack: Stack::for_test(&format!("keel-{name}"))? };
        let ports = site.stack.state.ports.clone();
        down::remove(&mut site.stack)?;
        let overlays = overlays.iter().map(|file| file.display().to_string()).collect();
        site.stack.state =
            State { ports, overlays, offline: true, replicas: Some(replicas), ..State::default() };
        site.deploy(tag)?;
        Ok(site)
    }

    /// Deploys it again.
    ///
    /// # Errors
    /// With what did not come up.
    pub fn deploy(&mut self, tag: Option<&str>) -> anyhow::Result<()> {
        self.roll_out(tag, Limits::default()).map(drop)
    }

    /// Deploys it again, with what a rollout tolerates; returns the journal of the rollout if there was one.
    ///
    /// # Errors
    /// With what did not come up.
    pub fn roll_out(&mut self, tag: Option<&str>, limits: Limits) -> anyhow::Result<Option<Journal>> {
        let plan = Plan { offline: true, demo: true, tag: tag.map(str::to_owned), limits };
        up::deploy(&mut self.stack, &plan)
    }

    /// Takes over what a command changed that was called on it meanwhile.
    ///
    /// # Errors
    /// When its state cannot be read.
    pub fn reload(&mut self) -> anyhow::Result<()> {
        self.stack.reload()
    }

    /// `cargo xtask` on it, as a person would call it.
    ///
    /// # Errors
    /// When the system does not tell where this program is.
    pub fn xtask(&self) -> anyhow::Result<Command> {
        let mut command = exec::tied(paths::this_program()?, "TERM");
        command.env("KEEL_PROJECT", &self.stack.project);
        Ok(command)
    }

    /// The verbs' view of it.
    pub fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Host and port of Temporal.
    pub fn temporal(&self) -> String {
        format!("127.0.0.1:{}", self.stack.port("TEMPORAL", 7233))
    }

    /// A published address, such as of `PROMETHEUS`.
    pub fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}", self.stack.port(name, 0))
    }

    /// The workers of the current build.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn workers(&self) -> anyhow::Result<Vec<Container>> {
        self.stack.service(WORKER)
    }

    /// As `cargo xtask scale`; returns the seconds it took.
    ///
    /// # Errors
    /// When a replica does not get ready, or one does not drain cleanly.
    pub fn scale(&mut self, wanted: usize) -> anyhow::Result<f64> {
        Ok(scale::to(&mut self.stack, wanted)?.seconds)
    }

    /// `docker kill`.
    ///
    /// # Errors
    /// When the engine does not take it.
    pub fn kill(&self, container: &Container) -> anyhow::Result<()> {
        self.stack.call(&["kill", &container.id], CALL).map(drop)
    }

    /// Waits until so many workers poll.
    ///
    /// # Errors
    /// When they do not within `limit`.
    pub fn wait_workers(&self, wanted: usize, limit: Duration) -> anyhow::Result<()> {
        self.stack.wait_ready(WORKER, wanted, limit).map(drop)
    }

    /// What the providers did, by order.
    ///
    /// # Errors
    /// When the sandbox does not answer.
    pub fn effects(&self) -> anyhow::Result<std::collections::BTreeMap<String, Effects>> {
        effects_at(&self.url("SANDBOX"))
    }

    /// Everything the store holds, as lines of JSON.
    ///
    /// # Errors
    /// When no worker runs or it cannot read the store.
    pub fn export_store(&self) -> anyhow::Result<String> {
        let workers = self.workers()?;
        let worker = workers.iter().find(|worker| worker.runs()).context("no worker runs")?;
        self.stack.inside(worker, &["store", "export"], EXPORT)
    }

    /// Targets of a job that Prometheus sees as up.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn targets_up(&self, job: &str) -> anyhow::Result<usize> {
        let up = http::query(&self.url("PROMETHEUS"), &format!("up{{job=\"{job}\"}} == 1"))?;
        Ok(up.len())
    }

    /// Stops and removes its containers; what they kept stays.
    ///
    /// # Errors
    /// When Compose fails.
    pub fn remove_containers(&self) -> anyhow::Result<()> {
        down::stop(&self.stack)
    }

    /// Removes it after a drill that went well. After another it stays, for with it would go the containers' logs, which
    /// are all that tells why.
    ///
    /// # Errors
    /// What `result` holds, or when Compose fails.
    pub fn settle<T>(self, result: anyhow::Result<T>) -> anyhow::Result<T> {
        if result.is_err() {
            eprintln!("  the stack is left as it is: `KEEL_PROJECT={} cargo xtask logs`", self.stack.project);
            return result;
        }
        self.remove()?;
        result
    }

    /// Stops and removes it with all it kept.
    ///
    /// # Errors
    /// When Compose fails.
    pub fn remove(mut self) -> anyhow::Result<()> {
        down::remove(&mut self.stack)
    }
}
