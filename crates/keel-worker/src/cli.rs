//! The arguments of `keel-worker`.
#![expect(clippy::print_stderr, reason = "before logging is set up, problems go to stderr as they are")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use keel_config::{ConfigProblems, Loaded, Sources, load_traced};
use keel_telemetry::http::Probe;
use keel_worker::WorkerSettings;

use crate::EX_USAGE;

/// Polls a Temporal task queue and runs Keel's workflows and activities.
#[derive(Debug, Parser)]
#[command(name = "keel-worker", version, about)]
pub(crate) struct Cli {
    /// The settings file (TOML); also `KEEL_CONFIG`. The environment and flags override it.
    #[arg(long, global = true)]
    config: Option<PathBuf>,
    /// One setting, such as `--set worker.task_queue=orders`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", global = true, value_parser = pair)]
    set: Vec<(String, String)>,
    /// What to do; without one, run.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Poll until SIGTERM or SIGINT (the default).
    Run,
    /// Look at the settings.
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Ask the worker that runs with these settings how it is: exit code 0 or 1, for images without a shell.
    Healthcheck(HealthcheckArgs),
    /// Show or change the log level of the worker that runs with these settings, until that worker ends.
    LogLevel {
        /// What `log.level` takes, such as `debug` or `info,keel_activities=debug`; without it the level is shown.
        #[arg(value_name = "LEVEL")]
        level: Option<String>,
    },
    /// Replay saved histories with the workflows of this build; connects to nothing. Exit code 0, or 1 if one fails.
    Replay {
        /// The folder that `keel fleet histories` wrote, or one file of it.
        #[arg(value_name = "DIR")]
        histories: PathBuf,
    },
    /// Look after the store.
    #[command(subcommand)]
    Store(StoreCommand),
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the settings in effect, each with where it comes from; secrets are redacted.
    Print {
        /// The form.
        #[arg(long, value_enum, default_value_t)]
        output: ConfigFormat,
    },
    /// Check the settings and the files they name; exit 64 if something is wrong.
    Check,
    /// Print the reference: every setting with its default, commented out.
    Defaults,
}

/// The form of printed settings.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum ConfigFormat {
    /// TOML with comments; it can be read again.
    #[default]
    Toml,
    /// One JSON object: `{"section.key": {"value": .., "source": ..}}`.
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
#[group(multiple = false)]
pub(crate) struct HealthcheckArgs {
    /// Whether it lives: its vital loops turn
    #[arg(long)]
    live: bool,
    /// Whether it takes work (the default)
    #[arg(long)]
    ready: bool,
    /// Whether it was ready once
    #[arg(long)]
    startup: bool,
}

impl HealthcheckArgs {
    pub(crate) fn probe(self) -> Probe {
        match self {
            Self { live: true, .. } => Probe::Live,
            Self { startup: true, .. } => Probe::Startup,
            _ => Probe::Ready,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum StoreCommand {
    /// Put in the demo's inventory and order ORDER-12345, as far as they are not there.
    Seed,
    /// Print every order with its steps and events, one JSON document a line, and the inventory last.
    Export,
}

impl Cli {
    pub(crate) fn settings(&self) -> Result<Loaded<WorkerSettings>, ConfigProblems> {
        let sources =
            Sources { file: self.config.clone(), flags: self.set.clone(), ..Sources::from_process() };
        load_traced(&sources)
    }
}

/// Prints clap's message; help and version are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let failed = error.use_stderr();
    // Printing help to a closed pipe is nobody's problem.
    let _ = error.print();
    if failed { ExitCode::from(EX_USAGE) } else { ExitCode::SUCCESS }
}

pub(crate) fn complain(text: &str) {
    eprintln!("{text}");
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected KEY=VALUE, such as worker.task_queue=orders".to_owned())
}
