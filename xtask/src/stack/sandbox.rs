//! The providers: `keel-sandbox`, and what it has in its journal.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use serde::Deserialize;

use super::service::{Logs, Service};
use super::{clean_environment, http, ports};
use crate::binaries::Binaries;
use crate::exec;

const READY: Duration = Duration::from_secs(15);
const PATIENCE: Duration = Duration::from_secs(5);
const LINE: &str = "keel-sandbox listening on ";

/// A running sandbox.
#[derive(Debug)]
pub struct Sandbox {
    service: Service,
    address: String,
}

/// One request in the journal, as far as reports need it.
#[derive(Debug, Deserialize)]
pub struct Entry {
    /// `payments` or `courier`.
    pub provider: String,
    /// What was asked.
    pub operation: String,
    /// The idempotency key.
    pub key: Option<String>,
    /// The HTTP status of the answer.
    pub status: u16,
    /// Whether it changed something.
    pub effect: bool,
}

/// The effects on one order.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default)]
pub struct Effects {
    /// Charges captured.
    pub captured: u64,
    /// Charges refunded.
    pub refunded: u64,
    /// Shipments booked.
    pub booked: u64,
    /// Shipments cancelled.
    pub cancelled: u64,
}

#[derive(Deserialize)]
struct Summary {
    orders: BTreeMap<String, Effects>,
}

/// The effects on every order, of a sandbox at this address.
///
/// # Errors
/// When it does not answer with its summary.
pub fn effects_at(url: &str) -> anyhow::Result<BTreeMap<String, Effects>> {
    let text = http::get(&format!("{url}/journal/summary"))?;
    let summary: Summary = serde_json::from_str(&text).context("journal summary of the sandbox")?;
    Ok(summary.orders)
}

impl Sandbox {
    /// Starts the providers, on `port` if it is free; effects are kept in `state`.
    ///
    /// # Errors
    /// With the end of its log when it does not come up.
    pub fn start(
        binaries: &Binaries,
        port: Option<u16>,
        state: Option<&Path>,
        logs: &Logs,
    ) -> anyhow::Result<Self> {
        let port = match port {
            Some(port) => ports::prefer(port, "the sandbox of providers")?,
            None => 0,
        };
        let mut command = exec::tied(&binaries.sandbox, "TERM");
        clean_environment(&mut command, false);
        command
            .env_remove("KEEL_SANDBOX_LISTEN")
            .env_remove("KEEL_SANDBOX_STATE")
            .arg("--listen")
            .arg(format!("127.0.0.1:{port}"));
        if let Some(state) = state {
            command.arg("--state").arg(state);
        }
        let mut service =
            Service::start("sandbox", &mut command, logs.path("sandbox"), false, Signal::TERM, PATIENCE)?;
        let address = service.ready(READY, |service| {
            let text = service.log_text();
            let line = text.lines().find_map(|line| line.trim().strip_prefix(LINE));
            Ok(line.map(|address| address.trim().to_owned()))
        })?;
        Ok(Self { service, address })
    }

    /// `http://host:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process, for reports.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// An error when the sandbox ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.service.must_run()
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.service.stop().map(drop)
    }

    /// Every request about one order, oldest first.
    ///
    /// # Errors
    /// When the sandbox does not answer with its journal.
    pub fn journal(&self, order: &str) -> anyhow::Result<Vec<Entry>> {
        self.entries(&format!("/journal?order={order}"))
    }

    /// The effects on every order.
    ///
    /// # Errors
    /// When the sandbox does not answer with its summary.
    pub fn effects(&self) -> anyhow::Result<BTreeMap<String, Effects>> {
        effects_at(&self.url())
    }

    /// Makes a provider, `payments` or `courier`, behave as `fault` says; see `docs/sandbox.md`.
    ///
    /// # Errors
    /// When the sandbox does not take it.
    pub fn fault(&self, provider: &str, fault: &serde_json::Value) -> anyhow::Result<()> {
        http::put(&format!("{}/faults/{provider}", self.url()), fault)
    }

    /// How many requests a provider, `payments` or `courier`, has seen, refused and failed ones included.
    ///
    /// # Errors
    /// When the sandbox does not answer with its journal.
    pub fn requests(&self, provider: &str) -> anyhow::Result<usize> {
        Ok(self.entries("/journal")?.iter().filter(|entry| entry.provider == provider).count())
    }

    fn entries(&self, path: &str) -> anyhow::Result<Vec<Entry>> {
        let text = self.get(path)?;
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).with_context(|| format!("journal of the sandbox: {line}")))
            .collect()
    }

    fn get(&self, path: &str) -> anyhow::Result<String> {
        http::get(&format!("{}{path}", self.url()))
    }
}
