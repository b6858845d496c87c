//! Where a provider is, how long it may take, and how much it may take of this process.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::breaker::BreakerOptions;

/// Settings of the sections `[payments]` and `[courier]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderOptions {
    /// Address of the provider's API, `http://` or `https://`. Credentials in it are sent but never shown.
    pub url: ProviderUrl,
    /// Longest wait for a connection, 10 ms to 5 min. Default 2 s.
    #[serde(
        default = "default_connect",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub connect_timeout: Duration,
    /// Longest wait for a whole answer, connecting included, 10 ms to 5 min. Default 10 s. Keep it below the
    /// activity's start-to-close timeout, so that the reason is reported and not only the lateness.
    #[serde(
        default = "default_total",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub timeout: Duration,
    /// Calls at once from this process, 1 to 10000; as many more wait. Default 24. Keep twice the sum over the providers
    /// below `worker.max_concurrent_activities`, so that a slow provider leaves slots to everything else.
    #[serde(default = "default_in_flight")]
    pub max_in_flight: usize,
    /// Longest wait for a place among them, and for the outcome of the circuit breaker's trials, up to 1 min. Default
    /// 500 ms; then the activity is retried later.
    #[serde(
        default = "default_queue",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    pub queue_timeout: Duration,
    /// When calls are not even tried.
    #[serde(default)]
    pub breaker: BreakerOptions,
}

const fn default_connect() -> Duration {
    Duration::from_secs(2)
}

const fn default_total() -> Duration {
    Duration::from_secs(10)
}

const fn default_in_flight() -> usize {
    24
}

const fn default_queue() -> Duration {
    Duration::from_millis(500)
}

impl ProviderOptions {
    /// The default timeouts with this address.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self {
            url: ProviderUrl(url.into()),
            connect_timeout: default_connect(),
            timeout: default_total(),
            max_in_flight: default_in_flight(),
            queue_timeout: default_queue(),
            breaker: BreakerOptions::default(),
        }
    }

    /// The default of section `[payments]`: the sandbox on this machine.
    #[must_use]
    pub fn payments() -> Self {
        Self::at("http://127.0.0.1:8079/payments")
    }

    /// The default of section `[courier]`: the sandbox on this machine.
    #[must_use]
    pub fn courier() -> Self {
        Self::at("http://127.0.0.1:8079/courier")
    }

    /// Reads section `[payments]`, where the address may be left out.
    ///
    /// # Errors
    /// What serde says about the first key that is unknown or wrong.
    pub fn deserialize_payments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Section::deserialize(deserializer).map(|section| section.or(Self::payments()))
    }

    /// Reads section `[courier]`, where the address may be left out.
    ///
    /// # Errors
    /// What serde says about the first key that is unknown or wrong.
    pub fn deserialize_courier<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Section::deserialize(deserializer).map(|section| section.or(Self::courier()))
    }

    /// How long a call takes at most: the waits for a place and for the outcome of trials, and the call itself.
    #[must_use]
    pub fn longest_call(&self) -> Duration {
        self.timeout + self.queue_timeout * 2
    }

    /// Every mistake, as `section.key: what is wrong and what to do`; `section` is `payments` or `courier`.
    #[must_use]
    pub fn problems(&self, section: &str) -> Vec<String> {
        let mut problems = Vec::new();
        if let Err(problem) = self.url.parse() {
            problems.push(format!("{section}.url: {problem}"));
        }
        for (name, value) in [("connect_timeout", self.connect_timeout), ("timeout", self.timeout)] {
            if !(Duration::from_millis(10)..=Duration::from_secs(300)).contains(&value) {
                problems.push(format!("{section}.{name}: must be from 10ms to 5m, found {value:?}"));
            }
        }
        if !(1..=10_000).contains(&self.max_in_flight) {
            problems.push(format!(
                "{section}.max_in_flight: must be from 1 to 10000, found {}",
                self.max_in_flight
            ));
        }
        if self.queue_timeout > Duration::from_secs(60) {
            let found = self.queue_timeout;
            problems.push(format!("{section}.queue_timeout: must be at most 1m, found {found:?}"));
        }
        problems.extend(self.breaker.problems(section));
        problems
    }
}

/// A section whose address may be left out.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Section {
    url: Option<ProviderUrl>,
    #[serde(
        default = "default_connect",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    connect_timeout: Duration,
    #[serde(
        default = "default_total",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    timeout: Duration,
    #[serde(default = "default_in_flight")]
    max_in_flight: usize,
    #[serde(
        default = "default_queue",
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required"
    )]
    queue_timeout: Duration,
    #[serde(default)]
    breaker: BreakerOptions,
}

impl Section {
    fn or(self, default: ProviderOptions) -> ProviderOptions {
        ProviderOptions {
            url: self.url.unwrap_or(default.url),
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
            max_in_flight: self.max_in_flight,
            queue_timeout: self.queue_timeout,
            breaker: self.breaker,
        }
    }
}

/// A provider's address. It may hold credentials, so it shows itself without them, in logs and when it is
/// serialised.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ProviderUrl(String);

impl ProviderUrl {
    pub(super) fn parse(&self) -> Result<Url, String> {
        let url = Url::parse(&self.0).map_err(|error| {
            format!("is not a URL ({error}): write one as in http://127.0.0.1:8079/payments")
        })?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("must start with http:// or https://".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with its path, without ? and #".to_owned());
        }
        Ok(url)
    }
}

impl fmt::Display for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Url::parse(&self.0) {
            Ok(url) => f.write_str(&without_credentials(&url)),
            Err(_) => f.write_str("<unreadable url>"),
        }
    }
}

impl fmt::Debug for ProviderUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for ProviderUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The URL as people may see it.
pub(super) fn without_credentials(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs without a host, which hold no credentials either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::ProviderOptions;

    #[test]
    fn credentials_are_never_shown_and_mistakes_are_named() {
        let options = ProviderOptions::at("https://shop:hunter2@pay.example/api");
        assert_eq!(options.url.to_string(), "https://pay.example/api");
        assert!(!format!("{options:?}").contains("hunter2"));
        assert!(options.problems("payments").is_empty());
        let mut section = serde_json::Deserializer::from_str(r#"{"timeout": "3s"}"#);
        let read = ProviderOptions::deserialize_courier(&mut section).expect("a section");
        let expected =
            ProviderOptions { timeout: std::time::Duration::from_secs(3), ..ProviderOptions::courier() };
        assert_eq!(read, expected);
        let mut wrong = ProviderOptions::at("ftp://pay");
        wrong.timeout = std::time::Duration::ZERO;
        assert_eq!(
            wrong.problems("courier"),
            [
                "courier.url: must start with http:// or https://",
                "courier.timeout: must be from 10ms to 5m, found 0ns"
            ]
        );
    }
}
