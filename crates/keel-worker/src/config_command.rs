//! `keel-worker config …`: what the settings are and where they come from.

use std::io::Write;
use std::process::ExitCode;

use keel_config::Loaded;
use keel_worker::WorkerSettings;

use crate::cli::{ConfigCommand, ConfigFormat, complain};

/// The reference of all settings, which is also a file to start from.
const DEFAULTS: &str = include_str!("../../../deploy/keel.toml");

pub(crate) fn print_defaults() -> ExitCode {
    write(DEFAULTS)
}

pub(crate) fn look(loaded: &Loaded<WorkerSettings>, command: ConfigCommand) -> ExitCode {
    match command {
        ConfigCommand::Print { output: ConfigFormat::Toml } => write(&loaded.to_toml()),
        ConfigCommand::Print { output: ConfigFormat::Json } => write(&format!("{:#}\n", loaded.to_json())),
        ConfigCommand::Check => check(loaded),
        ConfigCommand::Defaults => print_defaults(),
    }
}

/// Loading has found no mistake; what is left is what stands in the files that the settings name.
fn check(loaded: &Loaded<WorkerSettings>) -> ExitCode {
    let problems = keel_temporal::check_files(&loaded.settings.temporal);
    if problems.is_empty() {
        return write("the settings are fine\n");
    }
    for problem in problems {
        complain(&problem);
    }
    ExitCode::from(crate::EX_USAGE)
}

fn write(text: &str) -> ExitCode {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format!("keel-worker: cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
