//! The worker's HTTP endpoints, and what its other commands ask of them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the answer of a command is what it prints")]

use std::process::ExitCode;

use keel_activities::count;
use keel_telemetry::http::{
    About, Endpoints, Probe, ProbeError, change_log_level, current_log_level, log_level, probe,
};
use keel_telemetry::{HttpServer, Metrics, Telemetry};
use keel_types::names::{metric, rebuild, workflow};
use keel_worker::{Observed, WorkerSettings};

use crate::series::SERIES;

/// Starts the endpoints over what `observed` collects, and has it collect metrics; `None` when they are turned off, and
/// then nothing is collected.
pub(crate) fn serve(
    settings: &WorkerSettings,
    observed: &mut Observed,
    telemetry: &Telemetry,
) -> anyhow::Result<Option<HttpServer>> {
    if settings.http.is_off() {
        return Ok(None);
    }
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        build_id: settings.worker.build().to_owned(),
        deployment: settings.worker.deployment.clone(),
        role: "worker",
    };
    let collected = Metrics::install(&SERIES, &workflow::ALL)?;
    collected.record_build(metric::BUILD_INFO, &about);
    collected.watch_runtime();
    collected.observe(count::observe);
    count::begin();
    for reason in rebuild::ALL {
        metrics::counter!(metric::WORKER_REBUILDS_TOTAL, "reason" => reason).increment(0);
    }
    observed.instruments.meter = Some(collected.sdk_meter());
    let endpoints = Endpoints {
        health: observed.health.clone(),
        about,
        metrics: Some(collected),
        source: None,
        more: log_level(telemetry.log_level()),
    };
    Ok(HttpServer::start(&settings.http, endpoints)?)
}

/// Asks the worker that runs with these settings; success if it is well.
pub(crate) fn healthcheck(settings: &WorkerSettings, what: Probe) -> ExitCode {
    tell(probe(&settings.http, what))
}

/// Shows the level of the logs of the worker that runs with these settings, or changes it until that worker ends.
pub(crate) fn level(settings: &WorkerSettings, wanted: Option<&str>) -> ExitCode {
    tell(
        wanted.map_or_else(
            || current_log_level(&settings.http),
            |wanted| change_log_level(&settings.http, wanted),
        ),
    )
}

fn tell(answered: Result<String, ProbeError>) -> ExitCode {
    match answered {
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
