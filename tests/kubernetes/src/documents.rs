//! Documents, each read into the type of its kind, with every unknown field refused.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::crds::{keda, monitoring, temporal};

/// One document, by its kind.
#[derive(Debug)]
#[expect(missing_docs, reason = "named after the kinds")]
pub enum Object {
    ConfigMap(ConfigMap),
    Connection(temporal::Connection),
    Deployment(Deployment),
    HorizontalPodAutoscaler(HorizontalPodAutoscaler),
    Namespace(Namespace),
    NetworkPolicy(NetworkPolicy),
    PersistentVolumeClaim(PersistentVolumeClaim),
    PodDisruptionBudget(PodDisruptionBudget),
    PodMonitor(monitoring::PodMonitor),
    PrometheusRule(monitoring::PrometheusRule),
    ScaledObject(keda::ScaledObject),
    Service(Service),
    ServiceAccount(ServiceAccount),
    ServiceMonitor(monitoring::ServiceMonitor),
    WorkerDeployment(temporal::WorkerDeployment),
}

/// The documents of one overlay.
#[derive(Debug, Default)]
pub struct Documents {
    /// In the order of the rendering.
    pub objects: Vec<Object>,
}

impl Documents {
    /// Reads what Kustomize rendered.
    ///
    /// # Errors
    /// Every mistake of every document: unknown kinds and fields, values of a wrong type, missing fields.
    pub fn read(text: &str) -> Result<Self, Vec<String>> {
        let values: Vec<Value> =
            serde_saphyr::from_multiple(text).map_err(|error| vec![format!("no YAML: {error}")])?;
        let (mut documents, mut problems) = (Self::default(), Vec::new());
        for value in values {
            match object(value) {
                Ok(object) => documents.objects.push(object),
                Err(mut wrong) => problems.append(&mut wrong),
            }
        }
        if problems.is_empty() { Ok(documents) } else { Err(problems) }
    }
}

/// The names of all objects of one kind: `names!(documents, ConfigMap)`.
#[macro_export]
macro_rules! each {
    ($documents:expr, $kind:ident) => {
        $documents.objects.iter().filter_map(|object| match object {
            $crate::Object::$kind(inner) => Some(inner),
            _ => None,
        })
    };
}

fn object(value: Value) -> Result<Object, Vec<String>> {
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let label = format!("{kind} {name}");
    match (version.as_str(), kind.as_str()) {
        ("v1", "ConfigMap") => strict(&label, value).map(Object::ConfigMap),
        ("v1", "Namespace") => strict(&label, value).map(Object::Namespace),
        ("v1", "PersistentVolumeClaim") => strict(&label, value).map(Object::PersistentVolumeClaim),
        ("v1", "Service") => strict(&label, value).map(Object::Service),
        ("v1", "ServiceAccount") => strict(&label, value).map(Object::ServiceAccount),
        ("apps/v1", "Deployment") => strict(&label, value).map(Object::Deployment),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => {
            strict(&label, value).map(Object::HorizontalPodAutoscaler)
        }
        ("networking.k8s.io/v1", "NetworkPolicy") => strict(&label, value).map(Object::NetworkPolicy),
        ("policy/v1", "PodDisruptionBudget") => strict(&label, value).map(Object::PodDisruptionBudget),
        ("monitoring.coreos.com/v1", "PodMonitor") => strict(&label, value).map(Object::PodMonitor),
        ("monitoring.coreos.com/v1", "ServiceMonitor") => strict(&label, value).map(Object::ServiceMonitor),
        ("monitoring.coreos.com/v1", "PrometheusRule") => strict(&label, value).map(Object::PrometheusRule),
        ("keda.sh/v1alpha1", "ScaledObject") => strict(&label, value).map(Object::ScaledObject),
        ("temporal.io/v1alpha1", "Connection") => strict(&label, value).map(Object::Connection),
        ("temporal.io/v1alpha1", "WorkerDeployment") => strict(&label, value).map(Object::WorkerDeployment),
        _ => Err(vec![format!("{label}: {version} {kind} is no kind that this test knows; add its type")]),
    }
}

/// Reads a value into its type; a field that the type does not have is a mistake, wherever it is.
fn strict<T: DeserializeOwned>(label: &str, value: Value) -> Result<T, Vec<String>> {
    let mut problems = Vec::new();
    let read = serde_ignored::deserialize(value, |path| {
        // Optional fields show as a question mark of their own on the way.
        let path = path.to_string().replace(".?", "");
        problems.push(format!("{label}: {path} is no field of this kind"));
    });
    match read {
        Ok(object) if problems.is_empty() => Ok(object),
        Ok(_) => Err(problems),
        Err(error) => {
            problems.push(format!("{label}: {error}"));
            Err(problems)
        }
    }
}
