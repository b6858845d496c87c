//! The section `[log]`.

use serde::{Deserialize, Serialize};
use tracing_subscriber::EnvFilter;

use crate::logs::directives;

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogOptions {
    /// `off`, `error`, `warn`, `info`, `debug` or `trace`, optionally followed by filters such as
    /// `,keel_worker=debug,temporalio_sdk_core=info`. The SDK and the network libraries stay quieter than this unless
    /// they are named. Default `info`.
    pub level: String,
    /// How a line looks. Default `auto`.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text for people on a terminal, JSON everywhere else.
    #[default]
    Auto,
    /// Text for people.
    Pretty,
    /// One JSON object a line.
    Json,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl LogOptions {
    /// Every mistake in this section.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let parsed = EnvFilter::builder().parse(directives(&self.level));
        let problem = parsed.err().map(|error| {
            let level = &self.level;
            format!(
                "log.level: `{level}` is not a level or a list of filters ({error}); write info, debug, or \
                 `info,keel_worker=debug`"
            )
        });
        problem.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{LogFormat, LogOptions};

    fn check(level: &str, fine: bool) {
        let options = LogOptions { level: level.to_owned(), ..LogOptions::default() };
        assert_eq!(options.problems().is_empty(), fine, "`{level}`: {:?}", options.problems());
    }

    #[test]
    fn levels_and_filters_are_checked() {
        for level in ["info", "off", "debug,keel_worker=trace", "warn,temporalio_sdk_core=debug"] {
            check(level, true);
        }
        for level in ["", "info,keel_worker=loud", "a=b=c"] {
            check(level, false);
        }
    }

    #[test]
    fn the_section_reads_as_documented() {
        let options: LogOptions = serde_json::from_str(r#"{"format": "json"}"#).unwrap();
        assert_eq!(options, LogOptions { level: "info".to_owned(), format: LogFormat::Json });
        assert!(serde_json::from_str::<LogOptions>(r#"{"levle": "info"}"#).is_err());
    }
}
