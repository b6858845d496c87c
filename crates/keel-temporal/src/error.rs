//! Why a connection failed, and what to do about it.

use std::error::Error;
use std::time::Duration;

use temporalio_client::errors::ClientConnectError;
use temporalio_client::tonic::{Code, Status};

use crate::options::Target;

/// Why there is no connection. Every message names the address and the next step.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The settings cannot work; no attempt was made.
    #[error("cannot connect to Temporal at {address}: {problem}")]
    Settings {
        /// The address as given.
        address: String,
        /// What is wrong.
        problem: String,
    },
    /// The host has no address.
    #[error(
        "cannot connect to Temporal at {address}: the name `{host}` does not resolve; check temporal.address"
    )]
    Unresolved {
        /// The address.
        address: String,
        /// The host in it.
        host: String,
        /// What the resolver says.
        #[source]
        source: std::io::Error,
    },
    /// Nothing listens there.
    #[error(
        "cannot connect to Temporal at {address}: nothing listens there; is the server up? `cargo xtask up` starts \
         one, TEMPORAL_ADDRESS or --address names another"
    )]
    Refused {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The host did not answer in time.
    #[error(
        "cannot connect to Temporal at {address}: no answer within {limit:?}; check the address and firewalls, or \
         raise temporal.connect_timeout"
    )]
    Silent {
        /// The address.
        address: String,
        /// How long it was given.
        limit: Duration,
    },
    /// The network refuses in some other way.
    #[error(
        "cannot connect to Temporal at {address}: the host cannot be reached; check the network and the address"
    )]
    Unreachable {
        /// The address.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// TLS could not be agreed on.
    #[error("cannot connect to Temporal at {address}: TLS failed: {reason}; {remedy}")]
    Tls {
        /// The address.
        address: String,
        /// What the TLS library says.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Something listens, but it does not speak as Temporal does.
    #[error(
        "cannot connect to Temporal at {address}: the server there does not answer as Temporal does; if it expects \
         TLS, write https:// or set temporal.tls.enabled"
    )]
    NotTemporal {
        /// The address.
        address: String,
        /// What the SDK says.
        #[source]
        source: Box<ClientConnectError>,
    },
    /// The server does not accept us.
    #[error(
        "Temporal at {address} refuses our credentials; check temporal.api_key (or api_key_file) and the client \
         certificate, and that they may use the namespace"
    )]
    Credentials {
        /// The address.
        address: String,
        /// The server's answer.
        #[source]
        source: Box<Status>,
    },
    /// The server is fine, the namespace is not there.
    #[error(
        "Temporal at {address} has no namespace `{namespace}`; create it with `temporal operator namespace create \
         --namespace {namespace} --address {authority}`, or set TEMPORAL_NAMESPACE or --namespace to one that exists"
    )]
    NamespaceNotFound {
        /// The address.
        address: String,
        /// The namespace asked for.
        namespace: String,
        /// Host and port, as the command line of Temporal wants them.
        authority: String,
    },
    /// The server answers with an error of its own.
    #[error("Temporal at {address} is not ready: it answers {code:?}; see the server's log")]
    Server {
        /// The address.
        address: String,
        /// The gRPC code.
        code: Code,
        /// The server's answer.
        #[source]
        source: Box<Status>,
    },
}

impl ConnectError {
    pub(crate) fn settings(target: &Target, problem: &str) -> Self {
        Self::Settings { address: target.shown(), problem: problem.to_owned() }
    }

    /// What a TLS library says, with the remedy if it is known.
    pub(crate) fn tls(target: &Target, reason: &str) -> Self {
        let (reason, remedy) = tls_failure(&[reason.to_owned()])
            .unwrap_or_else(|| (reason.to_owned(), "check the address and temporal.tls"));
        Self::Tls { address: target.shown(), reason, remedy }
    }

    /// Whether the same attempt may succeed a little later.
    #[must_use]
    pub const fn may_heal(&self) -> bool {
        match self {
            Self::Unresolved { .. }
            | Self::Refused { .. }
            | Self::Silent { .. }
            | Self::Unreachable { .. }
            | Self::NotTemporal { .. }
            | Self::NamespaceNotFound { .. }
            | Self::Server { .. } => true,
            Self::Settings { .. } | Self::Tls { .. } | Self::Credentials { .. } => false,
        }
    }

    /// Sorts out what the SDK reports for an address that does accept connections.
    pub(crate) fn from_connect(target: &Target, error: ClientConnectError) -> Self {
        let address = target.shown();
        let words = chain(&error);
        if target.url.scheme() == "https"
            && let Some((reason, remedy)) = tls_failure(&words)
        {
            return Self::Tls { address, reason, remedy };
        }
        match error {
            ClientConnectError::SystemInfoCallError(status) if is_answer(&status) => {
                Self::from_status(target, "", status)
            }
            ClientConnectError::DnsResolutionError { host, source } => {
                Self::Unresolved { address, host, source }
            }
            error @ (ClientConnectError::InvalidUri(_)
            | ClientConnectError::InvalidHeaders(_)
            | ClientConnectError::InvalidConfig(_)) => Self::settings(target, &error.to_string()),
            error => Self::NotTemporal { address, source: Box::new(error) },
        }
    }

    /// Sorts out an answer of the server.
    pub(crate) fn from_status(target: &Target, namespace: &str, status: Status) -> Self {
        let address = target.shown();
        match status.code() {
            Code::Unauthenticated | Code::PermissionDenied => {
                Self::Credentials { address, source: Box::new(status) }
            }
            Code::NotFound if !namespace.is_empty() => Self::NamespaceNotFound {
                address,
                namespace: namespace.to_owned(),
                authority: format!("{}:{}", target.host(), target.port()),
            },
            code => Self::Server { address, code, source: Box::new(status) },
        }
    }
}

/// Whether a status came from the server rather than from a broken connection.
fn is_answer(status: &Status) -> bool {
    status.source().is_none() && status.code() != Code::Unknown
}

/// All messages of an error and its causes, outermost first.
fn chain(error: &ClientConnectError) -> Vec<String> {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    if let ClientConnectError::SystemInfoCallError(status) = error {
        cause = status.source();
    }
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words
}

/// The TLS library's own words and the remedy, if TLS is what failed.
fn tls_failure(words: &[String]) -> Option<(String, &'static str)> {
    const MARKS: [(&str, &str); 6] = [
        ("InvalidContentType", "the server seems not to speak TLS: write http:// or turn temporal.tls off"),
        ("UnknownIssuer", "set temporal.tls.ca_file to the authority that signed the server's certificate"),
        ("not valid for name", "set temporal.tls.server_name to a name the certificate carries"),
        ("CertificateRequired", "set temporal.tls.cert_file and temporal.tls.key_file"),
        ("invalid peer certificate", "check temporal.tls.ca_file and temporal.tls.server_name"),
        ("received fatal alert", "check the client certificate and temporal.tls.server_name"),
    ];
    let all = words.join(": ");
    let (_, remedy) = MARKS.iter().find(|(mark, _)| all.contains(mark))?;
    // The innermost cause is the library's own sentence; the outer ones only say that transport failed.
    Some((words.last().cloned().unwrap_or_default(), remedy))
}
