//! `cargo xtask test`: every test, with the real servers they need.

use std::process::Command;

use anyhow::Context;

use crate::stack::{Logs, Postgres, ServerOptions, TemporalServer, clean_environment};
use crate::{alerts, binaries, deploy, docs, exec, tidy, tools};

/// Run every test, with a PostgreSQL and a Temporal server of their own.
#[derive(clap::Args, Default)]
pub struct Args {
    /// Only tests whose name contains this; may be given several times. Skips doc tests, `docs`, the Compose stack, `tidy` and `alerts`
    #[arg(long, value_name = "TEXT")]
    filter: Vec<String>,
    /// Leave out the Compose stack, on a machine without Docker; says so at the end
    #[arg(long)]
    no_stack: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// When a tool is missing (with the command that installs it) or a test fails (with the runner's exit code).
pub fn run(args: Args) -> anyhow::Result<()> {
    let tool = tools::temporal()?;
    let postgres = tools::postgres()?;
    let prometheus = tools::prometheus()?;
    let kubectl = tools::kubectl()?;
    let nextest = tools::nextest();
    if let Err(missing) = &nextest {
        eprintln!("{missing:#}; using `cargo test`, which bounds no test and runs one crate after the other");
    }
    if args.filter.is_empty() {
        alerts::check(&prometheus)?;
    }
    if args.filter.is_empty() && !args.no_stack {
        // Known before half an hour of other tests.
        tools::compose(&tools::docker()?).context("or leave the Compose stack out: --no-stack")?;
    }
    let binaries = binaries::build_for_tests()?;

    let logs = Logs::new("test")?;
    let mut database = Postgres::start(&postgres, &logs).context("PostgreSQL for the tests")?;
    let mut server = TemporalServer::start(&tool, &ServerOptions::default(), &logs)?;
    eprintln!("  PostgreSQL {} at {}", postgres.version, database.url());
    eprintln!("  Temporal {} at {}", tool.version, server.address());
    let with_servers = |command: &mut Command| {
        clean_environment(command, false);
        command
            .env("KEEL_TEST_POSTGRES_URL", database.url())
            .env("KEEL_TEST_TEMPORAL_ADDRESS", server.address())
            .env("KEEL_TEST_BIN_DIR", binaries.dir())
            .env("KEEL_TEST_PROMETHEUS", &prometheus.server)
            .env("KEEL_TEST_KUBECTL", &kubectl.path)
            .env("TEMPORAL_CLI", &tool.path);
    };
    let result = tests(&args.filter, nextest.is_ok(), with_servers);
    server.stop()?;
    database.stop()?;
    result?;
    if !args.filter.is_empty() {
        return Ok(());
    }
    docs::check(&binaries)?;
    docs::execute(&binaries, "")?;
    tidy::run(tidy::Args::default())?;
    if args.no_stack {
        eprintln!("\nNOT TESTED: images and the Compose stack; without --no-stack they are.");
        return Ok(());
    }
    deploy::tier(&binaries)
}

/// Doc tests first, so that the last summary is the one of all other tests.
fn tests(filter: &[String], nextest: bool, with_servers: impl Fn(&mut Command)) -> anyhow::Result<()> {
    if filter.is_empty() {
        let mut docs = exec::cargo();
        docs.args(["test", "--locked", "--workspace", "--doc", "--quiet"]);
        with_servers(&mut docs);
        exec::foreground(&mut docs)?;
    }
    let mut command = exec::cargo();
    if nextest {
        command.args(["nextest", "run", "--locked", "--workspace"]);
        if !filter.is_empty() {
            command.args(["--no-tests", "warn"]).args(filter);
        }
    } else {
        command
            .args(["test", "--locked", "--workspace", "--bins", "--tests", "--no-fail-fast", "--"])
            .args(filter);
    }
    with_servers(&mut command);
    exec::foreground(&mut command)
}
