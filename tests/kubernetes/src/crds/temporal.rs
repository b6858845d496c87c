//! Temporal's Worker Controller, `temporal.io/v1alpha1`, as of version 1.7, which renamed `TemporalWorkerDeployment` to
//! `WorkerDeployment` and `TemporalConnection` to `Connection`.
#![expect(missing_docs, reason = "named after the fields of the schema")]

use k8s_openapi::api::core::v1::{ConfigMapKeySelector, PodTemplateSpec, SecretKeySelector};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Connection {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: ConnectionSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionSpec {
    pub host_port: String,
    pub tls: Option<ConnectionTls>,
    #[serde(rename = "mutualTLSSecretRef")]
    pub mutual_tls_secret_ref: Option<Reference>,
    #[serde(rename = "apiKeySecretRef")]
    pub api_key_secret_ref: Option<SecretKeySelector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionTls {
    pub server_name: Option<String>,
    #[serde(rename = "caCertSecretRef")]
    pub ca_cert_secret_ref: Option<Reference>,
}

#[derive(Debug, Deserialize)]
pub struct Reference {
    pub name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerDeployment {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: WorkerDeploymentSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerDeploymentSpec {
    pub replicas: Option<i32>,
    pub template: PodTemplateSpec,
    pub min_ready_seconds: Option<i32>,
    pub progress_deadline_seconds: Option<i32>,
    pub rollout: Rollout,
    pub sunset: Sunset,
    pub worker_options: WorkerOptions,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerOptions {
    pub connection_ref: Reference,
    pub temporal_namespace: String,
    #[serde(rename = "unsafeCustomBuildID")]
    pub unsafe_custom_build_id: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Rollout {
    pub strategy: Strategy,
    pub gate: Option<Gate>,
    #[serde(default)]
    pub steps: Vec<Step>,
}

#[derive(Debug, Deserialize, PartialEq, Eq)]
pub enum Strategy {
    Manual,
    AllAtOnce,
    Progressive,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Gate {
    pub workflow_type: String,
    pub input: Option<Value>,
    pub input_from: Option<GateInput>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateInput {
    pub config_map_key_ref: Option<ConfigMapKeySelector>,
    pub secret_key_ref: Option<SecretKeySelector>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    pub ramp_percentage: u8,
    pub pause_duration: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sunset {
    pub scaledown_delay: Option<String>,
    pub delete_delay: Option<String>,
}
