//! The activities of Keel: everything that touches the world outside of a workflow.
//!
//! Each activity may run more than once, so each is idempotent. CPU work and file access never run on the async
//! threads. Start reading in [`dataset`].

pub mod dataset;
mod failure;
