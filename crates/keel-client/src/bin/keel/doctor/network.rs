//! The name, the port, TLS.

use std::time::{Duration, Instant, SystemTime};

use keel_temporal::{ConnectError, look};
use keel_types::progress::iso;
use serde_json::json;

use super::report::{Checkup, Family};
use crate::settings::Context;

/// A certificate that ends within this time is worth a word.
const SOON: Duration = Duration::from_secs(21 * 24 * 3600);

/// Whether the server can be spoken to.
pub(super) async fn examine(context: &Context, checkup: &mut Checkup) -> bool {
    let section = context.temporal();
    let address = section.address.clone();
    match look::resolve(&section).await {
        Ok(addresses) => {
            let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            checkup.ok(
                Family::Dns,
                format!("{address} is {}", shown.join(", ")),
                json!({"addresses": shown}),
            );
        }
        Err(error) => {
            checkup.broken(Family::Dns, &error, "check temporal.address, and the resolver of this machine");
            checkup.skip(Family::Tcp, "the host has no address");
            checkup.skip(Family::Tls, "the host has no address");
            return false;
        }
    }
    let started = Instant::now();
    match look::dial(&section).await {
        Ok(peer) => {
            let milliseconds = started.elapsed().as_secs_f64() * 1000.0;
            checkup.ok(
                Family::Tcp,
                format!("connected to {peer} in {milliseconds:.1} ms"),
                json!({"peer": peer, "milliseconds": milliseconds}),
            );
        }
        Err(error) => {
            checkup.broken(
                Family::Tcp,
                &error,
                "start the server, or open the way to it (firewall, proxy, network policy)",
            );
            checkup.skip(Family::Tls, "there is no connection");
            return false;
        }
    }
    if section.uses_tls() { tls(&section, checkup).await } else { plain(&section, checkup) }
}

fn plain(section: &keel_config::TemporalSection, checkup: &mut Checkup) -> bool {
    let local = section.url().is_ok_and(|url| keel_config::temporal::is_loopback(&url));
    if local {
        checkup.skip(Family::Tls, "not asked for, and the server is on this machine");
    } else {
        checkup.warn(
            Family::Tls,
            "not asked for: everything travels in clear text",
            "write https:// or set temporal.tls, if the server can",
        );
    }
    true
}

async fn tls(section: &keel_config::TemporalSection, checkup: &mut Checkup) -> bool {
    let wrong = keel_temporal::check_files(section);
    if !wrong.is_empty() {
        checkup.fail(Family::Tls, wrong.join("; "), "correct the files; `keel config check` checks them");
        return false;
    }
    let view = match look::tls(section).await {
        Ok(view) => view,
        Err(error @ ConnectError::Tls { .. }) => {
            checkup.broken(Family::Tls, &error, "check the address and temporal.tls");
            return false;
        }
        Err(error) => {
            checkup.broken(Family::Tls, &error, "see whether something between here and there ends TLS");
            return false;
        }
    };
    let now = SystemTime::now();
    let Some(end) = view.expires else {
        checkup.ok(Family::Tls, format!("{}; the certificate's end cannot be read", view.version), json!({}));
        return true;
    };
    let (version, at) = (&view.version, iso(end));
    let figures = json!({"version": version, "certificateExpiresAt": at});
    match end.duration_since(now) {
        Err(_) => checkup.fail(
            Family::Tls,
            format!("{version}; the server's certificate ended at {at}"),
            "renew the server's certificate",
        ),
        Ok(left) if left < SOON => checkup.warn(
            Family::Tls,
            format!("{version}; the server's certificate ends in {} days, at {at}", left.as_secs() / 86_400),
            "renew the server's certificate",
        ),
        Ok(left) => checkup.ok(
            Family::Tls,
            format!("{version}; the server's certificate is good for {} days", left.as_secs() / 86_400),
            json!({}),
        ),
    }
    checkup.figures(figures);
    end > now
}
