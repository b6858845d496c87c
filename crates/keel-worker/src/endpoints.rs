//! The worker's HTTP endpoints, and the question whether they are well.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the answer of a command is what it prints")]

use std::process::ExitCode;

use keel_telemetry::HttpServer;
use keel_telemetry::http::{About, Endpoints, HttpError, Probe, probe};
use keel_worker::{Observed, WorkerSettings};

/// Starts the endpoints over what `observed` collects; `None` when they are turned off.
pub(crate) fn serve(settings: &WorkerSettings, observed: &Observed) -> Result<Option<HttpServer>, HttpError> {
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build_id: settings.worker.build_id.clone(),
        role: "worker",
    };
    let endpoints = Endpoints { health: observed.health.clone(), about, ..Endpoints::default() };
    HttpServer::start(&settings.http, endpoints)
}

/// Asks the worker that runs with these settings; success if it is well.
pub(crate) fn healthcheck(settings: &WorkerSettings, what: Probe) -> ExitCode {
    match probe(&settings.http, what) {
        Ok(answer) => {
            println!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            eprintln!("keel-worker: {error}{cause}");
            ExitCode::FAILURE
        }
    }
}
