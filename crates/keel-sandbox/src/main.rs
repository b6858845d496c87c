//! The program `keel-sandbox`: arguments, signals, exit code.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use keel_sandbox::Sandbox;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Plays a payment provider (/payments) and a courier (/courier) for demos and tests.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Address to listen on; port 0 takes a free one.
    #[arg(long, env = "KEEL_SANDBOX_LISTEN", default_value = "127.0.0.1:8079", global = true)]
    listen: SocketAddr,
    /// File that keeps every effect, so that a kill loses none; without it the sandbox forgets.
    #[arg(long, env = "KEEL_SANDBOX_STATE", value_name = "FILE")]
    state: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Command {
    /// Ask the sandbox that listens on this address whether it is well: exit code 0 or 1, for images without a shell
    Healthcheck,
}

fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 64 } else { 0 });
        }
    };
    if let Some(Command::Healthcheck) = args.command {
        return healthcheck(args.listen);
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(tracing::Level::INFO).init();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn healthcheck(listen: SocketAddr) -> ExitCode {
    match keel_sandbox::ask::is_well(listen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "keel-sandbox: the sandbox on {listen} is not well: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: Args) -> anyhow::Result<()> {
    // Before the address is known to anybody, so that no early signal finds the default handler.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let sandbox = match &args.state {
        Some(path) => Sandbox::with_state_file(path)?,
        None => Sandbox::in_memory(),
    };
    let listener = TcpListener::bind(args.listen).await.with_context(|| {
        format!("cannot listen on {}: is another program there? choose another with --listen", args.listen)
    })?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "keel-sandbox listening on {}", listener.local_addr()?)?;
    stdout.flush()?;
    let shutdown = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    keel_sandbox::serve(listener, sandbox, shutdown).await?;
    Ok(())
}
