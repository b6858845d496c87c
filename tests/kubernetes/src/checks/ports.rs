//! Ports meet: probes, services, monitors and policies name ports that containers have.

use k8s_openapi::api::core::v1::{Container, Probe};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::pods::{Pod, containers, name, pods, selects};
use crate::{Documents, each};

/// Every port that is named is there, and every container is probed in all three ways.
pub fn check(documents: &Documents) -> Vec<String> {
    let pods = pods(documents);
    let mut problems = Vec::new();
    for pod in &pods {
        for container in &pod.spec.containers {
            probes(pod, container, &mut problems);
        }
    }
    for service in each!(documents, Service) {
        let spec = service.spec.clone().unwrap_or_default();
        let selector = LabelSelector { match_labels: spec.selector, match_expressions: None };
        for port in spec.ports.unwrap_or_default() {
            let target = port.target_port.unwrap_or(IntOrString::Int(port.port));
            reach(&pods, &selector, &target, &format!("Service {}", name(&service.metadata)), &mut problems);
        }
    }
    for monitor in each!(documents, PodMonitor) {
        for endpoint in &monitor.spec.pod_metrics_endpoints {
            let port = IntOrString::String(endpoint.port.clone().unwrap_or_default());
            let what = format!("PodMonitor {}", name(&monitor.metadata));
            reach(&pods, &monitor.spec.selector, &port, &what, &mut problems);
        }
    }
    service_monitors(documents, &mut problems);
    for policy in each!(documents, NetworkPolicy) {
        let spec = policy.spec.clone().unwrap_or_default();
        let selector = spec.pod_selector.unwrap_or_default();
        let ports =
            spec.ingress.unwrap_or_default().into_iter().flat_map(|rule| rule.ports.unwrap_or_default());
        for port in ports.filter_map(|port| port.port) {
            reach(
                &pods,
                &selector,
                &port,
                &format!("NetworkPolicy {}", name(&policy.metadata)),
                &mut problems,
            );
        }
    }
    problems
}

fn probes(pod: &Pod<'_>, container: &Container, problems: &mut Vec<String>) {
    let probes = [
        ("startupProbe", &container.startup_probe),
        ("livenessProbe", &container.liveness_probe),
        ("readinessProbe", &container.readiness_probe),
    ];
    for (kind, probe) in probes {
        let what = format!("{}, container {}: {kind}", pod.owner, container.name);
        let Some(http) = probe.as_ref().and_then(|probe: &Probe| probe.http_get.as_ref()) else {
            problems.push(format!("{what} asks nothing over HTTP"));
            continue;
        };
        if !has(container, &http.port) {
            problems.push(format!(
                "{what} asks the port {}, which the container does not have",
                shown(&http.port)
            ));
        }
    }
}

fn service_monitors(documents: &Documents, problems: &mut Vec<String>) {
    for monitor in each!(documents, ServiceMonitor) {
        for endpoint in &monitor.spec.endpoints {
            let found = each!(documents, Service)
                .filter(|service| {
                    selects(&monitor.spec.selector, &service.metadata.labels.clone().unwrap_or_default())
                })
                .any(|service| {
                    let ports =
                        service.spec.as_ref().and_then(|spec| spec.ports.as_deref()).unwrap_or_default();
                    ports.iter().any(|port| port.name == endpoint.port)
                });
            if !found {
                let port = endpoint.port.as_deref().unwrap_or_default();
                problems.push(format!(
                    "ServiceMonitor {}: no Service has the port {port}",
                    name(&monitor.metadata)
                ));
            }
        }
    }
}

fn reach(
    pods: &[Pod<'_>],
    selector: &LabelSelector,
    port: &IntOrString,
    what: &str,
    problems: &mut Vec<String>,
) {
    for pod in pods.iter().filter(|pod| selects(selector, &pod.labels)) {
        if !containers(pod.spec).any(|container| has(container, port)) {
            problems.push(format!(
                "{what} wants the port {}, which {} does not have",
                shown(port),
                pod.owner
            ));
        }
    }
}

fn has(container: &Container, port: &IntOrString) -> bool {
    container.ports.iter().flatten().any(|one| match port {
        IntOrString::Int(number) => one.container_port == *number,
        IntOrString::String(name) => one.name.as_ref() == Some(name),
    })
}

fn shown(port: &IntOrString) -> String {
    match port {
        IntOrString::Int(number) => number.to_string(),
        IntOrString::String(name) => name.clone(),
    }
}
