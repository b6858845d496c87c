//! The Prometheus Operator, `monitoring.coreos.com/v1`.
#![expect(missing_docs, reason = "named after the fields of the schema")]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMonitor {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: PodMonitorSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodMonitorSpec {
    pub job_label: Option<String>,
    #[serde(default)]
    pub pod_target_labels: Vec<String>,
    pub selector: LabelSelector,
    pub namespace_selector: Option<NamespaceSelector>,
    pub sample_limit: Option<u64>,
    pub pod_metrics_endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitor {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: ServiceMonitorSpec,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceMonitorSpec {
    pub job_label: Option<String>,
    #[serde(default)]
    pub target_labels: Vec<String>,
    #[serde(default)]
    pub pod_target_labels: Vec<String>,
    pub selector: LabelSelector,
    pub namespace_selector: Option<NamespaceSelector>,
    pub sample_limit: Option<u64>,
    pub endpoints: Vec<Endpoint>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceSelector {
    pub any: Option<bool>,
    #[serde(default)]
    pub match_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    pub port: Option<String>,
    pub path: Option<String>,
    pub scheme: Option<String>,
    pub interval: Option<String>,
    pub scrape_timeout: Option<String>,
    pub honor_labels: Option<bool>,
    pub honor_timestamps: Option<bool>,
    #[serde(default)]
    pub relabelings: Vec<Value>,
    #[serde(default)]
    pub metric_relabelings: Vec<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PrometheusRule {
    pub api_version: String,
    pub kind: String,
    pub metadata: ObjectMeta,
    pub spec: RuleGroups,
}

/// As in a rules file of Prometheus itself.
#[derive(Debug, Deserialize, PartialEq)]
pub struct RuleGroups {
    pub groups: Vec<RuleGroup>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct RuleGroup {
    pub name: String,
    pub interval: Option<String>,
    pub limit: Option<u32>,
    pub rules: Vec<Rule>,
}

#[derive(Debug, Deserialize, PartialEq)]
pub struct Rule {
    pub alert: Option<String>,
    pub record: Option<String>,
    pub expr: Value,
    #[serde(rename = "for")]
    pub pending: Option<String>,
    pub keep_firing_for: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}
