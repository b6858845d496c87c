//! The workflows on a real Temporal server, with stand-in activities; and the replay of stored histories.
//!
//! `cargo xtask test` starts the server. With `KEEL_RECORD_HISTORIES=1` the runs of these tests are stored anew.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "this is a test: it may panic, and it is not replayed"
)]

mod fakes;
mod gate;
mod harness;
mod orders;
mod replay;
mod tasks;
