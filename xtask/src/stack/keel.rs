//! The `keel` command line, pointed at a stack.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::{NAMESPACE, TASK_QUEUE, clean_environment};
use crate::{exec, interrupt, paths};

/// Writes the order that the repository comes with, under another id.
///
/// # Errors
/// When it cannot be read, or the file not be written.
pub fn sample_order(id: &str, file: &Path) -> anyhow::Result<()> {
    let template = paths::root().join("deploy/dev/order.json");
    let text =
        std::fs::read_to_string(&template).with_context(|| format!("cannot read {}", template.display()))?;
    let mut order: Value =
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", template.display()))?;
    order["orderId"] = id.into();
    std::fs::write(file, serde_json::to_vec_pretty(&order)?)
        .with_context(|| format!("cannot write {}", paths::shown(file)))
}

/// Calls `keel` with the addresses of one stack.
#[derive(Clone, Debug)]
pub struct Keel {
    /// The binary.
    pub program: PathBuf,
    /// Host and port of Temporal.
    pub temporal: String,
    /// The folder of datasets and results.
    pub data_dir: PathBuf,
}

impl Keel {
    fn command(&self, args: &[&str]) -> Command {
        let mut command = exec::tied(&self.program, "TERM");
        clean_environment(&mut command, false);
        command
            .env("TEMPORAL_ADDRESS", &self.temporal)
            .env("TEMPORAL_NAMESPACE", NAMESPACE)
            .env("TASK_QUEUE", TASK_QUEUE)
            .env("KEEL__DATASET__DATA_DIR", &self.data_dir)
            .args(args);
        command
    }

    /// Runs it with its output on the terminal, after printing the command.
    ///
    /// # Errors
    /// When it fails.
    pub fn show(&self, args: &[&str]) -> anyhow::Result<()> {
        interrupt::check()?;
        exec::foreground(self.command(args).stdin(Stdio::null()))
    }

    /// Runs it to its end within `limit` and returns its standard output.
    ///
    /// # Errors
    /// With what it said when it fails.
    pub fn text(&self, args: &[&str], limit: Duration) -> anyhow::Result<String> {
        exec::capture(&mut self.command(args), limit)?.ok(&format!("keel {}", args.join(" ")))
    }

    /// Like [`Keel::text`] with `--output json`, parsed.
    ///
    /// # Errors
    /// With what it said when it fails or prints no JSON.
    pub fn json(&self, args: &[&str], limit: Duration) -> anyhow::Result<Value> {
        let text = self.text(&[&["--output", "json"], args].concat(), limit)?;
        serde_json::from_str(&text).with_context(|| format!("keel {}: not one JSON document", args.join(" ")))
    }

    /// Makes a dataset of test data unless it is there.
    ///
    /// # Errors
    /// With what it said when it fails.
    pub fn generate(&self, id: &str, rows: u64, seed: u64) -> anyhow::Result<()> {
        if self.dataset(id).is_file() {
            return Ok(());
        }
        let (rows, seed) = (rows.to_string(), seed.to_string());
        let args = ["dataset", "generate", id, "--rows", &rows, "--seed", &seed];
        self.text(&args, Duration::from_secs(120)).map(drop)
    }

    /// The file of a dataset.
    pub fn dataset(&self, id: &str) -> PathBuf {
        self.data_dir.join("datasets").join(format!("{id}.csv"))
    }

    /// The folder of a dataset's results.
    pub fn results(&self, id: &str) -> PathBuf {
        self.data_dir.join("results").join(id)
    }
}
