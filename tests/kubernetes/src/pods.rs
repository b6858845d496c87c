//! Pod templates, wherever they are, and how selectors choose them.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use crate::{Documents, Object};

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// A pod template with the object that brings it.
#[derive(Clone, Debug)]
pub struct Pod<'a> {
    /// `Deployment temporal-worker`.
    pub owner: String,
    /// Labels of its pods.
    pub labels: Labels,
    /// What its owner chooses its pods by; none where the owner makes that up itself.
    pub selector: Option<&'a LabelSelector>,
    /// The pod.
    pub spec: &'a PodSpec,
}

/// Every pod template.
pub fn pods(documents: &Documents) -> Vec<Pod<'_>> {
    documents
        .objects
        .iter()
        .filter_map(|object| match object {
            Object::Deployment(one) => {
                let spec = &one.spec;
                pod(format!("Deployment {}", name(&one.metadata)), Some(&spec.selector), &spec.template)
            }
            Object::WorkerDeployment(one) => {
                pod(format!("WorkerDeployment {}", name(&one.metadata)), None, &one.spec.template)
            }
            _ => None,
        })
        .collect()
}

fn pod<'a>(
    owner: String,
    selector: Option<&'a LabelSelector>,
    template: &'a PodTemplateSpec,
) -> Option<Pod<'a>> {
    let labels = template.metadata.as_ref().and_then(|metadata| metadata.labels.clone()).unwrap_or_default();
    Some(Pod { owner, labels, selector, spec: template.spec.as_ref()? })
}

/// The name of an object.
pub fn name(metadata: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta) -> &str {
    metadata.name.as_deref().unwrap_or("without a name")
}

/// All containers of a pod, those that run first included.
pub fn containers(spec: &PodSpec) -> impl Iterator<Item = &Container> {
    spec.init_containers.iter().flatten().chain(&spec.containers)
}

/// Whether a selector chooses these labels; an empty one chooses all.
pub fn selects(selector: &LabelSelector, labels: &Labels) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    equal
        && selector.match_expressions.iter().flatten().all(|expression| {
            let values = expression.values.as_deref().unwrap_or_default();
            let found = labels.get(&expression.key);
            match expression.operator.as_str() {
                "In" => found.is_some_and(|value| values.contains(value)),
                "NotIn" => found.is_none_or(|value| !values.contains(value)),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
}
