//! A Temporal server of a test's own, for tests that take it away.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{Daemon, Output, run};
use crate::wait::eventually;
use crate::world::needed;

/// What the workflows set, and a namespace must have.
const SEARCH_ATTRIBUTES: [&str; 3] = ["OrderStatus", "CustomerId", "TaskStep"];

/// A development server that can be started and killed at one address. Dropping it kills it.
pub struct Server {
    port: u16,
    metrics_port: u16,
    dir: TempDir,
    config: Vec<String>,
    daemon: Option<Daemon>,
}

impl Server {
    /// A server that is not started yet, with these values of its dynamic configuration, such as
    /// `frontend.namespaceRPS=100`.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn new(config: &[&str]) -> Self {
        let config = config.iter().map(|value| (*value).to_owned()).collect();
        let dir = tempfile::tempdir().expect("a temporary folder");
        Self { port: free_port(), metrics_port: free_port(), dir, config, daemon: None }
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Host and port of its metrics.
    #[must_use]
    pub fn metrics(&self) -> String {
        format!("127.0.0.1:{}", self.metrics_port)
    }

    /// Starts it with the state of the last time and waits until it answers.
    ///
    /// # Panics
    /// When it ends instead.
    pub fn start(&mut self) {
        let mut command = bare(self.dir.path());
        command.args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"]);
        command
            .args(["--metrics-port", &self.metrics_port.to_string()])
            .args(["--port", &self.port.to_string(), "--db-filename"])
            .arg(self.dir.path().join("temporal.db"));
        for name in SEARCH_ATTRIBUTES {
            command.args(["--search-attribute", &format!("{name}=Keyword")]);
        }
        for value in &self.config {
            command.args(["--dynamic-config-value", value]);
        }
        let mut daemon = Daemon::start(command, &self.dir.path().join("server.log"));
        eventually("a Temporal server that answers", || {
            assert!(daemon.ended().is_none(), "the server ended: {}", daemon.log());
            let listed = self.call(&["operator", "search-attribute", "list"]);
            SEARCH_ATTRIBUTES.iter().all(|name| listed.stdout.contains(name)).then_some(())
        });
        self.daemon = Some(daemon);
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.end(Signal::KILL);
        }
    }

    /// Runs the `temporal` command line against it.
    #[must_use]
    pub fn call(&self, arguments: &[&str]) -> Output {
        let mut command = bare(self.dir.path());
        command.args(arguments).args(["--address", &self.address(), "--command-timeout", "10s"]);
        run(command, self.dir.path())
    }
}

/// The program needs a user and a home, and must not read a profile of the person's own.
fn bare(home: &Path) -> Command {
    let mut command = Command::new(needed("TEMPORAL_CLI"));
    command
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .env("XDG_CONFIG_HOME", home)
        .env("USER", "keel");
    command
}

/// A port nobody listens on at this moment.
///
/// # Panics
/// When the system has none left.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}
