//! A look at the network before the first gRPC call.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::error::ConnectError;
use crate::options::Target;

/// Resolves the host and opens (and closes) one connection to it.
pub(crate) async fn probe(target: &Target, limit: Duration) -> Result<(), ConnectError> {
    let addresses = resolve(target, limit).await?;
    dial(target, &addresses, limit).await.map(drop)
}

/// Opens a connection to the first of the addresses that takes one.
pub(crate) async fn dial(
    target: &Target,
    addresses: &[SocketAddr],
    limit: Duration,
) -> Result<TcpStream, ConnectError> {
    let address = target.shown();
    let mut last = None;
    for socket in addresses {
        match timeout(limit, TcpStream::connect(socket)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Some(error),
            Err(_) => last = Some(ErrorKind::TimedOut.into()),
        }
    }
    Err(match last {
        Some(error) if error.kind() == ErrorKind::TimedOut => ConnectError::Silent { address, limit },
        Some(source) if source.kind() == ErrorKind::ConnectionRefused => {
            ConnectError::Refused { address, source }
        }
        Some(source) => ConnectError::Unreachable { address, source },
        None => ConnectError::Unresolved {
            address,
            host: target.host().to_owned(),
            source: ErrorKind::NotFound.into(),
        },
    })
}

/// The host's addresses.
pub(crate) async fn resolve(target: &Target, limit: Duration) -> Result<Vec<SocketAddr>, ConnectError> {
    let host = target.host().trim_matches(['[', ']']);
    let found = timeout(limit, lookup_host((host, target.port()))).await;
    match found {
        // More addresses than this only multiply the wait.
        Ok(Ok(addresses)) => Ok(addresses.take(4).collect()),
        Ok(Err(source)) => {
            Err(ConnectError::Unresolved { address: target.shown(), host: host.to_owned(), source })
        }
        Err(_) => Err(ConnectError::Unresolved {
            address: target.shown(),
            host: host.to_owned(),
            source: ErrorKind::TimedOut.into(),
        }),
    }
}
