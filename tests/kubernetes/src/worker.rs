//! What only the product can say: whether it takes the settings of a pod, and which pages it serves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::{Container, PodSpec};
use serde_json::Value;

use crate::pods::{Pod, name};
use crate::{Documents, each, outside};

/// A container as it will find itself: its variables, and its files below a folder of this machine.
#[derive(Debug)]
pub struct Staged {
    /// The variables. Paths of mounted files lead into the folder.
    pub environment: BTreeMap<String, String>,
    _folder: tempfile::TempDir,
}

/// The program of an image, from `KEEL_TEST_BIN_DIR`, else from the folder of this build.
///
/// # Errors
/// When it has not been built.
pub fn binary(image: &str) -> anyhow::Result<PathBuf> {
    let program = if image.ends_with("keel/cli") { "keel" } else { "keel-worker" };
    let dir = std::env::var_os("KEEL_TEST_BIN_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug"), PathBuf::from);
    let path = dir.join(program);
    ensure!(path.is_file(), "{} is not built: run `cargo xtask test --filter kubernetes`", path.display());
    Ok(path)
}

/// Lays out what a container mounts, and gathers its variables.
///
/// # Errors
/// When something it names has no sample.
pub fn stage(documents: &Documents, pod: &Pod<'_>, container: &Container) -> anyhow::Result<Staged> {
    let folder = tempfile::tempdir()?;
    let mut moved: Vec<(String, String)> = Vec::new();
    for mount in container.volume_mounts.iter().flatten() {
        let to = folder.path().join(mount.mount_path.trim_start_matches('/'));
        std::fs::create_dir_all(&to)?;
        moved.push((mount.mount_path.clone(), to.display().to_string()));
    }
    let relocate = |text: &str| moved.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    for mount in container.volume_mounts.iter().flatten() {
        let to = PathBuf::from(relocate(&mount.mount_path));
        for (file, text) in files(documents, pod.spec, &mount.name)? {
            std::fs::write(to.join(file), relocate(&text))?;
        }
    }
    let environment =
        variables(documents, container)?.into_iter().map(|(name, value)| (name, relocate(&value))).collect();
    Ok(Staged { environment, _folder: folder })
}

fn files(documents: &Documents, spec: &PodSpec, volume: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let volume = spec
        .volumes
        .iter()
        .flatten()
        .find(|one| one.name == volume)
        .with_context(|| format!("no volume {volume}"))?;
    if let Some(config) = &volume.config_map {
        return data(documents, &config.name);
    }
    if let Some(secret) = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref()) {
        return outside::sample(secret);
    }
    Ok(BTreeMap::new())
}

fn data(documents: &Documents, config: &str) -> anyhow::Result<BTreeMap<String, String>> {
    each!(documents, ConfigMap)
        .find(|one| name(&one.metadata) == config)
        .map(|one| one.data.clone().unwrap_or_default())
        .with_context(|| format!("no ConfigMap {config}"))
}

/// The variables in the order of strength; what the kubelet fills in gets a sample.
fn variables(documents: &Documents, container: &Container) -> anyhow::Result<BTreeMap<String, String>> {
    let mut all = BTreeMap::new();
    for from in container.env_from.iter().flatten() {
        if let Some(config) = &from.config_map_ref {
            all.extend(data(documents, &config.name)?);
        }
    }
    for variable in container.env.iter().flatten() {
        let mut value = variable.value.clone().unwrap_or_else(|| "sample".to_owned());
        for (earlier, text) in &all {
            value = value.replace(&format!("$({earlier})"), text);
        }
        all.insert(variable.name.clone(), value);
    }
    Ok(all)
}

/// A command of the container's program in its surroundings and in no others.
///
/// # Errors
/// When the program has not been built.
pub fn command(container: &Container, staged: &Staged) -> anyhow::Result<Command> {
    let image = crate::checks::images::split(container.image.as_deref().unwrap_or_default()).0;
    let mut command = Command::new(binary(image)?);
    command.env_clear().envs(&staged.environment);
    Ok(command)
}

/// The effective settings, each key with its value.
///
/// # Errors
/// With what the program says is wrong: unknown keys, values out of range, files that are not there.
pub fn settings(container: &Container, staged: &Staged) -> anyhow::Result<BTreeMap<String, Value>> {
    if container.image.as_deref().unwrap_or_default().contains("keel/worker") {
        let check = command(container, staged)?.args(["config", "check"]).output()?;
        ensure!(
            check.status.success(),
            "the worker refuses its settings: {}",
            String::from_utf8_lossy(&check.stderr).trim()
        );
    }
    let print = command(container, staged)?.args(["config", "print", "--output", "json"]).output()?;
    ensure!(
        print.status.success(),
        "{} refuses its settings: {}",
        container.name,
        String::from_utf8_lossy(&print.stderr).trim()
    );
    let values: BTreeMap<String, Value> = serde_json::from_slice(&print.stdout)?;
    Ok(values.into_iter().map(|(key, mut value)| (key, value["value"].take())).collect())
}
