//! The section `[temporal]`: which server, which namespace, and how to be let in.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::secret;

/// The port of a Temporal frontend, taken when an address names none.
pub const DEFAULT_PORT: u16 = 7233;

/// How to reach the Temporal server.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemporalSection {
    /// `host`, `host:port`, or with a scheme `http://` or `https://`. Default `127.0.0.1:7233`.
    pub address: String,
    /// The namespace everything happens in. Default `default`.
    pub namespace: String,
    /// API key; implies TLS. Prefer [`TemporalSection::api_key_file`].
    #[serde(serialize_with = "secret::redacted")]
    pub api_key: Option<SecretString>,
    /// File that holds the API key, as containers deliver secrets.
    pub api_key_file: Option<PathBuf>,
    /// TLS; see there.
    pub tls: TlsSection,
    /// Headers sent with every call, such as those a gateway in front of the server asks for. Shown without their
    /// values. Default none.
    #[serde(serialize_with = "secret::redacted_map")]
    pub headers: BTreeMap<String, SecretString>,
    /// Longest time for one attempt to connect, 100 ms to 10 min. Default `5s`.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub connect_timeout: Duration,
    /// How this process names itself to the server; empty takes the program's own choice. Default empty.
    pub identity: String,
}

/// TLS towards the Temporal server. Any value here, an API key, or `https://` in the address turns it on.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSection {
    /// Whether to use TLS although nothing else asks for it. Default false.
    pub enabled: bool,
    /// Whether to use no TLS, whatever else asks for it. Default false.
    pub disabled: bool,
    /// PEM file with the certificate authorities to trust; the system's by default.
    pub ca_file: Option<PathBuf>,
    /// The same, as PEM text.
    pub ca_data: Option<String>,
    /// PEM file with the client certificate; needs a client key.
    pub cert_file: Option<PathBuf>,
    /// The same, as PEM text.
    pub cert_data: Option<String>,
    /// PEM file with the client's private key; needs a client certificate.
    pub key_file: Option<PathBuf>,
    /// The same, as PEM text. Prefer [`TlsSection::key_file`].
    #[serde(serialize_with = "secret::redacted")]
    pub key_data: Option<SecretString>,
    /// The name the server's certificate must carry; the host of the address by default.
    pub server_name: Option<String>,
}

impl Default for TemporalSection {
    fn default() -> Self {
        Self {
            address: format!("127.0.0.1:{DEFAULT_PORT}"),
            namespace: "default".to_owned(),
            api_key: None,
            api_key_file: None,
            tls: TlsSection::default(),
            headers: BTreeMap::new(),
            connect_timeout: Duration::from_secs(5),
            identity: String::new(),
        }
    }
}

impl TlsSection {
    fn is_wanted(&self) -> bool {
        !self.disabled
            && (self.enabled
                || self.has_ca()
                || self.has_cert()
                || self.has_key()
                || self.server_name.is_some())
    }

    const fn has_ca(&self) -> bool {
        self.ca_file.is_some() || self.ca_data.is_some()
    }

    const fn has_cert(&self) -> bool {
        self.cert_file.is_some() || self.cert_data.is_some()
    }

    const fn has_key(&self) -> bool {
        self.key_file.is_some() || self.key_data.is_some()
    }

    /// The authorities to trust, as PEM; `None` stands for the system's.
    ///
    /// # Errors
    /// One sentence that names the unreadable file.
    pub fn read_ca(&self) -> Result<Option<Vec<u8>>, String> {
        read(self.ca_file.as_deref(), self.ca_data.as_deref())
    }

    /// The client's certificate, as PEM.
    ///
    /// # Errors
    /// One sentence that names the unreadable file.
    pub fn read_cert(&self) -> Result<Option<Vec<u8>>, String> {
        read(self.cert_file.as_deref(), self.cert_data.as_deref())
    }

    /// The client's private key, as PEM.
    ///
    /// # Errors
    /// One sentence that names the unreadable file.
    pub fn read_key(&self) -> Result<Option<Vec<u8>>, String> {
        read(self.key_file.as_deref(), self.key_data.as_ref().map(ExposeSecret::expose_secret))
    }

    /// Every mistake in this part of the section.
    fn problems(&self, problems: &mut Vec<String>) {
        match (self.has_cert(), self.has_key()) {
            (true, false) => problems
                .push("temporal.tls.key_file: is missing; a client certificate needs its key".to_owned()),
            (false, true) => problems
                .push("temporal.tls.cert_file: is missing; a client key needs its certificate".to_owned()),
            _ => {}
        }
        for (name, file) in
            [("ca_file", &self.ca_file), ("cert_file", &self.cert_file), ("key_file", &self.key_file)]
        {
            if let Some(path) = file.as_ref().filter(|path| !path.is_file()) {
                problems.push(format!(
                    "temporal.tls.{name}: there is no file {}; put it there or correct the name",
                    path.display()
                ));
            }
        }
    }
}

fn read(file: Option<&Path>, data: Option<&str>) -> Result<Option<Vec<u8>>, String> {
    match (data, file) {
        (Some(data), _) => Ok(Some(data.as_bytes().to_vec())),
        (None, Some(path)) => {
            let text = std::fs::read(path);
            text.map(Some).map_err(|error| format!("cannot read {}: {error}", path.display()))
        }
        (None, None) => Ok(None),
    }
}

impl TemporalSection {
    /// The server's address with its scheme and port.
    ///
    /// # Errors
    /// One sentence that says what is wrong with the address.
    pub fn url(&self) -> Result<Url, String> {
        let text = self.address.trim();
        let (scheme, authority) = match text.split_once("://") {
            Some((scheme @ ("http" | "https"), authority)) => (scheme, authority),
            Some((scheme, _)) => {
                return Err(format!("scheme `{scheme}` is not http or https; write host:port"));
            }
            None if self.tls.is_wanted() || (self.has_api_key() && !self.tls.disabled) => ("https", text),
            None => ("http", text),
        };
        let authority = authority.trim_end_matches('/');
        let bad = || format!("`{text}` is not an address; write host:port, such as 127.0.0.1:{DEFAULT_PORT}");
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(bad());
        }
        let port = if has_port(authority) { String::new() } else { format!(":{DEFAULT_PORT}") };
        Url::parse(&format!("{scheme}://{authority}{port}")).map_err(|_| bad())
    }

    /// Whether the connection uses TLS. An API key always asks for it, except to `http://` on this very machine.
    #[must_use]
    pub fn uses_tls(&self) -> bool {
        self.url().is_ok_and(|url| url.scheme() == "https")
    }

    /// The API key, from whichever place holds it.
    ///
    /// # Errors
    /// One sentence that names the unreadable file.
    pub fn resolve_api_key(&self) -> Result<Option<SecretString>, String> {
        match (&self.api_key, &self.api_key_file) {
            (Some(key), _) => Ok(Some(key.clone())),
            (None, Some(path)) => secret::read_file(path).map(Some),
            (None, None) => Ok(None),
        }
    }

    /// Every mistake in this section.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        match self.url() {
            Err(problem) => problems.push(format!("temporal.address: {problem}")),
            Ok(url) => problems.extend(self.scheme_problem(&url)),
        }
        if self.namespace.trim().is_empty() {
            problems.push("temporal.namespace: is empty; name a namespace, such as `default`".to_owned());
        }
        if let Err(problem) = self.resolve_api_key() {
            problems.push(format!("temporal.api_key_file: {problem}"));
        }
        for name in self.headers.keys().filter(|name| !is_header_name(name)) {
            problems.push(format!(
                "temporal.headers: `{name}` is not a header name; use lower-case letters, digits and dashes, and no \
                 name that starts with grpc- or ends with -bin"
            ));
        }
        self.tls.problems(&mut problems);
        if !(Duration::from_millis(100)..=Duration::from_secs(600)).contains(&self.connect_timeout) {
            problems.push(format!(
                "temporal.connect_timeout: {:?} is not between 100ms and 10m",
                self.connect_timeout
            ));
        }
        problems
    }

    fn has_api_key(&self) -> bool {
        self.api_key.is_some() || self.api_key_file.is_some()
    }

    fn scheme_problem(&self, url: &Url) -> Option<String> {
        if url.scheme() == "https" {
            return self.tls.disabled.then(|| {
                "temporal.tls.disabled: turns TLS off, but temporal.address starts with https://; keep one of them"
                    .to_owned()
            });
        }
        if self.tls.is_wanted() {
            return Some(
                "temporal.address: starts with http:// but temporal.tls asks for TLS; write https:// or leave the \
                 scheme out"
                    .to_owned(),
            );
        }
        (self.has_api_key() && !is_loopback(url)).then(|| {
            format!(
                "temporal.address: the API key would travel in clear text to {url}; write https:// or leave the \
                 scheme out"
            )
        })
    }
}

/// Whether the address is this very machine, named as such.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip).is_loopback(),
        None => false,
    }
}

fn is_header_name(name: &str) -> bool {
    let good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.bytes().all(good) && !name.starts_with("grpc-") && !name.ends_with("-bin")
}

fn has_port(authority: &str) -> bool {
    let after_brackets = authority.rsplit(']').next().unwrap_or(authority);
    after_brackets.contains(':')
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::TemporalSection;

    fn at(address: &str) -> TemporalSection {
        TemporalSection { address: address.to_owned(), ..TemporalSection::default() }
    }

    fn with_key(address: &str) -> TemporalSection {
        TemporalSection { api_key: Some(SecretString::from("k")), ..at(address) }
    }

    fn shown(section: &TemporalSection) -> String {
        section.url().map_or_else(|problem| problem, |url| url.to_string())
    }

    #[test]
    fn an_address_may_leave_out_scheme_and_port() {
        assert_eq!(shown(&at("localhost")), "http://localhost:7233/");
        assert_eq!(shown(&at("10.0.0.1:1234")), "http://10.0.0.1:1234/");
        assert_eq!(shown(&at("[::1]")), "http://[::1]:7233/");
        assert_eq!(shown(&at("https://x.tmprl.cloud")), "https://x.tmprl.cloud:7233/");
        for bad in ["", "ftp://x", "x:port", "http://user@x", "x/path"] {
            assert_eq!(at(bad).problems().len(), 1, "`{bad}` should be refused: {:?}", at(bad).problems());
        }
    }

    #[test]
    fn an_api_key_never_travels_in_clear_text_to_another_machine() {
        assert!(with_key("x.tmprl.cloud:7233").uses_tls());
        assert!(with_key("127.0.0.1:7233").uses_tls());
        assert!(!with_key("http://127.0.0.1:7233").uses_tls());
        assert_eq!(with_key("http://127.0.0.1:7233").problems(), Vec::<String>::new());
        let problems = with_key("http://example.com:7233").problems();
        assert!(problems[0].contains("clear text to http://example.com:7233/"), "{problems:?}");
    }

    #[test]
    fn tls_settings_are_checked_together() {
        let mut section = at("example.com:7233");
        section.tls.cert_file = Some("/nonexistent.pem".into());
        assert_eq!(
            section.problems(),
            [
                "temporal.tls.key_file: is missing; a client certificate needs its key",
                "temporal.tls.cert_file: there is no file /nonexistent.pem; put it there or correct the name"
            ]
        );
        let mut plain = at("http://example.com:7233");
        plain.tls.enabled = true;
        assert!(plain.problems()[0].contains("write https://"), "{:?}", plain.problems());
    }
}
