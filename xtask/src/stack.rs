//! The processes that make up a running Keel, each of which dies with the value that holds it.

mod command;
pub mod http;
mod keel;
mod load;
mod ports;
mod postgres;
mod probe;
mod sandbox;
mod series;
mod service;
mod temporal;
mod whole;
mod worker;

pub use command::clean_environment;
pub use keel::{Keel, sample_order};
pub use load::{Account, Attempts, Flow, Load, Wave};
pub use ports::free_port;
pub use postgres::Postgres;
pub use probe::Probe;
pub use sandbox::{Effects, Sandbox, effects_at};
pub use series::Page;
pub use service::{Logs, Service, is_running};
pub use temporal::{DYNAMIC_CONFIG, SEARCH_ATTRIBUTES, ServerOptions, TemporalServer};
pub use whole::{Plan, Stack};
pub use worker::{Exit, Worker, WorkerSettings};

/// The task queue of every stack; the same name as the wire contract's default.
pub const TASK_QUEUE: &str = "production-queue";
/// The namespace of every stack.
pub const NAMESPACE: &str = "default";
