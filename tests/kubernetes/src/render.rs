//! Rendering with the real Kustomize.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

/// The folder `deploy/kubernetes` of this checkout.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes")
}

/// The overlays, by name.
///
/// # Errors
/// When the folder cannot be read, or is empty.
pub fn overlays() -> anyhow::Result<Vec<String>> {
    let dir = folder().join("overlays");
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    anyhow::ensure!(!names.is_empty(), "{} holds no overlay", dir.display());
    Ok(names)
}

/// Renders a folder of `deploy/kubernetes`, such as `overlays/production`, with `KEEL_TEST_KUBECTL`, else the `kubectl` of
/// the PATH.
///
/// # Errors
/// When there is no kubectl, or with what it says is wrong.
pub fn render(part: &str) -> anyhow::Result<String> {
    let kubectl = std::env::var_os("KEEL_TEST_KUBECTL").unwrap_or_else(|| "kubectl".into());
    let output =
        Command::new(&kubectl).arg("kustomize").arg(folder().join(part)).output().with_context(|| {
            format!(
                "cannot start {}: `cargo xtask test` brings one, `cargo xtask tools` says which",
                kubectl.display()
            )
        })?;
    if !output.status.success() {
        bail!("kubectl kustomize {part}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
