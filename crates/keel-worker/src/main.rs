//! `keel-worker`: reads the settings, then runs the worker until it is told to stop.

mod cli;
mod config_command;
mod endpoints;
mod replay;
mod series;
mod signals;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use cli::{Cli, Command, ConfigCommand, StoreCommand};
use keel_config::ConfigProblems;
use keel_telemetry::{HttpServer, Telemetry, TelemetryOptions};
use keel_temporal::Instruments;
use keel_worker::{Observed, WorkerSettings};

/// The system's allocator keeps what a retired SDK worker frees, one share for each thread that ever was; this one gives it
/// back. `.cargo/config.toml` says how soon.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Bad usage or bad settings, as in `sysexits.h`.
const EX_USAGE: u8 = 64;
/// How long the last traces may take to leave; on top of the worker's own deadline.
const FLUSH_WITHIN: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return cli::usage(&error),
    };
    if let Some(Command::Config(ConfigCommand::Defaults)) = cli.command {
        return config_command::print_defaults();
    }
    if let Some(Command::Replay { histories }) = &cli.command {
        return replay::run(histories);
    }
    let loaded = match cli.settings() {
        Ok(loaded) => loaded,
        Err(problems) => return bad_settings(&problems),
    };
    if let Some(Command::Config(command)) = cli.command {
        return config_command::look(&loaded, command);
    }
    let settings = loaded.settings;
    match &cli.command {
        Some(Command::Healthcheck(what)) => return endpoints::healthcheck(&settings, what.probe()),
        Some(Command::LogLevel { level }) => return endpoints::level(&settings, level.as_deref()),
        _ => {}
    }
    match start(&cli, &settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(&format!("keel-worker: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(cli: &Cli, settings: &WorkerSettings) -> anyhow::Result<()> {
    let telemetry = telemetry(settings)?;
    keel_temporal::install_crypto_provider();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // Held to the very end, so that a drain can be watched.
    let mut server = None;
    let done = runtime.block_on(perform(cli, settings, &telemetry, &mut server));
    // Whatever came of it: the traces of what failed are worth the most.
    runtime.block_on(telemetry.shutdown(FLUSH_WITHIN));
    // Blocking dataset threads that outlive the deadline must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    done
}

async fn perform(
    cli: &Cli,
    settings: &WorkerSettings,
    telemetry: &Telemetry,
    server: &mut Option<HttpServer>,
) -> anyhow::Result<()> {
    match &cli.command {
        None | Some(Command::Run) => {
            let mut observed = observed(telemetry);
            // First of all, so that the endpoints say what everything after waits for.
            *server = endpoints::serve(settings, &mut observed, telemetry)?;
            keel_worker::run(settings, &observed, signals::stop()?).await?;
            tracing::info!("worker stopped");
        }
        // Answered before anything is set up.
        Some(
            Command::Healthcheck(_) | Command::LogLevel { .. } | Command::Config(_) | Command::Replay { .. },
        ) => {}
        Some(Command::Store(StoreCommand::Seed)) => {
            let store = keel_worker::open_store(settings).await?;
            let seeded = keel_activities::order::seed(store.as_ref()).await?;
            tracing::info!(skus = seeded.skus, orders = seeded.orders, "store seeded");
        }
        Some(Command::Store(StoreCommand::Export)) => {
            let store = keel_worker::open_store(settings).await?;
            keel_activities::order::export(store.as_ref(), &mut std::io::stdout()).await?;
        }
    }
    Ok(())
}

fn telemetry(settings: &WorkerSettings) -> Result<Telemetry, keel_telemetry::Error> {
    keel_telemetry::init(&TelemetryOptions {
        program: "keel-worker",
        role: "worker",
        build_id: settings.worker.build(),
        log: &settings.log,
        traces: &settings.traces,
    })
}

fn observed(telemetry: &Telemetry) -> Observed {
    let instruments = Instruments { plugins: telemetry.plugins(), ..Instruments::default() };
    Observed { instruments, ..Observed::default() }
}

fn bad_settings(problems: &ConfigProblems) -> ExitCode {
    cli::complain(&problems.to_string());
    ExitCode::from(EX_USAGE)
}
