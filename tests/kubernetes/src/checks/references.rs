//! What is named is there, or is known to be made outside.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::PodSpec;

use crate::outside;
use crate::pods::{containers, name, pods};
use crate::{Documents, each};

/// ConfigMaps, Secrets, accounts, claims, volumes, connections and scale targets exist; one namespace holds them all.
pub fn check(documents: &Documents) -> Vec<String> {
    let known = Known::new(documents);
    let mut problems = Vec::new();
    for pod in pods(documents) {
        let mut fail = |text: String| problems.push(format!("{}: {text}", pod.owner));
        let account = pod.spec.service_account_name.as_deref().unwrap_or("default");
        if !known.accounts.contains(account) {
            fail(format!("the ServiceAccount {account} is not there"));
        }
        volumes(pod.spec, &known, &mut fail);
        environment(pod.spec, &known, &mut fail);
    }
    problems.extend(custom(documents));
    problems.extend(namespaces(documents));
    problems
}

struct Known {
    configs: BTreeSet<String>,
    accounts: BTreeSet<String>,
    claims: BTreeSet<String>,
}

impl Known {
    fn new(documents: &Documents) -> Self {
        Self {
            configs: each!(documents, ConfigMap).map(|one| name(&one.metadata).to_owned()).collect(),
            accounts: each!(documents, ServiceAccount).map(|one| name(&one.metadata).to_owned()).collect(),
            claims: each!(documents, PersistentVolumeClaim)
                .map(|one| name(&one.metadata).to_owned())
                .collect(),
        }
    }
}

fn volumes(spec: &PodSpec, known: &Known, fail: &mut impl FnMut(String)) {
    let volumes = spec.volumes.as_deref().unwrap_or_default();
    for volume in volumes {
        if let Some(config) = &volume.config_map
            && !known.configs.contains(&config.name)
        {
            fail(format!("volume {}: the ConfigMap {} is not there", volume.name, config.name));
        }
        if let Some(secret) = volume.secret.as_ref().and_then(|secret| secret.secret_name.as_deref())
            && !outside::SECRETS.contains(&secret)
        {
            fail(format!("volume {}: nobody is told to make the Secret {secret}", volume.name));
        }
        if let Some(claim) = &volume.persistent_volume_claim
            && !known.claims.contains(&claim.claim_name)
        {
            fail(format!(
                "volume {}: the PersistentVolumeClaim {} is not there",
                volume.name, claim.claim_name
            ));
        }
        let used = containers(spec)
            .any(|container| container.volume_mounts.iter().flatten().any(|mount| mount.name == volume.name));
        if !used {
            fail(format!("volume {} is mounted nowhere", volume.name));
        }
    }
    for container in containers(spec) {
        for mount in container.volume_mounts.iter().flatten() {
            if !volumes.iter().any(|volume| volume.name == mount.name) {
                fail(format!(
                    "container {} mounts the volume {}, which is not there",
                    container.name, mount.name
                ));
            }
        }
    }
}

fn environment(spec: &PodSpec, known: &Known, fail: &mut impl FnMut(String)) {
    for container in containers(spec) {
        for from in container.env_from.iter().flatten() {
            if let Some(config) = &from.config_map_ref
                && !known.configs.contains(&config.name)
            {
                fail(format!("container {}: the ConfigMap {} is not there", container.name, config.name));
            }
        }
        let mut before = BTreeSet::new();
        for variable in container.env.iter().flatten() {
            for (used, _) in uses(variable.value.as_deref().unwrap_or_default()) {
                if !before.contains(used) {
                    fail(format!("{} uses $({used}), which is not set before it", variable.name));
                }
            }
            before.insert(variable.name.as_str());
        }
    }
}

/// The `$(NAME)` in a value, each with the rest after it.
fn uses(value: &str) -> impl Iterator<Item = (&str, &str)> {
    value.split("$(").skip(1).filter_map(|part| part.split_once(')'))
}

fn custom(documents: &Documents) -> Vec<String> {
    let mut problems = Vec::new();
    for worker in each!(documents, WorkerDeployment) {
        let wanted = &worker.spec.worker_options.connection_ref.name;
        if !each!(documents, Connection).any(|connection| name(&connection.metadata) == wanted) {
            problems.push(format!(
                "WorkerDeployment {}: the Connection {wanted} is not there",
                name(&worker.metadata)
            ));
        }
    }
    for connection in each!(documents, Connection) {
        let spec = &connection.spec;
        let mutual = spec.mutual_tls_secret_ref.as_ref().map(|secret| secret.name.as_str());
        let key = spec.api_key_secret_ref.as_ref().map(|secret| secret.name.as_str());
        for secret in mutual.into_iter().chain(key).filter(|secret| !outside::SECRETS.contains(secret)) {
            problems.push(format!("Connection: nobody is told to make the Secret {secret}"));
        }
        if mutual.is_some() && key.is_some() {
            problems.push("Connection: takes mutualTLSSecretRef or apiKeySecretRef, not both".to_owned());
        }
    }
    problems
}

fn namespaces(documents: &Documents) -> Vec<String> {
    let declared: Vec<&str> = each!(documents, Namespace).map(|one| name(&one.metadata)).collect();
    let used: BTreeSet<Option<&str>> = pods_namespaces(documents).collect();
    let mut problems = Vec::new();
    for namespace in used {
        if !namespace.is_some_and(|namespace| declared.contains(&namespace)) {
            problems.push(format!("objects are in the namespace {namespace:?}, which no document declares"));
        }
    }
    problems
}

fn pods_namespaces(documents: &Documents) -> impl Iterator<Item = Option<&str>> {
    let deployments = each!(documents, Deployment).map(|one| one.metadata.namespace.as_deref());
    let workers = each!(documents, WorkerDeployment).map(|one| one.metadata.namespace.as_deref());
    let configs = each!(documents, ConfigMap).map(|one| one.metadata.namespace.as_deref());
    let scaled = each!(documents, ScaledObject).map(|one| one.metadata.namespace.as_deref());
    deployments.chain(workers).chain(configs).chain(scaled)
}
