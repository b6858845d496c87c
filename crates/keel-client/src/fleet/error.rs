//! Why something about the fleet could not be done, and what to do next.

use std::time::Duration;

use crate::error::CallError;

/// Why an operation on the fleet failed. Every message says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A call to the server failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The deployment does not know the build.
    #[error(
        "deployment `{deployment}` has no build `{build}` after {waited:?}{}; start a worker with worker.build_id = \
         \"{build}\" and worker.deployment = \"{deployment}\", or name another --deployment", instead(.known)
    )]
    NoBuild {
        /// The deployment.
        deployment: String,
        /// The build.
        build: String,
        /// What it knows instead.
        known: Vec<String>,
        /// How long it was waited for.
        waited: Duration,
    },
    /// The server refuses the change.
    #[error("cannot {doing}: {reason}; {next}")]
    Refused {
        /// What was attempted.
        doing: String,
        /// The server's words.
        reason: String,
        /// What to do.
        next: String,
    },
    /// The change is recorded, and not every task queue has heard of it.
    #[error(
        "{what} is recorded, but not every task queue had heard of it after {waited:?}; it goes on by itself, look with \
         `keel fleet status`"
    )]
    NotSpread {
        /// What was changed.
        what: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// No worker of the build ran the gate.
    #[error(
        "the gate of build `{build}` did not end within {limit:?}: {found}; see the log and `/readyz` of its workers, or \
         give it longer with --timeout"
    )]
    GateTimeout {
        /// The build.
        build: String,
        /// How long it had.
        limit: Duration,
        /// What was seen of it.
        found: String,
    },
    /// The folder for histories cannot be used.
    #[error("cannot save histories in {}; {next}", .folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What to do.
        next: &'static str,
        /// What the system says.
        #[source]
        source: Option<std::io::Error>,
    },
    /// A worker of the build ran the gate, and it failed.
    #[error("the gate of build `{build}` failed: {reason}; mend what it names before this build gets work")]
    GateFailed {
        /// The build.
        build: String,
        /// The failure.
        reason: String,
    },
}

fn instead(builds: &[String]) -> String {
    match builds {
        [] => String::new(),
        builds => format!(" (it has {})", builds.join(", ")),
    }
}
