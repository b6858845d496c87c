//! `cargo xtask tools`: finds the tools Keel needs, gets the pinned Temporal command line when it is not there, and
//! says for each missing one which command installs it.

mod compose;
mod docker;
mod download;
mod kubectl;
mod postgres;
mod prometheus;
mod temporal;

pub use docker::{Compose, Docker, compose, docker};
pub use download::hex;
pub use kubectl::kubectl;
pub use postgres::{PostgresBinaries, postgres};
pub use prometheus::{Prometheus, prometheus};
pub use temporal::{Temporal, temporal};

/// Find or get the pinned tools, and check them.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the subcommand.
///
/// # Errors
/// Names every tool that is missing with the command that installs it.
pub fn run(_args: Args) -> anyhow::Result<()> {
    let findings = [
        (
            "temporal",
            temporal().map(|tool| format!("{}  {} ({})", tool.version, shown(&tool.path), tool.source)),
        ),
        ("nextest", nextest().map(|version| format!("{version}  cargo nextest"))),
        ("postgresql", postgres().map(|tool| format!("{}  {}", tool.version, tool.dir.display()))),
        ("docker", docker().map(|tool| format!("{}  {} (engine)", tool.engine, tool.program.display()))),
        (
            "compose",
            docker()
                .and_then(|tool| compose(&tool))
                .map(|tool| format!("{}  {} ({})", tool.version, tool.shown(), tool.source)),
        ),
        ("prometheus", prometheus().map(|tool| format!("{}  {}", tool.version, tool.server.display()))),
        ("kubectl", kubectl().map(|tool| format!("{}  {}", tool.version, shown(&tool.path)))),
    ];
    let mut missing = Vec::new();
    for (name, finding) in findings {
        match finding {
            Ok(text) => println!("{name:<12}{text}"),
            Err(error) if error.is::<crate::interrupt::Interrupted>() => return Err(error),
            Err(error) => missing.push(format!("{name}: {error:#}")),
        }
    }
    anyhow::ensure!(missing.is_empty(), "{}", missing.join("\n       "));
    Ok(())
}

fn shown(path: &std::path::Path) -> String {
    crate::paths::shown(path)
}

/// The version of cargo-nextest.
///
/// # Errors
/// Names the command that installs it.
pub fn nextest() -> anyhow::Result<String> {
    let output = crate::exec::capture(
        crate::exec::cargo().args(["nextest", "--version"]),
        std::time::Duration::from_secs(30),
    )?;
    let version = output.stdout.split_whitespace().nth(1).unwrap_or_default().to_owned();
    anyhow::ensure!(
        output.status.success() && !version.is_empty(),
        "cargo-nextest is not installed: run `cargo install --locked cargo-nextest`"
    );
    Ok(version)
}
