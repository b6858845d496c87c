//! The providers: payments and courier, asked over HTTP.
//!
//! Every call carries an idempotency key, so it may be repeated at any time. A refusal is an answer;
//! everything else that is not the protocol is a fault.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

mod courier;
mod http;
mod payment;
mod trace;

pub use courier::CourierClient;
pub use payment::PaymentClient;

/// Settings of the sections `[payments]` and `[courier]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

const fn default_connect() -> Duration {
    Duration::from_secs(2)
}

const fn default_total() -> Duration {
    Duration::from_secs(10)
}

impl ProviderOptions {
    /// The default timeouts with this address.
    #[must_use]
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: ProviderUrl(url.into()), connect_timeout: default_connect(), timeout: default_total() }
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
}

impl Section {
    fn or(self, default: ProviderOptions) -> ProviderOptions {
        ProviderOptions {
            url: self.url.unwrap_or(default.url),
            connect_timeout: self.connect_timeout,
            timeout: self.timeout,
        }
    }
}

/// A provider's address. It may hold credentials, so it shows itself without them, in logs and when it is
/// serialised.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct ProviderUrl(String);

impl ProviderUrl {
    fn parse(&self) -> Result<Url, String> {
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
fn without_credentials(url: &Url) -> String {
    let mut shown = url.clone();
    // Both fail only for URLs without a host, which hold no credentials either.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.into()
}

/// Why a client of a provider cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The settings are wrong.
    #[error("{}", .0.join("; "))]
    Options(Vec<String>),
    /// The TLS set-up of this machine cannot be read.
    #[error("cannot set up HTTP for the {provider} provider: check this machine's certificate store")]
    Http {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What the HTTP library says.
        #[source]
        source: reqwest::Error,
    },
}

/// Why a provider did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// It understood and refused; it will refuse again.
    #[error("the {provider} provider refused {operation} for order {order_id}: {message}")]
    Refused {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it was asked.
        operation: &'static str,
        /// The order.
        order_id: String,
        /// Its reason.
        message: String,
    },
    /// It is away, slow or broken; whether it did what it was asked is not known.
    #[error(
        "the {provider} provider did not answer {operation} at {url}: {what}; check it and `{provider}.url`"
    )]
    Unavailable {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it was asked.
        operation: &'static str,
        /// Where, without credentials.
        url: String,
        /// What was seen instead of an answer.
        what: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
        /// What the HTTP library says.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// It answered something that is not the protocol.
    #[error(
        "the {provider} provider answered {operation} at {url} with something else: {what}; \
         check that `{provider}.url` points to the provider"
    )]
    Protocol {
        /// `payments` or `courier`.
        provider: &'static str,
        /// What it was asked.
        operation: &'static str,
        /// Where, without credentials.
        url: String,
        /// What it answered, shortened.
        what: String,
    },
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
