//! A Temporal server of a test's own, for what must not happen to the shared one.

use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::process::{Daemon, run};
use crate::wait::eventually;
use crate::world::needed;

/// The search attributes that workers ask for.
const SEARCH_ATTRIBUTES: [&str; 3] = ["OrderStatus=Keyword", "CustomerId=Keyword", "TaskStep=Keyword"];

/// A running server that keeps its runs in a file.
pub struct Server {
    daemon: Option<Daemon>,
    config: Vec<String>,
    port: u16,
    dir: TempDir,
}

impl Server {
    /// Starts a server with these values of its dynamic configuration, such as `frontend.namespaceRPS=100`.
    ///
    /// # Panics
    /// When it does not come up.
    #[must_use]
    pub fn start(config: &[&str]) -> Self {
        let config = config.iter().map(|value| (*value).to_owned()).collect();
        let dir = tempfile::tempdir().expect("a temporary folder");
        let mut server = Self { daemon: None, config, port: free_port(), dir };
        server.resume();
        server
    }

    /// Host and port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.end(Signal::KILL);
        }
    }

    /// Starts it, again after [`Server::kill`], with the runs it had.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn resume(&mut self) {
        let mut command = self.temporal();
        command.args(["server", "start-dev", "--headless", "--ip", "127.0.0.1", "--log-level", "error"]);
        command
            .args(["--port", &self.port.to_string()])
            .arg("--db-filename")
            .arg(self.dir.path().join("runs.db"));
        for attribute in SEARCH_ATTRIBUTES {
            command.args(["--search-attribute", attribute]);
        }
        for value in &self.config {
            command.args(["--dynamic-config-value", value]);
        }
        let mut daemon = Daemon::start(command, &self.dir.path().join("server.log"));
        eventually("a server that knows its search attributes", || {
            assert!(daemon.ended().is_none(), "the server ended: {}", daemon.log());
            let mut listing = self.temporal();
            listing.args(["operator", "search-attribute", "list", "--address", &self.address()]);
            run(listing, self.dir.path()).stdout.contains("TaskStep").then_some(())
        });
        self.daemon = Some(daemon);
    }

    fn temporal(&self) -> Command {
        let mut command = Command::new(needed("TEMPORAL_CLI"));
        command.env("HOME", self.dir.path()).env("USER", "keel").env_remove("TEMPORAL_ADDRESS");
        command
    }
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
