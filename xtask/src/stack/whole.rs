//! The whole of Keel: server, providers, a seeded store and a worker.

use std::path::PathBuf;

use super::service::Logs;
use super::{Keel, Sandbox, ServerOptions, TemporalServer, Worker, WorkerSettings, ports};
use crate::binaries::Binaries;
use crate::tools::Temporal;

/// How a stack is started.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Name of its log folder.
    pub scope: &'a str,
    /// Where store, data and runs are kept.
    pub state: PathBuf,
    /// The Temporal server.
    pub server: ServerOptions,
    /// The port people expect of the sandbox; a free one without.
    pub sandbox_port: Option<u16>,
    /// The port people expect of the worker's health and metrics; a free one without.
    pub http_port: Option<u16>,
    /// Further settings of the worker, as environment variables.
    pub worker_settings: Vec<(String, String)>,
    /// Whether `KEEL__*` variables of the person reach the worker.
    pub keep_settings: bool,
}

/// A stack whose worker is started by [`Stack::start_worker`], after the caller has put its data in place.
#[derive(Debug)]
pub struct Stack {
    // In the order in which they are stopped when the value is dropped.
    worker: Option<Worker>,
    /// The providers.
    pub sandbox: Sandbox,
    /// The Temporal server.
    pub server: TemporalServer,
    /// The command line, pointed at this stack.
    pub keel: Keel,
    /// The settings its workers get.
    pub settings: WorkerSettings,
    /// Where its logs are.
    pub logs: Logs,
    binaries: Binaries,
    worker_started: bool,
}

impl Stack {
    /// Starts server and sandbox and seeds the store.
    ///
    /// # Errors
    /// When one of them does not come up; what did is stopped again.
    pub fn start(plan: Plan<'_>, tool: &Temporal, binaries: &Binaries) -> anyhow::Result<Self> {
        let logs = Logs::new(plan.scope)?;
        crate::paths::create(&plan.state.join("data/datasets"))?;
        say("starting the Temporal server");
        let server = TemporalServer::start(tool, &plan.server, &logs)?;
        say("starting the sandbox of payments and courier");
        let state_file = plan.state.join("sandbox.ndjson");
        let sandbox = Sandbox::start(binaries, plan.sandbox_port, Some(&state_file), &logs)?;
        let http_port = match plan.http_port {
            Some(port) => ports::prefer(port, "the worker's health and metrics")?,
            None => ports::free_port()?,
        };
        let settings = WorkerSettings {
            http: format!("127.0.0.1:{http_port}"),
            temporal: server.address(),
            sandbox: sandbox.url(),
            state: plan.state,
            more: plan.worker_settings,
            keep_settings: plan.keep_settings,
        };
        say("seeding the store");
        settings.seed_store(binaries)?;
        let keel = Keel {
            program: binaries.keel.clone(),
            temporal: server.address(),
            data_dir: settings.data_dir(),
        };
        let binaries = binaries.clone();
        Ok(Self { worker: None, sandbox, server, keel, settings, logs, binaries, worker_started: false })
    }

    /// Starts a worker and waits until it polls.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_worker(&mut self) -> anyhow::Result<()> {
        let mut worker = Worker::spawn(&self.binaries, &self.settings, &self.logs, self.worker_started)?;
        self.worker_started = true;
        worker.wait_ready()?;
        self.worker = Some(worker);
        Ok(())
    }

    /// Kills the worker with SIGKILL; there is none afterwards.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn kill_worker(&mut self) -> anyhow::Result<()> {
        self.worker.take().map_or(Ok(()), |mut worker| worker.kill())
    }

    /// Everything the store holds, as lines of JSON.
    ///
    /// # Errors
    /// When the worker's binary cannot read the store.
    pub fn export_store(&self) -> anyhow::Result<String> {
        self.settings.export_store(&self.binaries)
    }

    /// Names and ids of the processes.
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let worker = self.worker.as_ref().map(|worker| ("keel-worker", worker.pid()));
        let others = [("temporal", self.server.pid()), ("keel-sandbox", self.sandbox.pid())];
        worker.into_iter().chain(others).collect()
    }

    /// An error when one of the processes ended.
    ///
    /// # Errors
    /// Names the process, with the end of its log.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.server.must_run()?;
        self.sandbox.must_run()?;
        self.worker.as_mut().map_or(Ok(()), Worker::must_run)
    }

    /// Stops everything in order: the worker drains first, while all it needs is still there.
    ///
    /// # Errors
    /// The first thing that did not stop cleanly; the rest is stopped nevertheless.
    pub fn stop(mut self) -> anyhow::Result<()> {
        say("stopping: worker");
        let worker = self.worker.take().map_or(Ok(()), |mut worker| worker.stop());
        say("stopping: sandbox");
        let sandbox = self.sandbox.stop();
        say("stopping: Temporal server");
        let server = self.server.stop();
        worker.and(sandbox).and(server)
    }
}

fn say(text: &str) {
    eprintln!("  {text}");
}
