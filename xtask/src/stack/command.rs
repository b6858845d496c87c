//! The environment of the processes of a stack.

use std::process::Command;

/// Takes everything out of a command's environment that would point it to another Temporal or change its settings:
/// `TEMPORAL_*`, `TASK_QUEUE`, `KEEL_CONFIG`, and `KEEL__*` unless `keep_settings`, so that
/// `KEEL__LOG__LEVEL=debug cargo xtask up` works.
pub fn clean_environment(command: &mut Command, keep_settings: bool) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let elsewhere = text.starts_with("TEMPORAL_") || text.starts_with("KEEL__TEMPORAL__");
        let setting = text.starts_with("KEEL__") && !keep_settings;
        if elsewhere || setting || matches!(&*text, "TASK_QUEUE" | "KEEL_CONFIG") {
            command.env_remove(&name);
        }
    }
}
