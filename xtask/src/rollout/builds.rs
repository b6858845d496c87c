//! Builds beside the current one, each as a Compose service of its own that is made from `temporal-worker`.

use std::time::Duration;

use anyhow::Context;
use serde_json::{Map, Value, json};

use crate::deploy::{Beside, Build, Stack, WORKER, drain, replace};

const CONFIG: Duration = Duration::from_secs(60);
const UP: Duration = Duration::from_secs(120);
const READY: Duration = Duration::from_secs(90);
const FILE: &str = "builds.yml";
const IMAGE: &str = "KEEL_WORKER_IMAGE";

/// The service that a build runs as beside the current one.
pub fn service(build: &str) -> String {
    let plain: String =
        build.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    format!("{WORKER}-{plain}")
}

/// The image of a build's workers.
pub fn image(build: &Build) -> anyhow::Result<&str> {
    build
        .images
        .get(IMAGE)
        .map(String::as_str)
        .with_context(|| format!("nobody noted the image of build {}: deploy it by --build-id", build.id))
}

/// Has `replicas` workers of a build poll beside the current one; what runs already is kept.
///
/// # Errors
/// When they do not get ready.
pub fn run_beside(stack: &mut Stack, build: &Build, replicas: usize) -> anyhow::Result<()> {
    let others = stack.state.beside.iter().filter(|one| one.build.id != build.id).cloned();
    let mut beside: Vec<_> = others.collect();
    beside.push(Beside { build: build.clone(), replicas });
    stack.state.beside = beside;
    write(stack)?;
    let service = service(&build.id);
    let running = stack.service(&service)?;
    if running.len() > replicas {
        // More than wanted are there: the newest go, each with the time to drain.
        drain(stack, &service, running.into_iter().skip(replicas).collect())?;
    }
    let scale = format!("{service}={replicas}");
    let args = ["up", "-d", "--no-deps", "--no-build", "--no-recreate", "--scale", &scale, &service];
    stack.change(stack.compose(&["--progress", "quiet"]).args(args), UP)?;
    stack.wait_ready(&service, replicas, READY).map(drop)
}

/// Drains and removes the workers of a build that run beside the current one.
///
/// # Errors
/// When one does not drain in time; they are gone all the same.
pub fn stop_beside(stack: &mut Stack, build: &str) -> anyhow::Result<()> {
    let running = stack.service(&service(build))?;
    let drained = if running.is_empty() { Ok(()) } else { drain(stack, &service(build), running) };
    stack.state.beside.retain(|one| one.build.id != build);
    write(stack)?;
    drained
}

/// Writes the generated file and the state it is made from.
fn write(stack: &Stack) -> anyhow::Result<()> {
    let path = stack.dir().join(FILE);
    if stack.state.beside.is_empty() {
        stack.save()?;
        return match std::fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    }
    let mut config = stack.compose(&["config", "--format", "json"]);
    let text = crate::exec::capture(&mut config, CONFIG)?.ok("docker compose config")?;
    let resolved: Value = serde_json::from_str(&text).context("docker compose config")?;
    let document = generated(&resolved["services"][WORKER], &stack.state.beside)?;
    // JSON is YAML.
    replace(&path, &serde_json::to_vec_pretty(&document)?)?;
    stack.save()
}

/// The file: the worker as Compose resolves it, once for each build.
fn generated(worker: &Value, beside: &[Beside]) -> anyhow::Result<Value> {
    let mut services = Map::new();
    for one in beside {
        let mut copy = escaped(worker);
        copy["image"] = json!(image(&one.build)?);
        copy["environment"]["KEEL__WORKER__BUILD_ID"] = json!(one.build.id);
        copy["deploy"]["replicas"] = json!(one.replicas);
        services.insert(service(&one.build.id), copy);
    }
    Ok(json!({ "services": services }))
}

/// What Compose resolved it would resolve again.
fn escaped(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.replace('$', "$$")),
        Value::Array(values) => Value::Array(values.iter().map(escaped).collect()),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(key, value)| (key.clone(), escaped(value))).collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{generated, service};
    use crate::deploy::{Beside, Build};

    #[test]
    fn a_build_is_the_worker_with_its_own_image_id_and_replicas() {
        let worker = json!({"image": "keel/worker:a", "environment": {"KEEL__WORKER__BUILD_ID": "a", "X": "$y"},
            "deploy": {"replicas": 3, "resources": {}}, "networks": {"app": {"aliases": ["temporal-workers"]}}});
        let build = Build {
            id: "b-dirty-1".to_owned(),
            images: [("KEEL_WORKER_IMAGE".to_owned(), "keel/worker:b".to_owned())].into(),
        };
        let made = generated(&worker, &[Beside { build, replicas: 1 }]).unwrap();
        let one = &made["services"]["temporal-worker-b-dirty-1"];
        assert_eq!(one["image"], "keel/worker:b");
        assert_eq!(one["environment"], json!({"KEEL__WORKER__BUILD_ID": "b-dirty-1", "X": "$$y"}));
        assert_eq!(one["deploy"], json!({"replicas": 1, "resources": {}}));
        assert_eq!(one["networks"], worker["networks"]);
    }

    #[test]
    fn a_build_without_an_image_is_refused_by_name() {
        let build = Build { id: "b".to_owned(), ..Build::default() };
        let error = generated(&json!({}), &[Beside { build, replicas: 1 }]).unwrap_err().to_string();
        assert!(error.contains("build b"), "{error}");
    }

    #[test]
    fn services_have_names_that_compose_takes() {
        assert_eq!(service("0123-dirty-ab"), "temporal-worker-0123-dirty-ab");
        assert_eq!(service("a/b c"), "temporal-worker-a-b-c");
    }
}
