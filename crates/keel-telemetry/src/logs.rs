//! Logs: one JSON object a line for machines, text for people on a terminal.
//!
//! Lines go to stderr, so that stdout stays free for data. `docs/logs.md` lists the fields.

mod filter;
mod json;
mod level;
mod options;

pub(crate) use filter::directives;
pub use level::{LevelError, LogLevel};
pub use options::{LogFormat, LogOptions};

use std::io::IsTerminal;

use tracing_subscriber::{Layer, Registry};

use json::JsonLines;

/// Target of spans that exist only to put fields on log lines. They never become spans of a trace.
pub const CONTEXT_TARGET: &str = "keel::context";

/// The layer that writes, with its level, which can be changed while the process runs.
pub(crate) fn layer(
    options: &LogOptions,
    role: &'static str,
    build_id: &str,
) -> Result<(Box<dyn Layer<Registry> + Send + Sync>, LogLevel), LevelError> {
    let (filter, level) = LogLevel::new(&options.level)?;
    let terminal = std::io::stderr().is_terminal();
    let pretty = match options.format {
        LogFormat::Auto => terminal,
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let layer = if pretty {
        let text = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        text.with_ansi(terminal && use_colour()).with_filter(filter).boxed()
    } else {
        JsonLines::new(std::io::stderr, role, build_id).with_filter(filter).boxed()
    };
    Ok((layer, level))
}

/// See <https://no-color.org>.
fn use_colour() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
