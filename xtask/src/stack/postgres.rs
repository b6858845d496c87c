//! A PostgreSQL server for tests: throw-away data, durability off.

use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use tempfile::TempDir;

use super::free_port;
use super::service::{Logs, Service};
use crate::exec;
use crate::tools::PostgresBinaries;

const INITDB: Duration = Duration::from_secs(60);
const READY: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);

/// A running server; its data goes with the value.
#[derive(Debug)]
pub struct Postgres {
    // Dropped before the folder it works in.
    service: Service,
    port: u16,
    #[cfg_attr(not(test), expect(dead_code, reason = "held so that it is removed with the server"))]
    dir: TempDir,
}

/// Whom the server runs as: it refuses to run as root.
enum User {
    Own,
    Other { name: &'static str, uid: u32, gid: u32 },
}

impl Postgres {
    /// Creates a cluster in a temporary folder and starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// With the end of its log when it does not come up.
    pub fn start(binaries: &PostgresBinaries, logs: &Logs) -> anyhow::Result<Self> {
        let user = user()?;
        let dir = tempfile::Builder::new()
            .prefix("keel-pg-")
            .tempdir()
            .context("cannot create a temporary folder")?;
        if let User::Other { uid, gid, .. } = user {
            chown(dir.path(), Some(uid), Some(gid))
                .context("cannot hand the temporary folder to postgres")?;
        }
        let data = dir.path().join("data");
        let mut initdb = program(&binaries.dir.join("initdb"), &user, dir.path());
        initdb.arg("-D").arg(&data).args([
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]);
        exec::capture(&mut initdb, INITDB)?.ok("initdb")?;

        let port = free_port()?;
        let mut command = program(&binaries.dir.join("postgres"), &user, dir.path());
        command.arg("-D").arg(&data).args(["-p", &port.to_string()]);
        let sockets = format!("unix_socket_directories={}", dir.path().display());
        let settings = ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"];
        for setting in settings.into_iter().chain(["listen_addresses=127.0.0.1", &sockets]) {
            command.args(["-c", setting]);
        }
        // INT is PostgreSQL's fast stop; TERM would wait for every client to leave.
        let mut service = Service::start(
            "PostgreSQL server",
            &mut command,
            logs.path("postgres"),
            false,
            Signal::INT,
            PATIENCE,
        )?;
        let asks = binaries.dir.join("pg_isready");
        service.ready(READY, |_| {
            let mut ask = exec::tied(&asks, "TERM");
            ask.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "postgres"]);
            Ok(exec::capture(&mut ask, Duration::from_secs(10))?.status.success().then_some(()))
        })?;
        Ok(Self { service, port, dir })
    }

    /// The URL of its superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Stops it.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn stop(&mut self) -> anyhow::Result<()> {
        self.service.stop().map(drop)
    }
}

fn user() -> anyhow::Result<User> {
    if !rustix::process::geteuid().is_root() {
        return Ok(User::Own);
    }
    let id = |flag: &str| -> anyhow::Result<u32> {
        let output =
            exec::capture(exec::tied("id", "TERM").args([flag, "postgres"]), Duration::from_secs(10))?;
        let text = output.ok("looking up the user postgres (PostgreSQL refuses to run as root)")?;
        text.trim().parse().with_context(|| format!("id {flag} postgres: {text}"))
    };
    if exec::setpriv().is_none() && which::which("runuser").is_err() {
        bail!(
            "PostgreSQL refuses to run as root, and neither setpriv nor runuser is here: install util-linux"
        );
    }
    Ok(User::Other { name: "postgres", uid: id("-u")?, gid: id("-g")? })
}

/// A program of PostgreSQL as its user, in a folder that user can enter.
fn program(path: &Path, user: &User, dir: &Path) -> Command {
    let mut command = match user {
        User::Own => exec::tied(path, "INT"),
        User::Other { uid, gid, .. } if exec::setpriv().is_some() => {
            // One setpriv does both: the death signal would be lost by a later change of user.
            let mut command = Command::new(exec::setpriv().expect("the guard saw it"));
            command.args(["--pdeathsig", "INT", "--init-groups"]);
            command.args([format!("--reuid={uid}"), format!("--regid={gid}")]).arg("--").arg(path);
            command
        }
        User::Other { name, .. } => {
            let mut command = Command::new("runuser");
            command.args(["-u", name, "--"]).arg(path);
            command
        }
    };
    command.current_dir(dir).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.env("LC_ALL", "C").env("HOME", dir).stdin(std::process::Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::Postgres;
    use crate::stack::Logs;

    #[test]
    fn a_server_starts_answers_and_leaves_nothing() {
        let binaries = crate::tools::postgres().unwrap();
        let mut server = Postgres::start(&binaries, &Logs::new("xtask-tests").unwrap()).unwrap();
        let address = ([127, 0, 0, 1], server.port).into();
        TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        let dir = server.dir.path().to_path_buf();
        server.stop().unwrap();
        drop(server);
        assert!(TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_err());
        assert!(!dir.exists());
    }
}
