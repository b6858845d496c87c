//! Black-box scenarios over real processes; `cargo xtask test` runs them.

#![allow(clippy::unwrap_used, reason = "this is a test: it may panic")]

mod alerts;
mod bad_input;
mod crashes;
mod dashboards;
mod datasets;
mod diagnosis;
mod fleet;
mod interop;
mod logs;
mod metrics;
mod orders;
mod shutdown;
mod supervision;
mod traces;
