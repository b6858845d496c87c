//! What a Keel process says about itself: logs, metrics and health.
//!
//! [`init`] installs the one subscriber of the process and returns a [`Guard`] that the program keeps until its end.
//! Logs go to stderr, so that stdout stays free for data. The crate holds no other global state and never logs on its
//! own account.

mod filter;
pub mod health;
pub mod http;
pub mod metrics;
mod options;

pub use filter::directives;
pub use health::Health;
pub use http::{HttpOptions, HttpServer};
pub use metrics::Metrics;
pub use options::{LogFormat, LogOptions};

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `log.level` cannot be understood.
    #[error(
        "log.level `{level}` is not a level or a list of filters; write info, debug, or `info,keel_worker=debug`"
    )]
    Level {
        /// The level as given.
        level: String,
        /// What the parser says.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process already has a subscriber.
    #[error("logging was set up twice in one process; call `keel_telemetry::init` once, in main")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Keeps telemetry alive; hold it until the program ends.
#[derive(Debug)]
#[must_use = "telemetry ends when the guard is dropped"]
pub struct Guard {
    _private: (),
}

/// Sets up telemetry for this process. Call it once, in main, before anything logs.
///
/// # Errors
/// [`Error::Level`] for a level that cannot be read; [`Error::Twice`] if the process already has a subscriber.
pub fn init(options: &LogOptions) -> Result<Guard, Error> {
    let level = &options.level;
    let filter = EnvFilter::builder()
        .parse(directives(level))
        .map_err(|source| Error::Level { level: level.clone(), source })?;
    let layer = layer(options.format).with_filter(filter);
    Registry::default().with(layer).try_init().map_err(Error::Twice)?;
    Ok(Guard { _private: () })
}

fn layer(format: LogFormat) -> Box<dyn Layer<Registry> + Send + Sync> {
    let terminal = std::io::stderr().is_terminal();
    let plain = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    match format {
        LogFormat::Auto if terminal => plain.with_ansi(use_colour()).boxed(),
        LogFormat::Pretty => plain.with_ansi(terminal && use_colour()).boxed(),
        LogFormat::Auto | LogFormat::Json => plain.json().flatten_event(true).with_ansi(false).boxed(),
    }
}

/// See <https://no-color.org>.
fn use_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
