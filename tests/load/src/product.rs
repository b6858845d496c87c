//! The product's worker as the measurements start it.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Where everything is.
#[derive(Clone, Debug, clap::Args)]
pub struct Place {
    /// The server.
    #[arg(long, env = "TEMPORAL_ADDRESS")]
    pub address: String,
    /// The folder with `keel`, `keel-worker` and this program.
    #[arg(long, env = "KEEL_BIN_DIR")]
    pub bin_dir: PathBuf,
    /// The sandbox, such as `http://127.0.0.1:8079`.
    #[arg(long, env = "KEEL_SANDBOX_URL")]
    pub sandbox: String,
}

/// A worker to be started.
pub struct Setup {
    /// The task queue it polls.
    pub queue: String,
    /// Written once it polls.
    pub ready_file: PathBuf,
    /// The program with its settings.
    pub command: Command,
}

impl Place {
    /// The worker's binary.
    pub fn worker(&self) -> PathBuf {
        self.bin_dir.join("keel-worker")
    }

    /// A worker with a seeded store and a queue of its own; `settings` come last. Without any of them its endpoints are
    /// off and it logs warnings only.
    ///
    /// # Errors
    /// When the store cannot be seeded.
    pub fn product(&self, dir: &Path, name: &str, settings: &[(&str, String)]) -> Result<Setup> {
        let (queue, ready_file) = (format!("bench-{name}"), dir.join(format!("{name}.ready")));
        let store = format!("sqlite://{}", dir.join(format!("{name}.db")).display());
        let seeded = Command::new(self.worker())
            .args(["store", "seed"])
            .env("KEEL__STORE__URL", &store)
            .env("KEEL__LOG__LEVEL", "warn")
            .status()
            .context("cannot run keel-worker")?;
        ensure!(seeded.success(), "keel-worker store seed failed with {seeded}");
        let mut command = Command::new(self.worker());
        command
            .env("TEMPORAL_ADDRESS", &self.address)
            .env("TASK_QUEUE", &queue)
            .env("KEEL__STORE__URL", store)
            .env("KEEL__PAYMENTS__URL", format!("{}/payments", self.sandbox))
            .env("KEEL__COURIER__URL", format!("{}/courier", self.sandbox))
            .env("KEEL__DATASET__DATA_DIR", dir.join("data"))
            .env("KEEL__LOG__LEVEL", "warn")
            .env("KEEL__HTTP__LISTEN", "off")
            .env("KEEL__WORKER__READY_FILE", &ready_file)
            .envs(settings.iter().map(|(name, value)| (name, value)));
        Ok(Setup { queue, ready_file, command })
    }
}

/// An address of this machine that nobody listens on at this moment.
///
/// # Errors
/// When the system has no port left.
pub fn free_address() -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("cannot find a free port")?;
    Ok(listener.local_addr()?.to_string())
}
