//! `keel fleet serve` and `keel fleet healthcheck`: the front of the fleet.

use std::sync::Arc;

use clap::Args;
use keel_telemetry::health::Phase;
use keel_telemetry::http::{About, Endpoints, Probe, probe};
use keel_telemetry::{Health, HttpOptions, HttpServer, Metrics};
use keel_types::names::metric;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;

use super::front::Front;
use crate::output::{Exit, Failure, Out, note};
use crate::settings::Context;

#[derive(Args, Debug)]
pub(super) struct ServeArgs {
    /// Where to listen
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: HttpOptions,
    /// Where the workers offer their health, such as http://temporal-workers:8080; every address of the name is asked
    #[arg(long, value_name = "URL", value_parser = workers)]
    workers: Option<Url>,
}

#[derive(Args, Debug)]
pub(super) struct HealthcheckArgs {
    /// Where the front listens
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: HttpOptions,
    /// Whether the fleet is well; without it, whether the front lives
    #[arg(long)]
    ready: bool,
}

pub(super) async fn run(context: &Context, deployment: &str, args: ServeArgs) -> Result<Exit, Failure> {
    let mut stop = signal(SignalKind::terminate())?;
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build_id: env!("CARGO_PKG_VERSION").to_owned(),
        deployment: deployment.to_owned(),
        role: "front",
    };
    let collected = Metrics::install(&[], &[])?;
    collected.record_build(metric::BUILD_INFO, &about);
    let health = Health::new();
    health.set_phase(Phase::Running);
    let front = Front::new(context, deployment, args.workers, &health);
    let endpoints = Endpoints {
        health,
        about,
        metrics: Some(collected),
        source: Some(Arc::new(front)),
        ..Endpoints::default()
    };
    let server = HttpServer::start(&args.listen, endpoints)?;
    if let Some(server) = &server {
        note(&format!("the front of deployment {deployment} listens on {}", server.address()));
    }
    tokio::select! {
        _ = stop.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    drop(server);
    Ok(Exit::Success)
}

pub(super) fn healthcheck(args: &HealthcheckArgs) -> Result<Exit, Failure> {
    let what = if args.ready { Probe::Ready } else { Probe::Live };
    let answer = probe(&args.listen, what)?;
    Out::raw(format!("{answer}\n").as_bytes())?;
    Ok(Exit::Success)
}

fn address(text: &str) -> Result<HttpOptions, String> {
    let options = HttpOptions { listen: text.to_owned() };
    if options.is_off() || !options.problems().is_empty() {
        return Err("write host:port, such as 0.0.0.0:8080".to_owned());
    }
    Ok(options)
}

fn workers(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    url.filter(|url| url.scheme() == "http" && url.has_host())
        .ok_or_else(|| "write a URL with http:// and a host, such as http://temporal-workers:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{address, workers};

    #[test]
    fn places_are_checked_before_anything_is_served() {
        assert!(address("0.0.0.0:8080").is_ok() && address("off").is_err() && address("8080").is_err());
        assert!(workers("http://temporal-workers:8080").is_ok());
        assert!(workers("temporal-workers:8080").is_err() && workers("https://x:1").is_err());
    }
}
