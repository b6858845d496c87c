//! Where the store is and how long it may take.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// Settings of section `[store]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreOptions {
    /// `sqlite://path/to/file` (its folder is created) or `postgres://user:password@host/database`. Default
    /// `sqlite://data/keel.db`. Change it to PostgreSQL when more than one machine runs workers.
    pub url: StoreUrl,
    /// File that holds [`StoreOptions::url`], as containers deliver secrets. Whoever loads the settings reads it.
    pub url_file: Option<PathBuf>,
    /// Most connections of one worker, 1 to 1000. Default 16. SQLite uses one of them for writing.
    pub max_connections: u32,
    /// Longest wait for a free connection, 100 ms to 10 min. Default 10 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub acquire_timeout: Duration,
    /// Longest time for one operation once it has a connection, 100 ms to 10 min. Default 10 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub statement_timeout: Duration,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            url: StoreUrl("sqlite://data/keel.db".to_owned()),
            url_file: None,
            max_connections: 16,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

impl StoreOptions {
    /// The default settings with another store.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: StoreUrl(url.into()), ..Self::default() }
    }

    /// Every mistake, as `store.key: what is wrong and what to do`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(problem) = self.url.dialect() {
            problems.push(format!("store.url: {problem}"));
        }
        if !(1..=1000).contains(&self.max_connections) {
            problems.push(format!(
                "store.max_connections: must be from 1 to 1000, found {}",
                self.max_connections
            ));
        }
        for (name, value) in
            [("acquire_timeout", self.acquire_timeout), ("statement_timeout", self.statement_timeout)]
        {
            if !(Duration::from_millis(100)..=Duration::from_secs(600)).contains(&value) {
                problems.push(format!("store.{name}: must be from 100ms to 10m, found {value:?}"));
            }
        }
        problems
    }
}

/// The kind of database a URL names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One file on this machine.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

/// A store's URL. It may hold a password, so it shows itself without one, in logs and when it is serialised.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

impl StoreUrl {
    /// The URL as given, with its secrets: only for connecting.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Which database it names.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn dialect(&self) -> Result<Dialect, String> {
        if let Some(path) = self.0.strip_prefix("sqlite:") {
            let path = path.trim_start_matches("//");
            let memory = path.is_empty() || path.starts_with(":memory:") || path.contains("mode=memory");
            return if memory {
                Err("SQLite needs a file, as in sqlite://data/keel.db".to_owned())
            } else {
                Ok(Dialect::Sqlite)
            };
        }
        match Url::parse(&self.0) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Dialect::Postgres),
            Ok(_) => Err("must start with sqlite: or postgres:".to_owned()),
            Err(error) => Err(format!(
                "is not a URL ({error}): write sqlite://data/keel.db or postgres://user@host/database"
            )),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.starts_with("sqlite:") {
            return f.write_str(&self.0);
        }
        let Ok(mut url) = Url::parse(&self.0) else {
            return f.write_str("<unreadable store url>");
        };
        if url.password().is_some() && url.set_password(Some("***")).is_err() {
            return f.write_str("<store url without host>");
        }
        // Parameters may hold keys and passwords too.
        if url.query().is_some() {
            url.set_query(Some("***"));
        }
        f.write_str(url.as_str())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::StoreOptions;

    #[test]
    fn a_password_is_never_shown() {
        let options = StoreOptions::at("postgres://keel:hunter2@db:5432/keel?sslpassword=hunter2");
        let json = serde_json::to_string(&options).expect("options serialise");
        for shown in [format!("{options:?}"), options.url.to_string(), json] {
            assert!(!shown.contains("hunter2"), "{shown}");
            assert!(shown.contains("keel:***@db"), "{shown}");
        }
        assert_eq!(options.problems(), Vec::<String>::new());
    }

    #[test]
    fn every_mistake_is_named_at_once() {
        let mut options = StoreOptions::at("mysql://root:hunter2@db/keel");
        options.max_connections = 0;
        options.statement_timeout = std::time::Duration::ZERO;
        let problems = options.problems();
        assert_eq!(problems.len(), 3, "{problems:?}");
        assert_eq!(problems[0], "store.url: must start with sqlite: or postgres:");
        assert!(!problems.concat().contains("hunter2"));
        assert!(StoreOptions::at("sqlite::memory:").problems()[0].contains("needs a file"));
        assert!(StoreOptions::default().problems().is_empty());
        let read: StoreOptions = serde_json::from_str(r#"{"acquire_timeout": "30s"}"#).expect("options");
        assert_eq!(read.acquire_timeout.as_secs(), 30);
    }
}
