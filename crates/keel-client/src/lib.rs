//! Typed calls to a running Keel: [`Orders`], [`Tasks`] and [`Datasets`] over one Temporal client.
//!
//! The library knows the wire contract (`keel_types`) and nothing of workflows or activities, and it never prints: the
//! `keel` command line is one user of it, a gateway can be another. Every call is bounded in time, and every error
//! says what to do next.
//!
//! Start reading in [`caller`], then [`orders`] and [`jobs`].

pub mod caller;
pub mod diagnosis;
pub mod error;
pub mod fleet;
pub mod generate;
pub mod jobs;
pub mod order_file;
pub mod orders;
pub mod queue;
pub mod run;
pub mod subject;
pub mod watch;
pub mod why;

pub use caller::Caller;
pub use error::CallError;
pub use fleet::{Fleet, FleetError, FleetStatus};
pub use jobs::{Datasets, JobView, Tasks};
pub use orders::{OrderFilter, OrderRow, OrderView, Orders, Submission};
pub use queue::{QueueView, TaskKind};
pub use run::{LastFailure, Outcome, RunFailure, RunInfo, RunStatus};
pub use subject::{Kind, Subject};
pub use watch::{Sighting, Watch};
pub use why::Why;
