//! A rollout: a new build takes over from the old one step by step, and goes back by itself when something is off.
//!
//! It is a journalled state machine: what is about to be done is on disk before it is done, and every step may be done
//! twice, so a rollout that was cut off at any point goes on where it stood. `docs/rollout.md` tells it to operators.

mod back;
mod builds;
mod fleet;
mod hand_over;
mod journal;
mod judge;
mod limits;
mod machine;
mod measure;
mod ramp;
mod replay;
mod report;
mod rollback;
mod start;
mod sweep;

pub use journal::{Journal, Outcome, Stage};
pub use limits::Limits;
pub use machine::{resume, roll_out};
pub use report::Report;
pub use rollback::{Args as RollbackArgs, run as rollback};
pub use sweep::sweep;
