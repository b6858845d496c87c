//! From settings to the SDK's connection options.

use std::collections::HashMap;

use keel_config::TemporalSection;
use secrecy::{ExposeSecret, SecretString};
use temporalio_client::{ClientTlsOptions, ConnectionOptions, TlsOptions};
use url::Url;

use crate::error::ConnectError;
use crate::instruments::Instruments;

/// Where the server is, ready to be dialled and to be shown.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) url: Url,
}

impl Target {
    pub(crate) fn new(section: &TemporalSection) -> Result<Self, ConnectError> {
        let problems = section.problems();
        match section.url() {
            Ok(url) if problems.is_empty() => Ok(Self { url }),
            _ => {
                Err(ConnectError::Settings { address: section.address.clone(), problem: problems.join("; ") })
            }
        }
    }

    /// The address for messages, without the slash that `Url` adds.
    pub(crate) fn shown(&self) -> String {
        self.url.as_str().trim_end_matches('/').to_owned()
    }

    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(keel_config::temporal::DEFAULT_PORT)
    }
}

pub(crate) fn connection_options(
    section: &TemporalSection,
    target: &Target,
    identity: &str,
    instruments: &Instruments,
) -> Result<ConnectionOptions, ConnectError> {
    let key = section.resolve_api_key().map_err(|problem| ConnectError::settings(target, &problem))?;
    // The SDK does not turn TLS on for an API key, whatever its documentation says: without these options the key
    // would travel in clear text.
    let tls = if section.uses_tls() { Some(tls_options(section, target)?) } else { None };
    Ok(ConnectionOptions::new(target.url.clone())
        .identity(identity)
        .connect_timeout(section.connect_timeout)
        .maybe_api_key(key.map(|key| key.expose_secret().to_owned()))
        .maybe_tls_options(tls)
        .headers(headers(section))
        .maybe_metrics_meter(instruments.connection_meter())
        .build())
}

fn headers(section: &TemporalSection) -> HashMap<String, String> {
    let pair = |(name, value): (&String, &SecretString)| (name.clone(), value.expose_secret().to_owned());
    section.headers.iter().map(pair).collect()
}

fn tls_options(section: &TemporalSection, target: &Target) -> Result<TlsOptions, ConnectError> {
    let tls = &section.tls;
    let told = |problem: String| ConnectError::settings(target, &problem);
    let client = match (tls.read_cert().map_err(told)?, tls.read_key().map_err(told)?) {
        (Some(cert), Some(key)) => {
            Some(ClientTlsOptions::builder().client_cert(cert).client_private_key(key).build())
        }
        _ => None,
    };
    Ok(TlsOptions::builder()
        .maybe_server_root_ca_cert(tls.read_ca().map_err(told)?)
        .maybe_domain(tls.server_name.clone())
        .maybe_client_tls_options(client)
        .build())
}

#[cfg(test)]
mod tests {
    use keel_config::TemporalSection;

    use super::{Instruments, Target, connection_options};

    fn options(address: &str, key: Option<&str>) -> temporalio_client::ConnectionOptions {
        let section = TemporalSection {
            address: address.to_owned(),
            api_key: key.map(Into::into),
            ..TemporalSection::default()
        };
        let target = Target::new(&section).expect("a good address");
        connection_options(&section, &target, "me@here", &Instruments::default()).expect("nothing to read")
    }

    #[test]
    fn an_api_key_brings_tls_with_it() {
        let with_key = options("x.tmprl.cloud", Some("k"));
        assert!(with_key.tls_options.is_some() && with_key.api_key.as_deref() == Some("k"));
        assert_eq!(with_key.target.as_str(), "https://x.tmprl.cloud:7233/");
        assert!(options("http://127.0.0.1:7233", Some("k")).tls_options.is_none());
        let mut section = TemporalSection::default();
        section.headers.insert("x-team".to_owned(), "sales".into());
        let target = Target::new(&section).expect("the default address");
        let options_with = connection_options(&section, &target, "me", &Instruments::default());
        let headers = options_with.expect("nothing to read").headers.expect("headers");
        assert_eq!(headers.get("x-team").map(String::as_str), Some("sales"));
        let plain = options("127.0.0.1", None);
        assert!(plain.tls_options.is_none() && plain.keep_alive.is_some());
        assert_eq!((plain.identity.as_str(), plain.connect_timeout.is_some()), ("me@here", true));
    }
}
