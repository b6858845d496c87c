//! A real Temporal server in development mode.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;

use super::service::{Logs, Service};
use super::{NAMESPACE, clean_environment, ports};
use crate::tools::Temporal;
use crate::{exec, paths};

const NAME: &str = "Temporal server";
const READY: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);
const CALL: Duration = Duration::from_secs(20);

/// Measured: without the first two one history shard is polled at most 20 times a second, and an order that needs 18 ms takes
/// 100. With the last one the server answers the polls of a worker that leaves, so that none is dropped with a task.
pub const DYNAMIC_CONFIG: [&str; 5] = [
    "history.transferProcessorMaxPollRPS=2000",
    "history.timerProcessorMaxPollRPS=2000",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    "frontend.enableCancelWorkerPollsOnShutdown=true",
];

/// The search attributes of the wire contract.
pub const SEARCH_ATTRIBUTES: [&str; 3] = ["OrderStatus", "CustomerId", "TaskStep"];

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct ServerOptions {
    /// Where runs are kept; in memory without.
    pub database: Option<PathBuf>,
    /// The port people expect; a free one without, or when it is busy.
    pub port: Option<u16>,
    /// Whether the web UI runs, on its usual port if `port` is given and that is free.
    pub ui: bool,
}

/// A running server.
#[derive(Debug)]
pub struct TemporalServer {
    service: Service,
    tool: Temporal,
    options: ServerOptions,
    log: PathBuf,
    /// The port of the gRPC API.
    pub port: u16,
    /// The port of the web UI, where it runs.
    pub ui_port: Option<u16>,
}

impl TemporalServer {
    /// Starts a server and waits until it answers calls for its namespace and knows the search attributes.
    ///
    /// # Errors
    /// With the end of its log when it does not come up within a minute.
    pub fn start(tool: &Temporal, options: &ServerOptions, logs: &Logs) -> anyhow::Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::try_start(tool, options, logs) {
                // A free port can be taken by somebody else before the server binds it.
                Err(error) if attempt < 3 && format!("{error:#}").contains("address already in use") => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }

    fn try_start(tool: &Temporal, options: &ServerOptions, logs: &Logs) -> anyhow::Result<Self> {
        let port = match options.port {
            Some(port) => ports::prefer(port, "the Temporal server")?,
            None => ports::free_port()?,
        };
        let ui_port = match (options.ui, options.port) {
            (false, _) => None,
            (true, Some(wanted)) => Some(ports::prefer(wanted + 1000, "the Temporal web UI")?),
            (true, None) => Some(ports::free_port()?),
        };
        let mut command = command(tool, options, port, ui_port)?;
        let log = logs.path("temporal");
        let service = Service::start(NAME, &mut command, log.clone(), false, Signal::TERM, PATIENCE)?;
        let mut server = Self { service, tool: tool.clone(), options: options.clone(), log, port, ui_port };
        server.wait_ready()?;
        Ok(server)
    }

    /// Kills it with SIGKILL, as a machine that is gone would look. Its database stays.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.service.kill().map(drop)
    }

    /// Starts it again after [`TemporalServer::kill`], on the same ports over the same database, and returns as soon as
    /// its port says that it serves.
    ///
    /// # Errors
    /// When its runs were kept in memory only, or it does not come up within a minute.
    pub fn revive(&mut self) -> anyhow::Result<()> {
        ensure!(self.options.database.is_some(), "a server without a database file forgets everything");
        let mut command = command(&self.tool, &self.options, self.port, self.ui_port)?;
        self.service = Service::start(NAME, &mut command, self.log.clone(), true, Signal::TERM, PATIENCE)?;
        let (tool, address) = (self.tool.clone(), self.address());
        self.service.ready(READY, |_| Ok(serves(&tool, &address)?.then_some(())))
    }

    fn wait_ready(&mut self) -> anyhow::Result<()> {
        let (tool, address) = (self.tool.clone(), self.address());
        self.service.ready(READY, |_| {
            if !serves(&tool, &address)? {
                return Ok(None);
            }
            let namespace = call(&tool, &address, &["operator", "namespace", "describe", "-n", NAMESPACE])?;
            let listing = call(&tool, &address, &["operator", "search-attribute", "list"])?;
            let known = SEARCH_ATTRIBUTES.iter().all(|name| listing.stdout.contains(name));
            Ok((namespace.status.success() && known).then_some(()))
        })
    }

    /// Host and port of the gRPC API.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The process, for reports.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// An error when the server ended.
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

    /// Calls the `temporal` command line against this server and parses the JSON it prints.
    ///
    /// # Errors
    /// When the call fails or prints something else.
    pub fn json(&self, args: &[&str]) -> anyhow::Result<serde_json::Value> {
        let text = call(&self.tool, &self.address(), &[args, &["-o", "json"]].concat())?
            .ok(&format!("temporal {}", args.join(" ")))?;
        serde_json::from_str(&text).with_context(|| format!("temporal {}: not JSON", args.join(" ")))
    }
}

fn command(
    tool: &Temporal,
    options: &ServerOptions,
    port: u16,
    ui_port: Option<u16>,
) -> anyhow::Result<Command> {
    let mut command = bare(tool)?;
    command.args(["server", "start-dev", "--ip", "127.0.0.1", "--log-level", "warn"]);
    command.args(["--port", &port.to_string()]);
    match ui_port {
        Some(ui_port) => command.args(["--ui-port", &ui_port.to_string(), "--ui-disable-news-fetch"]),
        None => command.arg("--headless"),
    };
    for value in DYNAMIC_CONFIG {
        command.args(["--dynamic-config-value", value]);
    }
    for name in SEARCH_ATTRIBUTES {
        command.args(["--search-attribute", &format!("{name}=Keyword")]);
    }
    if let Some(database) = &options.database {
        command.arg("--db-filename").arg(database);
    }
    Ok(command)
}

fn serves(tool: &Temporal, address: &str) -> anyhow::Result<bool> {
    let health = call(tool, address, &["operator", "cluster", "health"])?;
    Ok(health.status.success() && health.stdout.contains("SERVING"))
}

fn call(tool: &Temporal, address: &str, args: &[&str]) -> anyhow::Result<exec::Output> {
    let mut command = bare(tool)?;
    command.args(args).args(["--address", address, "--command-timeout", "10s"]);
    exec::capture(&mut command, CALL)
}

/// The program with an environment it can work in: it needs a user and a home, which bare containers lack, and must
/// not read a profile of the person's own.
fn bare(tool: &Temporal) -> anyhow::Result<Command> {
    let home = paths::keel("tools/home");
    paths::create(&home)?;
    let mut command = exec::tied(&tool.path, "TERM");
    clean_environment(&mut command, false);
    command.env("HOME", &home).env("XDG_CONFIG_HOME", &home);
    if std::env::var_os("USER").is_none() {
        command.env("USER", "keel");
    }
    Ok(command)
}
