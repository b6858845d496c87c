//! Every container runs with as little as it needs; more than the Pod Security Standard `restricted` asks for.

use k8s_openapi::api::core::v1::Container;

use crate::pods::{Pod, containers, name, pods};
use crate::{Documents, each};

/// The lowest user that no distribution gives to anybody.
const LOWEST_USER: i64 = 10_000;

/// Users, capabilities, file systems, tokens, resources.
pub fn check(documents: &Documents) -> Vec<String> {
    let mut problems = Vec::new();
    for pod in pods(documents) {
        let mut wrong = of_pod(&pod);
        wrong.extend(containers(pod.spec).flat_map(of_container));
        problems.extend(wrong.into_iter().map(|text| format!("{}: {text}", pod.owner)));
    }
    for account in each!(documents, ServiceAccount) {
        if account.automount_service_account_token != Some(false) {
            problems.push(format!("ServiceAccount {}: hands out its token", name(&account.metadata)));
        }
    }
    problems
}

fn of_pod(pod: &Pod<'_>) -> Vec<String> {
    let spec = pod.spec;
    let context = spec.security_context.clone().unwrap_or_default();
    let seccomp = context.seccomp_profile.as_ref().map(|profile| profile.type_.as_str());
    let host_paths = spec.volumes.iter().flatten().any(|volume| volume.host_path.is_some());
    [
        (context.run_as_non_root == Some(true), "runAsNonRoot is not true"),
        (
            context.run_as_user.is_some_and(|user| user >= LOWEST_USER),
            "runAsUser is not a number of 10000 or more",
        ),
        (seccomp == Some("RuntimeDefault"), "seccompProfile is not RuntimeDefault"),
        (spec.automount_service_account_token == Some(false), "automountServiceAccountToken is not false"),
        (spec.host_network != Some(true), "hostNetwork is on"),
        (spec.host_pid != Some(true), "hostPID is on"),
        (spec.host_ipc != Some(true), "hostIPC is on"),
        (!host_paths, "a volume is a hostPath"),
    ]
    .into_iter()
    .filter(|(fine, _)| !fine)
    .map(|(_, text)| text.to_owned())
    .collect()
}

fn of_container(container: &Container) -> Vec<String> {
    let context = container.security_context.clone().unwrap_or_default();
    let capabilities = context.capabilities.unwrap_or_default();
    let resources = container.resources.clone().unwrap_or_default();
    let (requests, limits) = (resources.requests.unwrap_or_default(), resources.limits.unwrap_or_default());
    let secrets = container
        .env
        .iter()
        .flatten()
        .any(|variable| variable.value_from.as_ref().is_some_and(|from| from.secret_key_ref.is_some()))
        || container.env_from.iter().flatten().any(|from| from.secret_ref.is_some());
    [
        (context.allow_privilege_escalation == Some(false), "allowPrivilegeEscalation is not false"),
        (context.read_only_root_filesystem == Some(true), "readOnlyRootFilesystem is not true"),
        (context.privileged != Some(true), "privileged is on"),
        (
            capabilities.drop.is_some_and(|dropped| dropped == ["ALL"]) && capabilities.add.is_none(),
            "capabilities are not: drop ALL",
        ),
        (requests.contains_key("cpu"), "no CPU is requested"),
        (requests.contains_key("memory"), "no memory is requested"),
        (limits.contains_key("memory"), "memory has no limit"),
        (!secrets, "a secret is in the environment; mount it as a file"),
    ]
    .into_iter()
    .filter(|(fine, _)| !fine)
    .map(|(_, text)| format!("container {}: {text}", container.name))
    .collect()
}
