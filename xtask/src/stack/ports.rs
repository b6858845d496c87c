//! Ports of 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context;

/// A port nobody listens on at this moment.
///
/// # Errors
/// When the system has none left.
pub fn free_port() -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot find a free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// `wanted` if it is free, otherwise another; says so when it is another.
///
/// # Errors
/// When the system has none left.
pub fn prefer(wanted: u16, what: &str) -> anyhow::Result<u16> {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).is_ok() {
        return Ok(wanted);
    }
    let port = free_port()?;
    eprintln!("port {wanted} is busy: {what} listens on {port} instead");
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::{free_port, prefer};
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn a_busy_port_is_replaced() {
        let holder = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let busy = holder.local_addr().unwrap().port();
        assert_ne!(prefer(busy, "a test").unwrap(), busy);
        assert_ne!(free_port().unwrap(), 0);
    }
}
