//! The fleet: which builds of the worker there are, which of them gets how much of the work, and how far behind they are.
//!
//! A build is a version of one Worker Deployment. [`Fleet::status`] reads all of it, [`Fleet::set_current`],
//! [`Fleet::ramp`] and [`Fleet::unramp`] say where work goes, [`Fleet::gate`] proves a build before it gets any,
//! [`Fleet::move_runs`] takes runs from one build to another, and [`Fleet::forget`] removes one that is done.
//!
//! The server keeps a deployment in workflows of its own. So what was written is seen everywhere a moment later, a build is
//! known a moment after its first poll, and a call may be put off while such a workflow starts: each operation here tries
//! again what time heals, up to the limit it is given, and says what it waited for when that is not enough.

mod error;
mod gate;
mod histories;
mod moving;
mod patience;
mod queues;
mod read;
mod route;
mod status;
mod view;

pub use error::FleetError;
pub use gate::Passed;
pub use histories::{Histories, SavedHistory, SkippedHistory, Wanted};
pub use moving::{Moved, Unproven};
pub use route::{Forgotten, Target, Turned};
pub use view::{BuildView, Drainage, FleetStatus, Load, Ramp, VersionStatus, WorkerView};

use crate::caller::Caller;

/// One Worker Deployment, as seen by a caller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Fleet {
    caller: Caller,
    deployment: String,
}

impl Fleet {
    /// The deployment of this name; it need not exist yet.
    #[must_use]
    pub fn new(caller: Caller, deployment: &str) -> Self {
        Self { caller, deployment: deployment.to_owned() }
    }

    /// The name of the deployment.
    #[must_use]
    pub fn deployment(&self) -> &str {
        &self.deployment
    }

    /// How the server writes a build of it in search attributes and queue descriptions.
    fn version(&self, build: &str) -> String {
        format!("{}:{build}", self.deployment)
    }
}
