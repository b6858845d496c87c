//! The part of the settings that the command line reads, and what it makes of them.

use std::path::PathBuf;
use std::time::Duration;

use keel_client::Caller;
use keel_config::{ConfigProblems, Loaded, Settings, Sources, TemporalSection};
use keel_telemetry::{LogOptions, Telemetry, TelemetryOptions, TraceOptions};
use keel_temporal::{Instruments, Wait};
use keel_types::names::{DEFAULT_DEPLOYMENT, DEFAULT_TASK_QUEUE};
use serde::{Deserialize, Serialize};

use keel_config::temporal::DEFAULT_PORT;

use crate::cli::Global;
use crate::output::{Failure, Out};

/// The longest time for one call, unless something else is said.
const ONE_CALL: Duration = Duration::from_secs(10);

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
    deployment: String,
}

/// What the client needs of `[dataset]`.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct DatasetPart {
    data_dir: PathBuf,
}

impl ClientSettings {
    pub(crate) const fn temporal(&self) -> &TemporalSection {
        &self.temporal
    }
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
        Self { task_queue: DEFAULT_TASK_QUEUE.to_owned(), deployment: DEFAULT_DEPLOYMENT.to_owned() }
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
#[derive(Clone, Debug)]
pub(crate) struct Context {
    settings: ClientSettings,
    timeout: Option<Duration>,
    pub(crate) out: Out,
    pub(crate) telemetry: Telemetry,
}

impl Context {
    /// Loads the settings and starts logging.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let settings = load(global, Sources::from_process()).map_err(Failure::Settings)?.settings;
        let telemetry = keel_telemetry::init(&TelemetryOptions {
            program: "keel",
            role: "cli",
            build_id: env!("CARGO_PKG_VERSION"),
            log: &settings.log,
            traces: &settings.traces,
        })?;
        Ok(Self { settings, timeout: global.timeout, out: Out::new(global.output), telemetry })
    }

    /// The same, with another limit for one call.
    pub(crate) fn within(&self, one_call: Duration) -> Self {
        Self { timeout: Some(one_call), ..self.clone() }
    }

    /// The namespace.
    pub(crate) fn namespace(&self) -> &str {
        &self.settings.temporal.namespace
    }

    /// Connects to Temporal.
    pub(crate) async fn connect(&self) -> Result<Caller, Failure> {
        let identity = format!("keel-cli/{}", std::process::id());
        let instruments = Instruments { plugins: self.telemetry.plugins(), ..Instruments::default() };
        let client = keel_temporal::connect(&self.temporal(), &identity, &instruments, Wait::none()).await?;
        Ok(Caller::new(client, &self.settings.worker.task_queue, self.timeout()))
    }

    /// The section `[temporal]`, within the time that one call may take.
    pub(crate) fn temporal(&self) -> TemporalSection {
        let mut section = self.settings.temporal.clone();
        section.connect_timeout = section.connect_timeout.min(self.timeout());
        section
    }

    /// The longest time for one call.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(ONE_CALL)
    }

    /// The longest time for a command of several calls: what was said on the command line, or `usual`.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        self.timeout.unwrap_or(usual)
    }

    /// The Worker Deployment: the flag, or the setting.
    pub(crate) fn deployment(&self, flag: Option<String>) -> String {
        flag.unwrap_or_else(|| self.settings.worker.deployment.clone())
    }

    /// The flags by which the `temporal` command line finds the same server and namespace.
    pub(crate) fn temporal_flags(&self) -> String {
        let section = &self.settings.temporal;
        let url = section.url().ok();
        let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or("127.0.0.1");
        let port = url.as_ref().and_then(url::Url::port_or_known_default).unwrap_or(DEFAULT_PORT);
        let mut flags = format!(" --address {host}:{port}");
        if section.namespace != "default" {
            flags.push_str(&format!(" --namespace {}", section.namespace));
        }
        if section.uses_tls() {
            flags.push_str(" --tls");
        }
        flags
    }

    /// The data directory: the flag, or the setting.
    pub(crate) fn data_dir(&self, flag: Option<PathBuf>) -> PathBuf {
        flag.unwrap_or_else(|| self.settings.dataset.data_dir.clone())
    }
}

pub(crate) fn load(global: &Global, sources: Sources) -> Result<Loaded<ClientSettings>, ConfigProblems> {
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
    keel_config::load_traced(&sources)
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
        let settings = load(&cli.global, Sources { env, ..Sources::default() }).unwrap().settings;
        assert_eq!(settings.temporal.address, "flag:1");
        assert_eq!(settings.worker.task_queue, "q");
    }
}
