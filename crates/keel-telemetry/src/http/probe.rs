//! Asking a process's own endpoints and changing its log level, for images that have neither a shell nor curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::{HttpOptions, level};

/// A probe that waits longer has failed anyway.
const LIMIT: Duration = Duration::from_secs(5);

/// More than any answer to a probe has.
const MAX_ANSWER: u64 = 64 * 1024;

/// What is asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Probe {
    /// Whether the process lives.
    Live,
    /// Whether it takes work.
    #[default]
    Ready,
    /// Whether it was ready once.
    Startup,
}

/// Why a probe failed.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// There is nothing to ask.
    #[error("http.listen is off or has port 0, so nobody can be asked; give it a fixed port")]
    Off,
    /// Nobody answers.
    #[error("no answer from http://{address}; is the process running, and with the same http.listen?")]
    Silent {
        /// Who was asked.
        address: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The process says no.
    #[error("{0}")]
    Unwell(String),
}

impl Probe {
    fn path(self) -> &'static str {
        match self {
            Self::Live => "/livez",
            Self::Ready => "/readyz",
            Self::Startup => "/startupz",
        }
    }
}

/// Asks the process that listens on `options.listen`, and returns its answer.
///
/// # Errors
/// [`ProbeError`] when nobody answers within 5 s or the answer is not good.
pub fn probe(options: &HttpOptions, probe: Probe) -> Result<String, ProbeError> {
    call(options, "GET", probe.path(), "")
}

/// The level of the logs of the process that listens on `options.listen`.
///
/// # Errors
/// As for [`probe`].
pub fn current_log_level(options: &HttpOptions) -> Result<String, ProbeError> {
    call(options, "GET", level::PATH, "")
}

/// Changes that level until the process ends, and returns it as it is then; `wanted` is what `log.level` takes.
///
/// # Errors
/// As for [`probe`]; [`ProbeError::Unwell`] says what is wrong with `wanted`.
pub fn change_log_level(options: &HttpOptions, wanted: &str) -> Result<String, ProbeError> {
    call(options, "PUT", level::PATH, wanted)
}

fn call(options: &HttpOptions, method: &str, path: &str, body: &str) -> Result<String, ProbeError> {
    let listen = options.listen.trim();
    if options.is_off() {
        return Err(ProbeError::Off);
    }
    let silent = |source| ProbeError::Silent { address: listen.to_owned(), source };
    let address = listen.to_socket_addrs().map_err(silent)?.next().map(reachable).ok_or(ProbeError::Off)?;
    if address.port() == 0 {
        return Err(ProbeError::Off);
    }
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
    let text = ask(address, &request).map_err(silent)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let body = body.trim();
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some(_) if !body.is_empty() => Err(ProbeError::Unwell(body.to_owned())),
        Some(status) if status.parse::<u16>().is_ok() => {
            Err(ProbeError::Unwell(format!("{address} has no {path} (status {status}): is it a worker?")))
        }
        _ => Err(ProbeError::Unwell(format!("{address} is not a Keel process: it does not speak HTTP"))),
    }
}

/// Whoever listens on every address is asked on this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn ask(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let end = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    stream.set_write_timeout(Some(left))?;
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
