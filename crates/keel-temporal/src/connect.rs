//! Connecting, with a bounded wait for a server that is still starting.

use std::time::{Duration, Instant};

use keel_config::TemporalSection;
use temporalio_client::tonic::{Request, Status};
use temporalio_client::{Client, ClientOptions, Connection};
use temporalio_common::protos::temporal::api::workflowservice::v1::DescribeNamespaceRequest;

use crate::error::ConnectError;
use crate::instruments::Instruments;
use crate::options::{Target, connection_options};
use crate::probe::probe;

/// How long to keep trying while the server is not there yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    limit: Duration,
    pause: Duration,
}

impl Wait {
    /// One attempt, no waiting.
    #[must_use]
    pub const fn none() -> Self {
        Self::up_to(Duration::ZERO)
    }

    /// Tries again until `limit` has passed. Only what time can heal is tried again: a server that is not there yet,
    /// a namespace not yet made. Wrong settings fail at once.
    #[must_use]
    pub const fn up_to(limit: Duration) -> Self {
        Self { limit, pause: Duration::from_millis(500) }
    }
}

/// Makes aws-lc the process's TLS provider. Idempotent; [`connect`] calls it, and so may every `main`.
pub fn install_crypto_provider() {
    // An error says that a provider is installed already, which is all that is asked for.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
}

/// Connects to the server and namespace of `section`, and checks that both are really there.
///
/// `identity` names this process to the server unless the section has its own. Every attempt is bounded by
/// `temporal.connect_timeout` (for each of: reaching the host, opening the connection, asking for the namespace).
///
/// # Errors
/// [`ConnectError`]; the last one seen when the wait is over. Each names the address and the next step.
pub async fn connect(
    section: &TemporalSection,
    identity: &str,
    instruments: &Instruments,
    wait: Wait,
) -> Result<Client, ConnectError> {
    install_crypto_provider();
    let identity = if section.identity.is_empty() { identity } else { &section.identity };
    let target = Target::new(section)?;
    let end = Instant::now() + wait.limit;
    loop {
        let error = match attempt(section, &target, identity, instruments).await {
            Ok(client) => return Ok(client),
            Err(error) => error,
        };
        if !error.may_heal() || Instant::now() + wait.pause > end {
            return Err(error);
        }
        tracing::warn!(error = %error, "Temporal is not ready yet; trying again");
        tokio::time::sleep(wait.pause).await;
    }
}

/// What an answer of the server to some call means, with the next step, as [`connect`] would have said it.
#[must_use]
pub fn explain(section: &TemporalSection, status: Status) -> ConnectError {
    match Target::new(section) {
        Ok(target) => ConnectError::from_status(&target, &section.namespace, status),
        Err(error) => error,
    }
}

async fn attempt(
    section: &TemporalSection,
    target: &Target,
    identity: &str,
    instruments: &Instruments,
) -> Result<Client, ConnectError> {
    let limit = section.connect_timeout;
    // Asking the network first tells an unknown name, a closed port and a silent host apart, which the
    // gRPC layer reports alike.
    probe(target, limit).await?;
    let options = connection_options(section, target, identity, instruments)?;
    let connecting = tokio::time::timeout(limit, Connection::connect(options));
    let connection = match connecting.await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(ConnectError::from_connect(target, error)),
        Err(_) => return Err(ConnectError::Silent { address: target.shown(), limit }),
    };
    let client = Client::new(
        connection,
        ClientOptions::new(&section.namespace).plugins(instruments.plugins.clone()).build(),
    )
    .map_err(|error| ConnectError::settings(target, &error.to_string()))?;
    check_namespace(&client, target, &section.namespace, limit).await?;
    Ok(client)
}

async fn check_namespace(
    client: &Client,
    target: &Target,
    namespace: &str,
    limit: Duration,
) -> Result<(), ConnectError> {
    let message = DescribeNamespaceRequest { namespace: namespace.to_owned(), ..Default::default() };
    let mut request = Request::new(message);
    request.set_timeout(limit);
    if let Ok(value) = namespace.parse() {
        request.metadata_mut().insert("temporal-namespace", value);
    }
    let mut service = client.connection().workflow_service();
    match tokio::time::timeout(limit, service.describe_namespace(request)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(status)) => Err(ConnectError::from_status(target, namespace, status)),
        Err(_) => Err(ConnectError::Silent { address: target.shown(), limit }),
    }
}
