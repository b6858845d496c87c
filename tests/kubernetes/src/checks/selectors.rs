//! Selectors choose what they are meant to.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::pods::{Pod, name, pods, selects};
use crate::{Documents, each};

/// Nothing chooses nothing, owners choose their own pods and nobody else's.
pub fn check(documents: &Documents) -> Vec<String> {
    let pods = pods(documents);
    let mut problems = owners(&pods);
    let mut chooses = |what: String, selector: Option<&LabelSelector>| {
        if !selector.is_some_and(|selector| pods.iter().any(|pod| selects(selector, &pod.labels))) {
            problems.push(format!("{what} selects no pod"));
        }
    };
    for budget in each!(documents, PodDisruptionBudget) {
        let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        chooses(format!("PodDisruptionBudget {}", name(&budget.metadata)), selector);
    }
    for policy in each!(documents, NetworkPolicy) {
        let selector = policy.spec.as_ref().and_then(|spec| spec.pod_selector.as_ref());
        chooses(format!("NetworkPolicy {}", name(&policy.metadata)), selector);
    }
    for monitor in each!(documents, PodMonitor) {
        chooses(format!("PodMonitor {}", name(&monitor.metadata)), Some(&monitor.spec.selector));
    }
    for service in each!(documents, Service) {
        let labels = service.spec.as_ref().and_then(|spec| spec.selector.clone());
        let selector = LabelSelector { match_labels: labels, match_expressions: None };
        chooses(format!("Service {}", name(&service.metadata)), Some(&selector));
    }
    for monitor in each!(documents, ServiceMonitor) {
        let found = each!(documents, Service).any(|service| {
            selects(&monitor.spec.selector, &service.metadata.labels.clone().unwrap_or_default())
        });
        if !found {
            problems.push(format!("ServiceMonitor {} selects no Service", name(&monitor.metadata)));
        }
    }
    problems.extend(jobs(documents, &pods));
    problems
}

fn owners(pods: &[Pod<'_>]) -> Vec<String> {
    let mut problems = Vec::new();
    for pod in pods {
        if let Some(selector) = pod.selector {
            if !selects(selector, &pod.labels) {
                problems.push(format!("{}: its selector does not match its own pods", pod.owner));
            }
            for other in pods.iter().filter(|other| other.owner != pod.owner) {
                if selects(selector, &other.labels) {
                    problems.push(format!("{} also selects the pods of {}", pod.owner, other.owner));
                }
            }
        }
        for spread in pod.spec.topology_spread_constraints.iter().flatten() {
            if !spread.label_selector.as_ref().is_some_and(|selector| selects(selector, &pod.labels)) {
                problems.push(format!(
                    "{}: spreads other pods than its own over {}",
                    pod.owner, spread.topology_key
                ));
            }
        }
    }
    problems
}

/// The alerts ask for `job="keel-worker"`, which is made of a label.
fn jobs(documents: &Documents, pods: &[Pod<'_>]) -> Vec<String> {
    each!(documents, PodMonitor)
        .filter_map(|monitor| {
            let label = monitor.spec.job_label.as_deref().unwrap_or_default();
            let wrong = pods
                .iter()
                .filter(|pod| selects(&monitor.spec.selector, &pod.labels))
                .any(|pod| pod.labels.get(label).is_none_or(|job| job != "keel-worker"));
            wrong.then(|| {
                format!(
                    "PodMonitor {}: jobLabel {label:?} does not make the job keel-worker",
                    name(&monitor.metadata)
                )
            })
        })
        .collect()
}
