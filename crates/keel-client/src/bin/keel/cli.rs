//! What can be said on the command line.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use keel_types::order::id_problem;

use crate::dataset::DatasetCommand;
use crate::doctor::DoctorArgs;
use crate::fleet::FleetArgs;
use crate::keep::KeepArgs;
use crate::order::OrderCommand;
use crate::task::TaskCommand;

/// Place, decide on and watch orders, tasks and datasets.
///
/// Data goes to stdout, everything else to stderr. Exit codes: 0 done, 1 failed or refused, 64 wrong usage or settings,
/// 130 watching was interrupted.
#[derive(Debug, Parser)]
#[command(name = "keel", version, propagate_version = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Flags of every command.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Temporal server, host:port [env: TEMPORAL_ADDRESS] [default: 127.0.0.1:7233]
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Global options")]
    pub(crate) address: Option<String>,
    /// Namespace [env: TEMPORAL_NAMESPACE] [default: default]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) namespace: Option<String>,
    /// Task queue that new runs go to [env: TASK_QUEUE] [default: production-queue]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    pub(crate) task_queue: Option<String>,
    /// Settings file, TOML [env: KEEL_CONFIG]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// What stdout carries: text for people, or JSON
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) output: Format,
    /// Longest time for one call, such as 10s or 500ms; for `keel fleet` of the whole command [default: 10s; fleet 30s,
    /// its gate 60s, histories 2m]
    #[arg(long, global = true, value_name = "TIME", value_parser = duration, help_heading = "Global options")]
    pub(crate) timeout: Option<Duration>,
}

/// The form of what goes to stdout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One document; one a line for lists and for watching.
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Place, decide on, watch and list orders
    #[command(subcommand)]
    Order(OrderCommand),
    /// Start and watch tasks
    #[command(subcommand)]
    Task(TaskCommand),
    /// Generate, process and look at datasets
    #[command(subcommand)]
    Dataset(DatasetCommand),
    /// Look at everything between here and a worker, layer by layer, and say what to do
    ///
    /// Exit codes: 0 fine, 10 network or server, 11 TLS, 12 authentication, 13 namespace, 14 search attributes, 15 no
    /// worker polls, 16 backlog, 17 clock, 18 worker not ready, 64 usage. See docs/doctor.md
    Doctor(DoctorArgs),
    /// Say what a run waits for or how it ended, and what to do next
    Why {
        /// A workflow id, or the id of an order, a task or a dataset
        #[arg(value_name = "WORKFLOW_ID", value_parser = some_text)]
        id: String,
    },
    /// Look at the builds of the worker, and say which of them gets work
    Fleet(FleetArgs),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Start containers of the Compose stack again that were killed; runs until it is ended
    Keep(KeepArgs),
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in effect for `keel`, each with where it comes from; secrets are redacted. With `--output
    /// text` as TOML that can be read again
    Print,
    /// Check the settings and the files they name; exit 64 if something is wrong
    Check,
}

impl Command {
    /// Names the command in traces.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Order(_) => "keel order",
            Self::Task(_) => "keel task",
            Self::Dataset(_) => "keel dataset",
            Self::Doctor(_) => "keel doctor",
            Self::Why { .. } => "keel why",
            Self::Fleet(_) => "keel fleet",
            Self::Config(_) => "keel config",
            Self::Keep(_) => "keel keep",
            Self::Completions { .. } => "keel completions",
        }
    }
}

/// An id that is safe everywhere; the same rule as the server side's.
pub(crate) fn id(text: &str) -> Result<String, String> {
    id_problem("the id", text).map_or_else(|| Ok(text.to_owned()), Err)
}

/// Text with something in it.
pub(crate) fn some_text(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it is empty".to_owned()) } else { Ok(text.to_owned()) }
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    let limits = Duration::from_millis(100)..=Duration::from_secs(600);
    parsed
        .filter(|duration| limits.contains(duration))
        .ok_or_else(|| "write a time between 100ms and 10m, such as 10s".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::{Cli, duration, id};

    #[test]
    fn the_commands_fit_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn values_are_checked_before_anything_is_called() {
        assert_eq!(id("").unwrap_err(), "the id is empty");
        assert!(id("../x").is_err() && id("ORDER-12345").is_ok());
        assert!(duration("10s").is_ok() && duration("0s").is_err() && duration("soon").is_err());
    }
}
