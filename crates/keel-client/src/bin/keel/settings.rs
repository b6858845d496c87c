//! The part of the settings that the command line reads, and what it makes of them.

use std::path::PathBuf;

use keel_client::Caller;
use keel_config::{ConfigProblems, Settings, Sources, TemporalSection};
use keel_telemetry::{LogOptions, Telemetry, TelemetryOptions, TraceOptions};
use keel_temporal::{Instruments, Wait};
use keel_types::names::DEFAULT_TASK_QUEUE;
use serde::{Deserialize, Serialize};

use crate::cli::Global;
use crate::output::{Failure, Out};

/// The settings, as far as the command line reads them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClientSettings {
    temporal: TemporalSection,
    worker: WorkerPart,
    dataset: DatasetPart,
    log: LogOptions,
    traces: TraceOptions,
}

/// What the client needs of `[worker]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct WorkerPart {
    task_queue: String,
}

/// What the client needs of `[dataset]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct DatasetPart {
    data_dir: PathBuf,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            temporal: TemporalSection::default(),
            worker: WorkerPart::default(),
            dataset: DatasetPart::default(),
            // A person at a terminal wants to read of trouble only.
            log: LogOptions { level: "warn".to_owned(), ..LogOptions::default() },
            traces: TraceOptions::default(),
        }
    }
}

impl Default for WorkerPart {
    fn default() -> Self {
        Self { task_queue: DEFAULT_TASK_QUEUE.to_owned() }
    }
}

impl Default for DatasetPart {
    fn default() -> Self {
        Self { data_dir: PathBuf::from("data") }
    }
}

impl Settings for ClientSettings {
    fn problems(&self) -> Vec<String> {
        let mut problems = self.temporal.problems();
        if self.worker.task_queue.trim().is_empty() {
            problems.push(format!("worker.task_queue: is empty; the usual one is {DEFAULT_TASK_QUEUE}"));
        }
        problems.extend(self.log.problems());
        problems.extend(self.traces.problems());
        problems
    }
}

/// What every command has at hand.
#[derive(Debug)]
pub(crate) struct Context {
    settings: ClientSettings,
    timeout: std::time::Duration,
    pub(crate) out: Out,
    pub(crate) telemetry: Telemetry,
}

impl Context {
    /// Loads the settings and starts logging.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let settings = load(global, Sources::from_process()).map_err(Failure::Settings)?;
        let telemetry = keel_telemetry::init(&TelemetryOptions {
            program: "keel",
            role: "cli",
            build_id: env!("CARGO_PKG_VERSION"),
            log: &settings.log,
            traces: &settings.traces,
        })?;
        Ok(Self { settings, timeout: global.timeout, out: Out::new(global.output), telemetry })
    }

    /// Connects to Temporal.
    pub(crate) async fn connect(&self) -> Result<Caller, Failure> {
        let identity = format!("keel-cli/{}", std::process::id());
        let mut section = self.settings.temporal.clone();
        section.connect_timeout = section.connect_timeout.min(self.timeout);
        let instruments = Instruments { plugins: self.telemetry.plugins(), ..Instruments::default() };
        let client = keel_temporal::connect(&section, &identity, &instruments, Wait::none()).await?;
        Ok(Caller::new(client, &self.settings.worker.task_queue, self.timeout))
    }

    /// The data directory: the flag, or the setting.
    pub(crate) fn data_dir(&self, flag: Option<PathBuf>) -> PathBuf {
        flag.unwrap_or_else(|| self.settings.dataset.data_dir.clone())
    }
}

fn load(global: &Global, sources: Sources) -> Result<ClientSettings, ConfigProblems> {
    let flags = [
        ("temporal.address", &global.address),
        ("temporal.namespace", &global.namespace),
        ("worker.task_queue", &global.task_queue),
    ];
    let flags = flags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect();
    // One settings file and one environment serve all programs; the keys of the others are not ours to judge.
    let foreign_sections = keel_config::sources::ALL_SECTIONS
        .into_iter()
        .filter(|section| !matches!(*section, "temporal" | "log" | "traces"))
        .map(str::to_owned)
        .collect();
    let sources =
        Sources { file: global.config.clone().or(sources.file), flags, foreign_sections, ..sources };
    keel_config::load(&sources)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use keel_config::Sources;

    use super::load;
    use crate::cli::Cli;

    #[test]
    fn flags_win_over_the_environment_and_foreign_keys_are_left_alone() {
        let cli = Cli::try_parse_from(["keel", "order", "list", "--address", "flag:1"]).unwrap();
        let env = [
            ("TEMPORAL_ADDRESS", "env:1"),
            ("TASK_QUEUE", "q"),
            ("KEEL__STORE__URL", "sqlite://x"),
            ("KEEL__WORKER__READY_FILE", "/x"),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let settings = load(&cli.global, Sources { env, ..Sources::default() }).unwrap();
        assert_eq!(settings.temporal.address, "flag:1");
        assert_eq!(settings.worker.task_queue, "q");
    }
}
