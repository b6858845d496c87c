//! `cargo xtask image --check`: what is promised about an image, asked of the image itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::engine;
use super::product::{BIN, Product};
use super::spec::BUILD_LABEL;
use super::stamp::Stamp;
use super::tree::USER;
use crate::exec;
use crate::tools::Docker;

/// More is too much to pull for one static program.
const MOST_BYTES: u64 = 30_000_000;
/// One start of a container.
const RUN: Duration = Duration::from_secs(60);

/// Checks one image of this source.
///
/// # Errors
/// Lists everything that is not as promised.
pub fn check(docker: &Docker, product: &Product, stamp: &Stamp) -> anyhow::Result<()> {
    let reference = format!("keel/{}:{}", product.role, stamp.build_id);
    let mut wrong = Vec::new();
    let steps: [(&str, anyhow::Result<()>); 5] = [
        ("configuration", configuration(docker, product, stamp, &reference)),
        ("runs read-only", runs(docker, product, stamp, &reference)),
        ("health check", knows_its_health_check(docker, product, &reference)),
        ("no shell", has_no_shell(docker, &reference)),
        ("content", holds_one_program(docker, product, &reference)),
    ];
    for (name, result) in steps {
        match result {
            Ok(()) => eprintln!("{reference}: {name}: ok"),
            Err(error) if error.is::<crate::interrupt::Interrupted>() => return Err(error),
            Err(error) => wrong.push(format!("{name}: {error:#}")),
        }
    }
    ensure!(wrong.is_empty(), "{reference} is not as promised:\n       {}", wrong.join("\n       "));
    Ok(())
}

fn configuration(docker: &Docker, product: &Product, stamp: &Stamp, reference: &str) -> anyhow::Result<()> {
    let present = engine::find(docker, reference)?.with_context(|| format!("there is no {reference}"))?;
    ensure!(present.config.user == format!("{USER}:{USER}"), "it runs as {:?}", present.config.user);
    ensure!(present.config.stop_signal == "SIGTERM", "it stops at {:?}", present.config.stop_signal);
    let health = present.config.healthcheck.as_ref().context("it has no health check")?;
    ensure!(health.test.len() > 1 && health.test[0] == "CMD", "its health check is {:?}", health.test);
    for (name, value) in product.labels(stamp) {
        let found = present.label(&name);
        ensure!(found == Some(&value), "label {name} is {found:?}, expected {value:?}");
    }
    ensure!(present.label(BUILD_LABEL) == Some(&stamp.build_id), "it is of another build");
    ensure!(present.size < MOST_BYTES, "it has {} bytes, {MOST_BYTES} are the most", present.size);
    Ok(())
}

/// The strictest way to start it that the stack uses, and one more: no network.
fn start(docker: &Docker, more: &[&str], reference: &str, args: &[&str]) -> anyhow::Result<exec::Output> {
    let user = format!("{USER}:{USER}");
    let mut command = docker.command(&["run", "--rm", "--pull", "never", "--read-only", "--network", "none"]);
    command.args(["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", &user]);
    command.args(more).arg(reference).args(args);
    exec::capture(&mut command, RUN)
}

fn runs(docker: &Docker, product: &Product, stamp: &Stamp, reference: &str) -> anyhow::Result<()> {
    let said = start(docker, &[], reference, &["--version"])?.ok("docker run … --version")?;
    let expected = format!("{} {}", product.binary, stamp.version);
    ensure!(said.trim() == expected, "it says {:?}, expected {expected:?}", said.trim());
    Ok(())
}

fn knows_its_health_check(docker: &Docker, product: &Product, reference: &str) -> anyhow::Result<()> {
    let args: Vec<&str> = product.health.iter().copied().chain(["--help"]).collect();
    start(docker, &[], reference, &args)?.ok(&format!("docker run … {}", args.join(" "))).map(drop)
}

fn has_no_shell(docker: &Docker, reference: &str) -> anyhow::Result<()> {
    for shell in ["/bin/sh", "sh", "/bin/bash", "/busybox/sh"] {
        let output = start(docker, &["--entrypoint", shell], reference, &["-c", "exit 0"])?;
        // 127: there is no such program.
        ensure!(output.status.code() == Some(127), "{shell}: {} ({})", output.status, output.stderr.trim());
    }
    Ok(())
}

/// Lists a container's files: one program, nothing else that runs, nothing that belongs to root and takes its rights.
fn holds_one_program(docker: &Docker, product: &Product, reference: &str) -> anyhow::Result<()> {
    let container = docker.ask(&["create", "--pull", "never", "--network", "none", reference], RUN)?;
    let work = tempfile::tempdir()?;
    let path = work.path().join("files.tar");
    let mut export = docker.command(&["export", "--output"]);
    let exported =
        exec::capture(export.arg(&path).arg(&container), RUN).and_then(|it| it.ok("docker export"));
    docker.ask(&["rm", &container], RUN)?;
    exported?;
    let programs = programs(&path)?;
    let expected = BTreeSet::from([format!("{}/{}", BIN.trim_start_matches('/'), product.binary)]);
    if programs != expected {
        bail!("it holds the programs {programs:?}, expected {expected:?}");
    }
    Ok(())
}

/// The files that can be executed, without the empty ones that the engine adds for its mounts.
fn programs(archive: &Path) -> anyhow::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for entry in tar::Archive::new(std::fs::File::open(archive)?).entries()? {
        let entry = entry?;
        let header = entry.header();
        if header.entry_type().is_file() && header.mode()? & 0o7111 != 0 && header.size()? > 0 {
            found.insert(entry.path()?.display().to_string());
        }
    }
    Ok(found)
}
