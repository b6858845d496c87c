//! One at a time: whoever changes a project holds its lock.

use std::time::Duration;

use anyhow::Context;

use super::stack::{Stack, say};
use crate::paths::Lock;
use crate::wait;

/// Longer than any single change of a number of workers, which is all that comes by itself.
const LIMIT: Duration = Duration::from_secs(120);

impl Stack {
    /// The lock, if nobody has it. It goes with the value, also when the process is killed.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn try_lock(&self) -> anyhow::Result<Option<Lock>> {
        Lock::try_take(&self.dir().join("lock"))
    }

    /// Waits for the lock.
    ///
    /// # Errors
    /// When another holds it for two minutes.
    pub fn lock(&self) -> anyhow::Result<Lock> {
        let mut told = false;
        let project = &self.project;
        wait::until("another command changes this project", LIMIT, || {
            let lock = self.try_lock()?;
            if lock.is_none() && !told {
                told = true;
                say(&format!("waiting: another command changes project {project}"));
            }
            Ok(lock)
        })
        .with_context(|| format!("project {project} is locked: see which `cargo xtask` runs"))
    }
}
