//! Images as the engine has them.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::archive::{self, Written};
use super::spec::Image;
use crate::paths;
use crate::tools::Docker;

const ASK: Duration = Duration::from_secs(30);
const LOAD: Duration = Duration::from_secs(300);

/// An image that the engine has.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Present {
    /// Its digest, as `docker images --no-trunc` shows it.
    pub id: String,
    /// Bytes of all layers.
    pub size: u64,
    /// How its containers start.
    pub config: Config,
}

/// The part of an image's configuration that is looked at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Config {
    /// Whom its containers run as.
    #[serde(default)]
    pub user: String,
    /// Its labels.
    #[serde(default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// How a container is asked whether it is well.
    pub healthcheck: Option<Healthcheck>,
    /// The signal that stops it.
    #[serde(default)]
    pub stop_signal: String,
}

/// See [`Config::healthcheck`].
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `CMD` and the call.
    pub test: Vec<String>,
}

impl Present {
    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }
}

/// The image of this name, if the engine has it.
///
/// # Errors
/// When the engine does not answer, or not as expected.
pub fn find(docker: &Docker, reference: &str) -> anyhow::Result<Option<Present>> {
    let mut command = docker.command(&["image", "inspect", reference]);
    let output = crate::exec::capture(&mut command, ASK)?;
    if !output.status.success() && output.stderr.to_lowercase().contains("no such image") {
        return Ok(None);
    }
    let text = output.ok("docker image inspect")?;
    let mut found: Vec<Present> =
        serde_json::from_str(&text).with_context(|| format!("cannot understand the image {reference}"))?;
    Ok(found.pop())
}

/// Gives an image that the engine has another name.
///
/// # Errors
/// When it has none of that name.
pub fn tag(docker: &Docker, from: &str, to: &str) -> anyhow::Result<()> {
    docker.ask(&["tag", from, to], ASK).map(drop)
}

/// Loads the image under both of its names.
///
/// # Errors
/// When it cannot be written or loaded, or the engine made something else of it.
pub fn load(docker: &Docker, image: &Image) -> anyhow::Result<Present> {
    let dir = paths::keel("images");
    paths::create(&dir)?;
    let work = tempfile::tempdir_in(&dir).context("cannot create a temporary folder for the image")?;
    let path = work.path().join("image.tar");
    let written = archive::write(image, &path)?;
    load_file(docker, &path)?;
    let reference = image.reference();
    let present = find(docker, &reference)?
        .with_context(|| format!("the engine loaded {reference} and does not have it"))?;
    ensure!(
        is(&present, &written),
        "the engine has {reference} as {}, expected {} or {}",
        present.id,
        written.config,
        written.manifest
    );
    Ok(present)
}

/// Engines with containerd's store call an image by its manifest, others by its configuration.
fn is(present: &Present, written: &Written) -> bool {
    present.id == written.config || present.id == written.manifest
}

fn load_file(docker: &Docker, path: &Path) -> anyhow::Result<()> {
    let mut command = docker.command(&["load", "--quiet", "--input"]);
    command.arg(path);
    crate::exec::capture(&mut command, LOAD)?.ok("docker load").map(drop)
}
