//! The product's binaries, built by cargo and found by what cargo says it built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context;
use cargo_metadata::{Message, TargetKind};

use crate::exec;

/// The binaries of a stack.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// `keel`.
    pub keel: PathBuf,
    /// `keel-worker`.
    pub worker: PathBuf,
    /// `keel-sandbox`.
    pub sandbox: PathBuf,
}

impl Binaries {
    /// The folder they are all in.
    pub fn dir(&self) -> &Path {
        self.keel.parent().unwrap_or(&self.keel)
    }
}

/// The folder of debug binaries that are built already, as `cargo xtask docs` tells the commands it runs: to build fewer
/// crates at once means other features of what they depend on, and so to build that anew.
pub const BUILT: &str = "KEEL_BUILT";

/// Builds the three binaries.
///
/// # Errors
/// When cargo fails; it has said why.
pub fn build(release: bool) -> anyhow::Result<Binaries> {
    let mut args = vec!["-p", "keel-worker", "-p", "keel-client", "-p", "keel-sandbox", "--bins"];
    if release {
        args.push("--release");
    } else if let Some(found) = built() {
        return pick(found);
    }
    pick(cargo_build(&args)?)
}

/// Builds the three binaries and `keel-load`, whose path it returns beside them.
///
/// # Errors
/// When cargo fails; it has said why.
pub fn build_with_load(release: bool) -> anyhow::Result<(Binaries, PathBuf)> {
    let mut args =
        vec!["-p", "keel-worker", "-p", "keel-client", "-p", "keel-sandbox", "-p", "keel-load", "--bins"];
    if release {
        args.push("--release");
    }
    let built = if release { None } else { built() };
    let mut found = built.map_or_else(|| cargo_build(&args), Ok)?;
    let load = found.remove("keel-load").context("cargo built no binary `keel-load`")?;
    Ok((pick(found)?, load))
}

/// Builds binaries and tests of the whole workspace with the features the tests use, so that running them builds
/// nothing twice.
///
/// # Errors
/// When cargo fails; it has said why.
pub fn build_for_tests() -> anyhow::Result<Binaries> {
    pick(cargo_build(&["--workspace", "--bins", "--tests"])?)
}

/// Builds with these arguments of `cargo build` and returns the path of every binary by name.
///
/// # Errors
/// When cargo fails; it has said why.
fn cargo_build(args: &[&str]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    cargo_build_with(exec::cargo(), args)
}

/// The same with a `cargo` whose environment was prepared.
///
/// # Errors
/// When cargo fails; it has said why.
pub fn cargo_build_with(
    mut command: std::process::Command,
    args: &[&str],
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut out = tempfile::NamedTempFile::new()?;
    command.args(["build", "--locked", "--message-format", "json-render-diagnostics"]).args(args);
    exec::foreground(command.stdin(Stdio::null()).stdout(out.reopen()?))?;
    let mut found = BTreeMap::new();
    for message in Message::parse_stream(std::io::BufReader::new(out.as_file_mut())) {
        let Message::CompilerArtifact(artifact) = message.context("cannot read what cargo built")? else {
            continue;
        };
        let is_binary = artifact.target.kind.contains(&TargetKind::Bin) && !artifact.profile.test;
        if let (true, Some(path)) = (is_binary, artifact.executable) {
            found.insert(artifact.target.name, path.into_std_path_buf());
        }
    }
    Ok(found)
}

fn built() -> Option<BTreeMap<String, PathBuf>> {
    let dir = PathBuf::from(std::env::var_os(BUILT)?);
    let names = ["keel", "keel-worker", "keel-sandbox", "keel-load"];
    Some(names.map(|name| (name.to_owned(), dir.join(name))).into())
}

fn pick(mut found: BTreeMap<String, PathBuf>) -> anyhow::Result<Binaries> {
    let mut take = |name: &str| {
        found
            .remove(name)
            .with_context(|| format!("cargo built no binary `{name}`: is its crate in the workspace?"))
    };
    Ok(Binaries { keel: take("keel")?, worker: take("keel-worker")?, sandbox: take("keel-sandbox")? })
}
