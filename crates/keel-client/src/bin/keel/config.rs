//! `keel config …`: what the settings are and where they come from.

use keel_config::{ConfigProblems, Sources};

use crate::cli::{ConfigCommand, Global};
use crate::output::{Exit, Failure, Out};
use crate::settings;

pub(crate) fn run(global: &Global, command: ConfigCommand) -> Result<Exit, Failure> {
    let loaded = settings::load(global, Sources::from_process()).map_err(Failure::Settings)?;
    let out = Out::new(global.output);
    match command {
        ConfigCommand::Print => out.data(&loaded.to_json(), || loaded.to_toml().trim_end().to_owned())?,
        ConfigCommand::Check => {
            let problems = keel_temporal::check_files(loaded.settings.temporal());
            if let Some(problems) = ConfigProblems::from_lines(problems) {
                return Err(Failure::Settings(problems));
            }
            out.data(&serde_json::json!({"ok": true}), || "the settings are fine".to_owned())?;
        }
    }
    Ok(Exit::Success)
}
