//! The question whether a sandbox is well, for images that have neither a shell nor curl.

use std::io::{Error, Read, Result, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// A sandbox that waits longer is not well.
const LIMIT: Duration = Duration::from_secs(3);

/// Asks the sandbox that was told to listen on `listen`.
///
/// # Errors
/// When nobody answers within 3 s at each step, or something else than a sandbox does.
pub fn is_well(listen: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&reachable(listen), LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: sandbox\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(4096).read_to_string(&mut answer)?;
    match answer.split(' ').nth(1) {
        Some("200") => Ok(()),
        _ => Err(Error::other(format!("it answered {:?}", answer.lines().next().unwrap_or_default()))),
    }
}

/// An address that stands for all of the machine's is asked on its loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
