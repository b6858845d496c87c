//! `cargo xtask`: everything a person or CI does with this repository, one subcommand per file.
//!
//! Progress goes to stderr, results to stdout, files to `target/keel/`. It knows the other crates only by the names of
//! their binaries, so it compiles fast and cannot be broken by them.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks to people")]

mod alerts;
mod autoscale;
mod bench;
mod binaries;
mod capacity;
mod chaos;
mod ci;
mod dashboards;
mod demo;
mod deploy;
mod docs;
mod drill;
mod exec;
mod image;
mod interrupt;
mod judge;
mod kubernetes;
mod paths;
mod random;
mod rollout;
mod soak;
mod stack;
mod test;
mod tidy;
mod tools;
mod up;
mod wait;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// Build, run, test and check Keel.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    Tools(tools::Args),
    Image(image::Args),
    Up(up::Args),
    Demo(demo::Args),
    Test(test::Args),
    Tidy(tidy::Args),
    Alerts(alerts::Args),
    Dashboards(dashboards::Args),
    Ci(ci::Args),
    Chaos(chaos::Args),
    Soak(soak::Args),
    Bench(bench::Args),
    Drill(drill::Args),
    Deploy(deploy::Args),
    Status(deploy::StatusArgs),
    Health(deploy::HealthArgs),
    Scale(deploy::ScaleArgs),
    Autoscale(autoscale::Args),
    Logs(deploy::LogsArgs),
    Rollback(rollout::RollbackArgs),
    Down(deploy::DownArgs),
    Kubernetes(kubernetes::Args),
    Capacity(capacity::Args),
    Docs(docs::Args),
}

/// The command line itself, for what holds the documentation to it.
pub(crate) fn command() -> clap::Command {
    Cli::command()
}

fn run(cli: Cli) -> anyhow::Result<()> {
    interrupt::install()?;
    std::env::set_current_dir(paths::root())?;
    match cli.task {
        Task::Tools(args) => tools::run(args),
        Task::Image(args) => image::run(args),
        Task::Up(args) => up::run(args),
        Task::Demo(args) => demo::run(args),
        Task::Test(args) => test::run(args),
        Task::Tidy(args) => tidy::run(args),
        Task::Alerts(args) => alerts::run(args),
        Task::Dashboards(args) => dashboards::run(&args),
        Task::Ci(args) => ci::run(args),
        Task::Chaos(args) => chaos::run(args),
        Task::Soak(args) => soak::run(&args),
        Task::Bench(args) => bench::run(args),
        Task::Drill(args) => drill::run(args),
        Task::Deploy(args) => deploy::run(&args),
        Task::Status(args) => deploy::status(&args),
        Task::Health(args) => deploy::health(&args),
        Task::Scale(args) => deploy::scale(&args),
        Task::Autoscale(args) => autoscale::run(&args),
        Task::Logs(args) => deploy::logs(&args),
        Task::Rollback(args) => rollout::rollback(&args),
        Task::Down(args) => deploy::down(&args),
        Task::Kubernetes(args) => kubernetes::run(args),
        Task::Capacity(args) => capacity::run(&args),
        Task::Docs(args) => docs::run(args),
    }
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<interrupt::Interrupted>() => {
            eprintln!("xtask: interrupted, the processes that it started are stopped");
            ExitCode::from(130)
        }
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            match error.downcast_ref::<exec::Failed>() {
                Some(failed) => ExitCode::from(failed.code()),
                None => ExitCode::FAILURE,
            }
        }
    }
}
