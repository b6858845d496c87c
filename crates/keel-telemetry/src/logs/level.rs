//! The level of the logs, changeable while the process runs.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::{EnvFilter, Registry, reload};

use super::directives;

/// Why a level was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LevelError {
    /// The text is neither a level nor a list of filters.
    #[error("`{level}` is not a level or a list of filters; write info, debug, or `info,keel_worker=debug`")]
    Unknown {
        /// The text as given.
        level: String,
        /// What the parser says.
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    /// The process has no subscriber any more.
    #[error("the log level cannot be changed while the process ends")]
    Gone(#[source] reload::Error),
}

/// The level of this process's logs. Clones share it.
#[derive(Clone, Debug)]
pub struct LogLevel {
    current: Arc<Mutex<String>>,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl LogLevel {
    pub(crate) fn new(level: &str) -> Result<(reload::Layer<EnvFilter, Registry>, Self), LevelError> {
        let (layer, filter) = reload::Layer::new(parse(level)?);
        Ok((layer, Self { current: Arc::new(Mutex::new(level.to_owned())), filter }))
    }

    /// The level as it was set last, such as `info` or `info,keel_worker=debug`.
    #[must_use]
    pub fn current(&self) -> String {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the level at once, until the next change or the end of the process. Takes what `log.level` takes.
    ///
    /// # Errors
    /// [`LevelError`]; the level is then as before.
    pub fn set(&self, level: &str) -> Result<(), LevelError> {
        let filter = parse(level.trim())?;
        // Held during the change, so that two changes at once end with text and effect alike.
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        self.filter.reload(filter).map_err(LevelError::Gone)?;
        level.trim().clone_into(&mut current);
        Ok(())
    }
}

fn parse(level: &str) -> Result<EnvFilter, LevelError> {
    EnvFilter::builder()
        .parse(directives(level))
        .map_err(|source| LevelError::Unknown { level: level.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{Layer, Registry};

    use super::LogLevel;

    #[test]
    fn a_change_takes_effect_at_once_and_a_wrong_one_changes_nothing() {
        let (filter, level) = LogLevel::new("info").unwrap();
        let subscriber = Registry::default().with(tracing_subscriber::fmt::layer().with_filter(filter));
        tracing::subscriber::with_default(subscriber, || {
            assert!(!tracing::enabled!(tracing::Level::DEBUG));
            level.set(" debug ").unwrap();
            assert!(tracing::enabled!(tracing::Level::DEBUG));
            assert_eq!(level.current(), "debug");
            for wrong in ["", "loud=loud", "a=b=c"] {
                assert!(level.set(wrong).is_err(), "`{wrong}`");
            }
            assert_eq!(level.current(), "debug");
            level.set("off").unwrap();
            assert!(!tracing::enabled!(tracing::Level::ERROR));
        });
        assert!(level.set("info").unwrap_err().to_string().contains("while the process ends"));
    }
}
