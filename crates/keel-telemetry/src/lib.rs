//! What a Keel process says about itself: logs, metrics, traces, health.
//!
//! [`init`] installs the one subscriber of the process and returns the [`Telemetry`] that the program ends itself with.
//! Nothing in here can hold up the work it watches: queues are bounded, and what cannot be sent in time is dropped.

mod activity;
pub mod health;
pub mod http;
pub mod logs;
pub mod metrics;
mod telemetry;
pub mod traces;

pub use health::Health;
pub use http::{HttpOptions, HttpServer};
pub use logs::{LevelError, LogFormat, LogLevel, LogOptions};
pub use metrics::Metrics;
pub use telemetry::{Error, Telemetry, TelemetryOptions, init};
pub use traces::TraceOptions;
