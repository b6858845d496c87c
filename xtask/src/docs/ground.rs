//! What the commands of the pages are run against.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use super::session::Place;
use super::table::Ground;
use crate::binaries::{BUILT, Binaries};
use crate::deploy::Site;
use crate::stack::{Logs, Plan, ServerOptions, Stack};
use crate::{exec, paths, tools};

const NAME: &str = "docs";
/// The Compose project of commands that must find none, and never a person's own.
const NO_PROJECT: &str = "keel-docs-none";
/// So that `curl` fails where the page promises an answer.
const CURL: &str = "fail-with-body\nsilent\nshow-error\nmax-time = 20\n";

impl Ground {
    /// Which command runs what is shown for it.
    pub fn runs(self) -> &'static str {
        match self {
            Self::Processes => "cargo xtask docs --run",
            Self::Stack => "cargo xtask test, on the Compose stack (cargo xtask docs --run --stack)",
        }
    }
}

/// Boots server, providers and a worker, and hands the place to `work`.
///
/// # Errors
/// What `work` says, or when something does not come up or ended meanwhile.
pub fn with_processes<T>(
    binaries: &Binaries,
    work: impl FnOnce(&Place) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let claim = paths::claim(NAME)?;
    let plan = Plan {
        scope: &claim.scope,
        state: claim.dir.join("state"),
        server: ServerOptions::default(),
        sandbox_port: None,
        http_port: None,
        worker_settings: Vec::new(),
        keep_settings: false,
    };
    let mut stack = Stack::start(plan, &tools::temporal()?, binaries).with_context(|| claim.logs.clone())?;
    stack.start_worker()?;
    let sandbox = stack.sandbox.url().replace("http://", "");
    let mut environment = common(&claim.dir, binaries)?;
    environment.extend(stack.settings.environment());
    environment.extend(variables(&[
        // A worker that a page starts is another one beside that of the stack.
        ("KEEL__HTTP__LISTEN", "127.0.0.1:0"),
        ("KEEL__WORKER__READY_FILE", ""),
        ("KEEL_PROJECT", NO_PROJECT),
        ("FRONT", &stack.settings.http),
        ("SANDBOX", &sandbox),
    ]));
    let place = Place { environment, logs: Logs::new(&format!("{}/commands", claim.scope))? };
    let result = work(&place).and_then(|done| stack.must_run().map(|()| done));
    let stopped = stack.stop();
    let done = result.with_context(|| claim.logs.clone())?;
    stopped.map(|()| done)
}

/// Boots the offline Compose stack, and hands the place to `work`. `tag` names images that are here already.
///
/// # Errors
/// What `work` says, or when the stack does not come up.
pub fn with_stack(
    binaries: &Binaries,
    tag: Option<&str>,
    work: impl FnOnce(&Place) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let claim = paths::claim("docs-stack")?;
    let mut site = Site::start(&claim.scope, tag)?;
    let host = |name: &str| site.url(name).replace("http://", "");
    let tag = tag.map(|tag| format!("--build-id {tag}")).unwrap_or_default();
    let mut environment = common(&claim.dir, binaries)?;
    environment.extend(variables(&[
        ("TEMPORAL_ADDRESS", &site.temporal()),
        ("KEEL_PROJECT", &site.stack().project),
        ("FRONT", &host("FRONT")),
        ("SANDBOX", &host("SANDBOX")),
        ("TAG", &tag),
    ]));
    let place = Place { environment, logs: Logs::new(&format!("{}/commands", claim.scope))? };
    // The commands changed what the site knows of itself.
    let result = work(&place).and_then(|()| site.reload()).with_context(|| claim.logs.clone());
    site.settle(result)
}

fn variables(given: &[(&str, &str)]) -> Vec<(String, String)> {
    given.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// What finds the programs of this build and the tools before any others.
fn common(dir: &Path, binaries: &Binaries) -> anyhow::Result<Vec<(String, String)>> {
    let bin = dir.join("bin");
    paths::create(&bin)?;
    for program in [
        &binaries.keel,
        &binaries.worker,
        &binaries.sandbox,
        &tools::kubectl()?.path,
        &tools::temporal()?.path,
    ] {
        let name = program.file_name().context("a program has a name")?;
        std::os::unix::fs::symlink(program, bin.join(name))?;
    }
    let me = paths::this_program()?;
    // By its path, for its name leads back to what stands in for it.
    let cargo = std::env::var_os("CARGO").map_or_else(|| which::which("cargo"), |path| Ok(path.into()))?;
    stand_in(
        &bin.join("cargo"),
        "xtask",
        &words(&exec::tied(me, "TERM")),
        &words(&exec::tied(cargo, "TERM")),
    )?;
    // Where there is no engine, what needs one says so.
    if let Ok(docker) = tools::docker() {
        let compose = tools::compose(&docker)?.command(&[]);
        stand_in(&bin.join("docker"), "compose", &words(&compose), &words(&docker.command(&[])))?;
    }
    std::fs::write(dir.join(".curlrc"), CURL)?;
    let path = std::env::var("PATH").unwrap_or_default();
    Ok(variables(&[
        ("PATH", &format!("{}:{path}", bin.display())),
        ("CURL_HOME", &dir.display().to_string()),
        (BUILT, &binaries.dir().display().to_string()),
    ]))
}

/// A program that calls `special` where its first argument is `word`, and `other` otherwise.
fn stand_in(path: &Path, word: &str, special: &str, other: &str) -> anyhow::Result<()> {
    let script = format!(
        "#!/bin/sh\nif [ \"$1\" = {word} ]; then shift; exec {special} \"$@\"; fi\nexec {other} \"$@\"\n"
    );
    std::fs::write(path, script)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn words(command: &Command) -> String {
    let all = std::iter::once(command.get_program()).chain(command.get_args());
    all.map(|word| exec::quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
}
