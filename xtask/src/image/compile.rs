//! Static binaries that are the same wherever they are built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

use super::product::PRODUCTS;
use crate::{binaries, exec, paths};

/// Separates flags in `CARGO_ENCODED_RUSTFLAGS`.
const SEPARATOR: &str = "\u{1f}";

/// The flags that make a binary static and leave nothing of the link in it. Not in `.cargo/config.toml`, so that an
/// ordinary build stays as it is.
const RUSTFLAGS: [&str; 2] = ["-Ctarget-feature=+crt-static", "-Clink-arg=-Wl,--build-id=none"];

/// The target that images of this machine's architecture need; static means glibc without a loader.
///
/// # Errors
/// On an architecture nobody has tried.
fn target() -> anyhow::Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("x86_64-unknown-linux-gnu"),
        ("linux", "aarch64") => Ok("aarch64-unknown-linux-gnu"),
        (os, arch) => bail!(
            "images are built on Linux (x86_64 or aarch64), not on {os} on {arch}: use \
             `docker build -f deploy/docker/Dockerfile --build-arg ROLE=worker .`"
        ),
    }
}

/// The arguments of `cargo build`. All products at once, whichever is wanted: the features of what they share depend on who
/// is built with whom, and with them the bytes.
fn arguments(target: &str) -> Vec<&str> {
    let mut args = vec!["--release", "--target", target];
    for product in &PRODUCTS {
        args.extend(["-p", product.package]);
    }
    args.push("--bins");
    args
}

/// Builds every product and returns each one's binary by name.
///
/// # Errors
/// When cargo fails, having said why, or a binary would need a loader.
pub fn compile() -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let target = target()?;
    let mut command = exec::cargo();
    prepare(&mut command, target)?;
    let found = binaries::cargo_build_with(command, &arguments(target))?;
    for product in &PRODUCTS {
        let path = found
            .get(product.binary)
            .with_context(|| format!("cargo built no binary `{}`", product.binary))?;
        ensure!(is_static(path)?, "{} needs a loader, so it cannot run in an empty image", path.display());
    }
    Ok(found)
}

/// Sets the environment in which Rust and C leave no path of this machine in what they make.
fn prepare(command: &mut Command, target: &str) -> anyhow::Result<()> {
    let metadata = MetadataCommand::new()
        .current_dir(paths::root())
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .context("cannot read the workspace")?;
    let prefixes = prefixes(&metadata);
    let mut flags: Vec<String> = RUSTFLAGS.map(str::to_owned).into();
    flags.push(format!("--remap-path-prefix={}", standard_library()?));
    flags.extend(prefixes.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")));
    let c_flags: Vec<String> =
        prefixes.iter().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join(SEPARATOR));
    command.env(format!("CFLAGS_{}", target.replace('-', "_")), c_flags.join(" "));
    // For what asks for a time while it is compiled, such as C's __DATE__. The commit's would compile all C, and with it the
    // SDK, anew for each commit.
    command.env("SOURCE_DATE_EPOCH", "0");
    command.env_remove("RUSTFLAGS");
    Ok(())
}

/// Every folder that sources come from, with what it is called in the binaries; of those that fit, the last one counts.
fn prefixes(metadata: &Metadata) -> Vec<(String, String)> {
    let mut sources: Vec<&Path> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .filter_map(|package| package.manifest_path.as_std_path().parent()?.parent())
        .collect();
    sources.sort_unstable();
    sources.dedup();
    let mut found: Vec<(String, String)> =
        sources.into_iter().map(|dir| (dir.display().to_string(), "/crates".to_owned())).collect();
    found.push((metadata.workspace_root.to_string(), "/keel".to_owned()));
    found.push((metadata.target_directory.to_string(), "/keel/target".to_owned()));
    found
}

/// The sources of the standard library, where they are installed, as the compiler calls them where they are not.
fn standard_library() -> anyhow::Result<String> {
    let ask = |args: &[&str]| -> anyhow::Result<String> {
        let mut command = exec::tied(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()), "TERM");
        command.args(args).current_dir(paths::root());
        exec::capture(&mut command, Duration::from_secs(30))?.ok("rustc")
    };
    let sysroot = ask(&["--print", "sysroot"])?;
    let version = ask(&["-vV"])?;
    let commit = version
        .lines()
        .find_map(|line| line.strip_prefix("commit-hash: "))
        .context("rustc does not tell its commit")?;
    Ok(format!("{}/lib/rustlib/src/rust=/rustc/{commit}", sysroot.trim()))
}

/// Whether a program runs without a loader: no segment of its ELF header asks for one.
fn is_static(path: &Path) -> anyhow::Result<bool> {
    const PT_INTERP: u32 = 3;
    let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let number = |at: usize, length: usize| -> Option<u64> {
        let mut value = [0; 8];
        value[..length].copy_from_slice(bytes.get(at..at + length)?);
        Some(u64::from_le_bytes(value))
    };
    let segments = || -> Option<Vec<u64>> {
        if bytes.get(..5)? != b"\x7fELF\x02" {
            return None;
        }
        let (table, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
        (0..count).map(|index| number(usize::try_from(table + index * size).ok()?, 4)).collect()
    };
    let segments = segments().with_context(|| format!("{} is no 64-bit ELF program", path.display()))?;
    Ok(!segments.contains(&u64::from(PT_INTERP)))
}

/// The command as a person would read it in a plan.
pub fn shown() -> anyhow::Result<String> {
    let mut command = Command::new("cargo");
    command.stdin(Stdio::null()).args(["build", "--locked"]).args(arguments(target()?));
    Ok(exec::show(&command))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{is_static, prefixes};

    #[test]
    fn a_program_with_a_loader_is_told_from_one_without() {
        // This very test runs with a loader.
        assert!(!is_static(&std::env::current_exe().unwrap()).unwrap());
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = b"\x7fELF\x02".to_vec();
        bytes.resize(64, 0);
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes.extend([1_u8, 0, 0, 0]);
        let path = dir.path().join("static");
        std::fs::write(&path, &bytes).unwrap();
        assert!(is_static(&path).unwrap());
        bytes[64] = 3;
        std::fs::write(&path, &bytes).unwrap();
        assert!(!is_static(&path).unwrap());
        std::fs::write(&path, "#!/bin/sh").unwrap();
        assert!(is_static(&path).unwrap_err().to_string().contains("ELF"));
    }

    #[test]
    fn every_source_of_the_workspace_gets_a_name_that_is_the_same_everywhere() {
        let metadata = cargo_metadata::MetadataCommand::new()
            .current_dir(crate::paths::root())
            .other_options(vec!["--locked".to_owned(), "--offline".to_owned()])
            .exec()
            .unwrap();
        let prefixes = prefixes(&metadata);
        for package in &metadata.packages {
            let covered = prefixes.iter().any(|(from, _)| package.manifest_path.starts_with(from));
            assert!(covered, "{}", package.manifest_path);
        }
        assert!(prefixes.iter().all(|(from, _)| Path::new(from).is_absolute()));
    }
}
