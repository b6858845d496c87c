//! One look at each layer below a connection, for diagnosis: the name, the port, TLS. Nothing secret is ever sent.

mod certificate;

use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use keel_config::TemporalSection;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::error::ConnectError;
use crate::options::Target;
use crate::{install_crypto_provider, probe};

/// What the server's side of TLS looks like. Whether to trust it is for the real connection to say.
#[derive(Clone, Debug)]
pub struct TlsView {
    /// Such as `TLSv1.3`.
    pub version: String,
    /// When the server's own certificate ends, if that can be read.
    pub expires: Option<SystemTime>,
}

/// The addresses of the host.
///
/// # Errors
/// [`ConnectError`] when the address is wrong or the name does not resolve within `temporal.connect_timeout`.
pub async fn resolve(section: &TemporalSection) -> Result<Vec<IpAddr>, ConnectError> {
    let target = Target::new(section)?;
    let addresses = probe::resolve(&target, section.connect_timeout).await?;
    Ok(addresses.iter().map(SocketAddr::ip).collect())
}

/// Opens and closes one connection; says to which address.
///
/// # Errors
/// [`ConnectError`] when nothing listens or nothing answers within `temporal.connect_timeout`.
pub async fn dial(section: &TemporalSection) -> Result<SocketAddr, ConnectError> {
    let target = Target::new(section)?;
    let limit = section.connect_timeout;
    let addresses = probe::resolve(&target, limit).await?;
    let stream = probe::dial(&target, &addresses, limit).await?;
    stream.peer_addr().map_err(|source| ConnectError::Unreachable { address: target.shown(), source })
}

/// Agrees on TLS with the server, whoever it is, and looks at what it shows.
///
/// # Errors
/// [`ConnectError::Tls`] when no TLS comes about, [`ConnectError::Silent`] when nothing is heard within
/// `temporal.connect_timeout`.
pub async fn tls(section: &TemporalSection) -> Result<TlsView, ConnectError> {
    install_crypto_provider();
    let target = Target::new(section)?;
    let limit = section.connect_timeout;
    let addresses = probe::resolve(&target, limit).await?;
    let stream = probe::dial(&target, &addresses, limit).await?;
    let name = section.tls.server_name.clone().unwrap_or_else(|| target.host().to_owned());
    let stream =
        stream.into_std().map_err(|source| ConnectError::Unreachable { address: target.shown(), source })?;
    // The library works on blocking sockets; the socket's own timeouts end the thread.
    let hands = tokio::task::spawn_blocking(move || shake(stream, name, limit));
    match tokio::time::timeout(limit, hands).await {
        Ok(Ok(Ok(view))) => Ok(view),
        Ok(Ok(Err(reason))) => Err(ConnectError::tls(&target, &reason)),
        Ok(Err(_)) | Err(_) => Err(ConnectError::Silent { address: target.shown(), limit }),
    }
}

fn shake(mut stream: std::net::TcpStream, name: String, limit: Duration) -> Result<TlsView, String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    stream.set_nonblocking(false).map_err(|error| told(&error))?;
    stream.set_read_timeout(Some(limit)).map_err(|error| told(&error))?;
    stream.set_write_timeout(Some(limit)).map_err(|error| told(&error))?;
    let name =
        ServerName::try_from(name.trim_matches(['[', ']']).to_owned()).map_err(|error| told(&error))?;
    let mut config = ClientConfig::builder()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Looker))
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(|error| told(&error))?;
    while connection.is_handshaking() {
        // A reason of the TLS library hides inside the I/O error.
        connection.complete_io(&mut stream).map_err(|error| match error.get_ref() {
            Some(inner) => inner.to_string(),
            None => error.to_string(),
        })?;
    }
    connection.send_close_notify();
    // Saying goodbye is a courtesy.
    drop(connection.complete_io(&mut stream).and_then(|_| stream.flush()));
    let version = connection.protocol_version().map(|version| format!("{version:?}").replace('_', "."));
    let own = connection.peer_certificates().and_then(|chain| chain.first());
    Ok(TlsView {
        version: version.unwrap_or_else(|| "TLS".to_owned()),
        expires: own.and_then(|der| certificate::expires(der)),
    })
}

/// Accepts any certificate, because it is only looked at: nothing is sent over this connection.
#[derive(Debug)]
struct Looker;

impl ServerCertVerifier for Looker {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
