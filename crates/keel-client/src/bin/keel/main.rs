//! `keel`: place, decide on and watch orders, tasks and datasets from a terminal.

mod cli;
mod config;
mod dataset;
mod doctor;
mod fleet;
mod keep;
mod order;
mod output;
mod settings;
mod show;
mod task;
mod watch;
mod why;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory, Parser};

use crate::cli::{Cli, Command};
use crate::output::{Exit, Failure, Out};
use crate::settings::Context;

/// How long the traces of a command may hold up its end.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // Help and versions are data; everything else clap has to say is a mistake in usage.
        Err(error) => {
            drop(error.print());
            return if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
        }
    };
    let exit = match run(cli) {
        Ok(exit) => exit,
        Err(failure) => {
            failure.print();
            failure.exit()
        }
    };
    exit.into()
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    if let Command::Completions { shell } = cli.command {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "keel", &mut script);
        Out::raw(&script)?;
        return Ok(Exit::Success);
    }
    if let Command::Config(command) = cli.command {
        return config::run(&cli.global, command);
    }
    if let Command::Keep(args) = &cli.command {
        return keep::run(args);
    }
    let name = cli.command.name();
    let context = Context::new(&cli.global)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::new)?;
    let work = async {
        match cli.command {
            Command::Order(command) => Box::pin(order::run(&context, command)).await,
            Command::Task(command) => Box::pin(task::run(&context, command)).await,
            Command::Dataset(command) => Box::pin(dataset::run(&context, command)).await,
            Command::Doctor(args) => Box::pin(doctor::run(&context, &args)).await,
            Command::Why { id } => Box::pin(why::run(&context, &id)).await,
            Command::Fleet(args) => Box::pin(fleet::run(&context, args)).await,
            Command::Config(_) | Command::Keep(_) | Command::Completions { .. } => Ok(Exit::Success),
        }
    };
    let exit = runtime.block_on(context.telemetry.trace(name, work));
    runtime.block_on(context.telemetry.clone().shutdown(FLUSH_WITHIN));
    // A name lookup still in flight must not hold up the end.
    runtime.shutdown_background();
    exit
}
