//! The tests that need Docker, as `cargo xtask test --stack` runs them.

use crate::{drill, tools};

use super::rules;

/// Checks the Compose files, boots the offline stack and disturbs it under load.
///
/// # Errors
/// When a rule is broken, something did not come up, or anything was lost; and without an engine.
pub fn run() -> anyhow::Result<()> {
    rules::check(&tools::compose(&tools::docker()?)?)?;
    drill::scale::run(&drill::scale::Args::default())
}
