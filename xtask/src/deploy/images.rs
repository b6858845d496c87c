//! The images a deployment needs, by the variable of the Compose files that names each.

use std::collections::BTreeMap;

use anyhow::ensure;

use super::stack::{ASK, Stack};

/// Variable and repository of what is built from this checkout.
const OWN: [(&str, &str); 3] = [
    ("KEEL_WORKER_IMAGE", "keel/worker"),
    ("KEEL_CLI_IMAGE", "keel/cli"),
    ("KEEL_SANDBOX_IMAGE", "keel/sandbox"),
];
/// Those of the overlay for machines without a registry.
const OFFLINE: [&str; 4] = ["keel/temporal", "keel/postgres", "keel/prometheus", "keel/alertmanager"];

/// Names the images of a build and makes sure that they are there.
///
/// # Errors
/// Names those that are missing.
pub fn resolve(stack: &Stack, build: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let images: BTreeMap<_, _> =
        OWN.iter().map(|(variable, name)| ((*variable).to_owned(), format!("{name}:{build}"))).collect();
    let mut needed: Vec<_> = images.values().cloned().collect();
    if stack.state.offline {
        needed.extend(OFFLINE.iter().map(|name| format!("{name}:latest")));
    }
    let listing = stack.docker.ask(&["images", "--format", "{{.Repository}}:{{.Tag}}"], ASK)?;
    let missing: Vec<_> = needed.iter().filter(|image| !listing.lines().any(|line| line == *image)).collect();
    ensure!(missing.is_empty(), "images are missing: {missing:?}; `cargo xtask image` builds them");
    Ok(images)
}
