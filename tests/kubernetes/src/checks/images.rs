//! Images: ours, with a tag that says which build.

use std::collections::BTreeSet;

use crate::Documents;
use crate::pods::{containers, pods};

/// The images that `cargo xtask image` makes.
const OURS: [&str; 2] = ["keel/worker", "keel/cli"];

/// In a rendered overlay every image has a tag or digest, and all of ours have the same.
pub fn check(documents: &Documents) -> Vec<String> {
    let mut problems = Vec::new();
    let mut tags = BTreeSet::new();
    for pod in pods(documents) {
        for container in containers(pod.spec) {
            let image = container.image.as_deref().unwrap_or_default();
            let (name, tag) = split(image);
            if !OURS.iter().any(|ours| name == *ours || name.ends_with(&format!("/{ours}"))) {
                problems.push(format!("{}: the image {name} is none of ours", pod.owner));
            }
            match tag {
                None => {
                    problems.push(format!("{}: {image} is pinned by no tag; list it under images", pod.owner))
                }
                Some("latest") => problems.push(format!("{}: {image} is whatever came last", pod.owner)),
                Some(tag) => {
                    tags.insert(tag.to_owned());
                }
            }
        }
    }
    if tags.len() > 1 {
        problems.push(format!("images of several builds: {tags:?}"));
    }
    problems
}

/// Divides an image into its name and its tag or digest; a port of a registry is no tag.
pub fn split(image: &str) -> (&str, Option<&str>) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, Some(digest));
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    }
}
