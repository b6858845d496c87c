//! Black-box tests of Keel: real processes, real server, real files.
//!
//! This library is the harness; the scenarios are in `tests/it`. It knows the command line, HTTP and files, and no crate of
//! the workspace. `cargo xtask test` builds the binaries, starts the server and passes both in the environment.

mod collector;
mod process;
mod prometheus;
mod rules;
mod server;
mod wait;
mod world;

pub use collector::{Collector, Span};
pub use process::Output;
pub use prometheus::Prometheus;
pub use server::{Server, free_port};
pub use wait::{DEADLINE, eventually};
pub use world::{Guest, World, unique};
