//! The images a deployment needs, by the variable of the Compose files that names each.

use std::collections::BTreeMap;

use anyhow::ensure;

use super::stack::{ASK, Stack};
use super::state::Build;
use crate::image::{self, Role, Stamp};

/// Images of this checkout, built unless the engine has them.
///
/// # Errors
/// When a build fails, or the engine does not take an image.
pub fn of_this_checkout(stack: &Stack) -> anyhow::Result<Build> {
    let stamp = Stamp::read()?;
    let mut images = named(&stamp.build_id);
    if !stack.is_dry() {
        let mut roles = Role::PRODUCTS.to_vec();
        if stack.state.offline {
            roles.extend(Role::OFFLINE);
        }
        for made in image::ensure(&stack.docker, &roles, &stamp, false)? {
            images.insert(variable(made.role), made.image);
        }
    }
    Ok(Build { id: stamp.build_id, images })
}

/// Images with this tag, which must be here.
///
/// # Errors
/// Names those that are missing.
pub fn tagged(stack: &Stack, tag: &str) -> anyhow::Result<Build> {
    let mut images = named(tag);
    if stack.state.offline {
        for role in Role::OFFLINE {
            // They are of other programs and have versions of their own.
            let before = stack.state.build.images.get(&variable(role.name())).cloned();
            let image = before.unwrap_or_else(|| format!("keel/{}:latest", role.name()));
            images.insert(variable(role.name()), image);
        }
    }
    let listing = stack.docker.ask(&["images", "--format", "{{.Repository}}:{{.Tag}}"], ASK)?;
    let missing: Vec<_> =
        images.values().filter(|image| !listing.lines().any(|line| line == **image)).cloned().collect();
    ensure!(
        missing.is_empty(),
        "the engine does not have {}: `cargo xtask image` makes the images of this checkout, `docker images keel/*` \
         lists those that are here",
        missing.join(", ")
    );
    Ok(Build { id: tag.to_owned(), images })
}

fn named(tag: &str) -> BTreeMap<String, String> {
    let names = Role::PRODUCTS.map(Role::name);
    names.into_iter().map(|name| (variable(name), format!("keel/{name}:{tag}"))).collect()
}

/// The variable of the Compose files.
fn variable(role: &str) -> String {
    format!("KEEL_{}_IMAGE", role.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::{Role, named, variable};

    #[test]
    fn the_compose_files_use_every_variable() {
        let root = crate::paths::root();
        let read = |name: &str| std::fs::read_to_string(root.join("deploy").join(name)).unwrap();
        let (production, offline) =
            (read("docker-compose.production.yml"), read("docker-compose.offline.yml"));
        for role in Role::PRODUCTS {
            let default = format!("${{{}:-keel/{}:latest}}", variable(role.name()), role.name());
            assert!(production.contains(&default), "{default}");
        }
        for role in Role::OFFLINE {
            let default = format!("${{{}:-keel/{}:latest}}", variable(role.name()), role.name());
            assert!(offline.contains(&default), "{default}");
        }
    }

    #[test]
    fn a_build_names_one_tag_everywhere() {
        assert_eq!(named("b1")["KEEL_WORKER_IMAGE"], "keel/worker:b1");
        assert_eq!(named("b1").len(), 3);
    }
}
