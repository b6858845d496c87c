//! Who may talk to whom: everything is denied, and every pod has its own exceptions for what its settings name.

use k8s_openapi::api::networking::v1::NetworkPolicySpec;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use crate::pods::{Labels, pods, selects};
use crate::{Documents, each};

const NAMES: i32 = 53;

/// Denial by default, names for all, a rule in each direction for every pod, and the way to Temporal.
pub fn check(documents: &Documents) -> Vec<String> {
    let policies: Vec<NetworkPolicySpec> =
        each!(documents, NetworkPolicy).filter_map(|policy| policy.spec.clone()).collect();
    let mut problems = Vec::new();
    let denied = policies.iter().any(|policy| {
        policy.ingress.is_none()
            && policy.egress.is_none()
            && policy.pod_selector.clone().unwrap_or_default() == Default::default()
            && ["Ingress", "Egress"].iter().all(|kind| has_type(policy, kind))
    });
    if !denied {
        problems.push("no NetworkPolicy denies everything by default".to_owned());
    }
    for policy in each!(documents, NetworkPolicy) {
        let spec = policy.spec.clone().unwrap_or_default();
        for (kind, given) in [("Ingress", spec.ingress.is_some()), ("Egress", spec.egress.is_some())] {
            if given && !has_type(&spec, kind) {
                problems.push(format!(
                    "NetworkPolicy {}: has rules for {kind} and does not name it among policyTypes",
                    crate::pods::name(&policy.metadata)
                ));
            }
        }
    }
    let temporal = temporal_port(documents);
    for pod in pods(documents) {
        let mut fail = |text: String| problems.push(format!("{}: {text}", pod.owner));
        let rules = |kind: &str| {
            for_pod(&policies, &pod.labels).any(|policy| {
                let given = if kind == "Ingress" {
                    policy.ingress.as_ref().is_some_and(|rules| !rules.is_empty())
                } else {
                    policy.egress.as_ref().is_some_and(|rules| !rules.is_empty())
                };
                given && policy.pod_selector.clone().unwrap_or_default() != Default::default()
            })
        };
        for kind in ["Ingress", "Egress"] {
            if !rules(kind) {
                fail(format!("no NetworkPolicy of its own has rules for {kind}"));
            }
        }
        if !reaches(&policies, &pod.labels, NAMES) {
            fail("no NetworkPolicy lets it ask for names (port 53)".to_owned());
        }
        match temporal {
            Some(port) if !reaches(&policies, &pod.labels, port) => {
                fail(format!("no NetworkPolicy lets it reach Temporal (port {port})"));
            }
            None => fail("no ConfigMap says TEMPORAL_ADDRESS with a port".to_owned()),
            Some(_) => {}
        }
    }
    problems
}

fn for_pod<'a>(
    policies: &'a [NetworkPolicySpec],
    labels: &'a Labels,
) -> impl Iterator<Item = &'a NetworkPolicySpec> {
    policies.iter().filter(|policy| selects(&policy.pod_selector.clone().unwrap_or_default(), labels))
}

fn has_type(policy: &NetworkPolicySpec, kind: &str) -> bool {
    policy.policy_types.iter().flatten().any(|one| one == kind)
}

/// Whether a pod may open connections to this port of anything.
pub fn reaches(policies: &[NetworkPolicySpec], labels: &Labels, port: i32) -> bool {
    for_pod(policies, labels)
        .flat_map(|policy| policy.egress.iter().flatten())
        .flat_map(|rule| rule.ports.iter().flatten())
        .any(|one| one.port == Some(IntOrString::Int(port)))
}

fn temporal_port(documents: &Documents) -> Option<i32> {
    each!(documents, ConfigMap)
        .find_map(|config| config.data.as_ref()?.get("TEMPORAL_ADDRESS"))
        .and_then(|address| address.rsplit_once(':')?.1.parse().ok())
}
