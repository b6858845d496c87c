//! KEDA, `keda.sh/v1alpha1`, and its Temporal scaler as of KEDA 2.22.
#![expect(missing_docs, reason = "named after the fields of the schema")]

use std::collections::BTreeMap;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscalerBehavior;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObject {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: ScaledObjectSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaledObjectSpec {
    pub scale_target_ref: ScaleTarget,
    pub polling_interval: Option<u32>,
    pub initial_cooldown_period: Option<u32>,
    pub cooldown_period: Option<u32>,
    pub idle_replica_count: Option<u32>,
    pub min_replica_count: Option<u32>,
    pub max_replica_count: Option<u32>,
    pub fallback: Option<Fallback>,
    pub advanced: Option<Advanced>,
    pub triggers: Vec<Trigger>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleTarget {
    pub name: String,
    pub api_version: Option<String>,
    pub kind: Option<String>,
    pub env_source_container_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fallback {
    pub failure_threshold: u32,
    pub replicas: u32,
    pub behavior: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Advanced {
    pub restore_to_original_replica_count: Option<bool>,
    pub horizontal_pod_autoscaler_config: Option<AutoscalerConfig>,
    pub scaling_modifiers: Option<Value>,
}

#[derive(Debug, Deserialize)]
pub struct AutoscalerConfig {
    pub name: Option<String>,
    pub behavior: Option<HorizontalPodAutoscalerBehavior>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Trigger {
    #[serde(rename = "type")]
    pub kind: String,
    pub name: Option<String>,
    pub use_cached_metrics: Option<bool>,
    pub metric_type: Option<String>,
    pub metadata: TemporalTrigger,
    pub authentication_ref: Option<AuthenticationRef>,
}

#[derive(Debug, Deserialize)]
pub struct AuthenticationRef {
    pub name: String,
    pub kind: Option<String>,
}

/// The metadata of a trigger of type `temporal`. KEDA's schema takes any map of strings and ignores what it does not know,
/// so a typo would only show as a default.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemporalTrigger {
    pub endpoint: String,
    pub namespace: Option<String>,
    pub task_queue: String,
    pub queue_types: Option<String>,
    pub target_queue_size: Option<String>,
    pub activation_target_queue_size: Option<String>,
    pub worker_deployment_name: Option<String>,
    pub worker_deployment_build_id: Option<String>,
    pub include_running_workflow_count: Option<String>,
    pub workflow_task_queue_for_count: Option<String>,
    pub min_connect_timeout: Option<String>,
    pub unsafe_ssl: Option<String>,
    pub tls_server_name: Option<String>,
    #[serde(rename = "enableTLS")]
    pub enable_tls: Option<String>,
}

impl TemporalTrigger {
    /// The numbers, which KEDA takes as strings.
    pub fn numbers(&self) -> BTreeMap<&'static str, &Option<String>> {
        BTreeMap::from([
            ("targetQueueSize", &self.target_queue_size),
            ("activationTargetQueueSize", &self.activation_target_queue_size),
            ("minConnectTimeout", &self.min_connect_timeout),
        ])
    }
}
