//! The tests that need Docker, as a part of `cargo xtask test`.

use crate::{drill, tools};

use super::rules;

/// Checks the Compose files, boots the offline stack and disturbs it under load.
///
/// # Errors
/// When a rule is broken, something did not come up, or anything was lost; and without an engine in CI.
pub fn run() -> anyhow::Result<()> {
    let docker = match tools::docker() {
        Ok(docker) => docker,
        Err(error) if std::env::var_os("CI").is_none() => {
            eprintln!("\nNOT TESTED: the Compose stack. {error:#}\n");
            return Ok(());
        }
        Err(error) => return Err(error.context("CI tests the Compose stack")),
    };
    rules::check(&tools::compose(&docker)?)?;
    drill::scale::run(&drill::scale::Args::default())
}
