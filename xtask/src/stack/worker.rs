//! The worker process and the commands of its binary.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::service::{Logs, Service};
use super::{NAMESPACE, TASK_QUEUE, clean_environment};
use crate::binaries::Binaries;
use crate::exec;

const READY: Duration = Duration::from_secs(60);
/// Longer than the worker's own grace, so that it drains and is not killed.
const PATIENCE: Duration = Duration::from_secs(45);
const SEED: Duration = Duration::from_secs(60);

/// What a worker of a stack is told.
#[derive(Clone, Debug)]
pub struct WorkerSettings {
    /// Host and port of Temporal.
    pub temporal: String,
    /// `http://host:port` of the sandbox.
    pub sandbox: String,
    /// The folder for the store and the datasets.
    pub state: PathBuf,
    /// `host:port` of its health and metrics.
    pub http: String,
    /// Further settings, as environment variables.
    pub more: Vec<(String, String)>,
    /// Whether `KEEL__*` variables of the person reach it.
    pub keep_settings: bool,
}

impl WorkerSettings {
    /// The folder of datasets and results.
    pub fn data_dir(&self) -> PathBuf {
        self.state.join("data")
    }

    fn ready_file(&self) -> PathBuf {
        self.state.join("worker.ready")
    }

    /// The settings as environment variables.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = |path: PathBuf| path.display().to_string();
        let own = [
            ("TEMPORAL_ADDRESS", self.temporal.clone()),
            ("TEMPORAL_NAMESPACE", NAMESPACE.to_owned()),
            ("TASK_QUEUE", TASK_QUEUE.to_owned()),
            ("KEEL__STORE__URL", sqlite_url(&self.state.join("keel.db"))),
            ("KEEL__PAYMENTS__URL", format!("{}/payments", self.sandbox)),
            ("KEEL__COURIER__URL", format!("{}/courier", self.sandbox)),
            ("KEEL__DATASET__DATA_DIR", path(self.data_dir())),
            ("KEEL__HTTP__LISTEN", self.http.clone()),
            ("KEEL__WORKER__READY_FILE", path(self.ready_file())),
        ];
        own.map(|(name, value)| (name.to_owned(), value)).into_iter().chain(self.more.clone()).collect()
    }

    fn command(&self, binaries: &Binaries) -> Command {
        let mut command = exec::tied(&binaries.worker, "TERM");
        clean_environment(&mut command, self.keep_settings);
        command.envs(self.environment());
        command
    }

    /// Runs `keel-worker store seed`.
    ///
    /// # Errors
    /// With what it said when it fails.
    pub fn seed_store(&self, binaries: &Binaries) -> anyhow::Result<()> {
        exec::capture(self.command(binaries).args(["store", "seed"]), SEED)?
            .ok("keel-worker store seed")
            .map(drop)
    }

    /// Runs `keel-worker store export` and returns its lines of JSON.
    ///
    /// # Errors
    /// With what it said when it fails.
    pub fn export_store(&self, binaries: &Binaries) -> anyhow::Result<String> {
        exec::capture(self.command(binaries).args(["store", "export"]), SEED)?.ok("keel-worker store export")
    }
}

fn sqlite_url(path: &Path) -> String {
    format!("sqlite://{}", path.display())
}

/// How a worker ended after it was asked to.
#[derive(Clone, Copy, Debug)]
pub struct Exit {
    /// Its exit code, or the signal that ended it.
    pub status: ExitStatus,
    /// From the signal to the end.
    pub took: Duration,
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    service: Service,
    ready_file: PathBuf,
    log_start: usize,
}

impl Worker {
    /// Starts a worker without waiting for it. `again` appends to the log of the one before.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn spawn(
        binaries: &Binaries,
        settings: &WorkerSettings,
        logs: &Logs,
        again: bool,
    ) -> anyhow::Result<Self> {
        let ready_file = settings.ready_file();
        if ready_file.exists() {
            std::fs::remove_file(&ready_file)?;
        }
        let log = logs.path("worker");
        let log_start = if again { std::fs::metadata(&log).map_or(0, |meta| meta.len()) } else { 0 };
        let mut command = settings.command(binaries);
        let service = Service::start("worker", &mut command, log, again, Signal::TERM, PATIENCE)?;
        Ok(Self { service, ready_file, log_start: usize::try_from(log_start)? })
    }

    /// Waits until it polls.
    ///
    /// # Errors
    /// With the end of its log when it ends or takes longer than a minute.
    pub fn wait_ready(&mut self) -> anyhow::Result<()> {
        let (file, start) = (self.ready_file.clone(), self.log_start);
        self.service.ready(READY, |service| {
            let said = || service.log_text().get(start..).is_some_and(|text| text.contains("worker ready"));
            Ok((file.exists() || said()).then_some(()))
        })
    }

    /// The process, for reports.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// An error when the worker ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.service.must_run()
    }

    /// Lets it drain and end.
    ///
    /// # Errors
    /// When it does not end with success.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        let status = self.service.stop()?;
        anyhow::ensure!(status.success(), "the worker did not end cleanly ({status}), see its log");
        Ok(())
    }

    /// Asks it to stop with SIGTERM and says how it ended, and after how long.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn terminate(&mut self) -> anyhow::Result<Exit> {
        let asked = Instant::now();
        let status = self.service.stop()?;
        Ok(Exit { status, took: asked.elapsed() })
    }

    /// SIGKILL, as a machine that is gone would look.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.service.kill().map(drop)
    }
}
