//! One owner for the number of replicas, one source for where the backlog is, and rollouts that the controller accepts.

use std::time::Duration;

use crate::crds::keda::ScaledObject;
use crate::crds::temporal::{Strategy, WorkerDeployment};
use crate::pods::name;
use crate::{Documents, each};

/// The shortest pause that the Worker Controller takes.
const SHORTEST_PAUSE: Duration = Duration::from_secs(30);

/// Autoscalers and rollouts.
pub fn check(documents: &Documents) -> Vec<String> {
    let mut problems = owners(documents);
    for scaled in each!(documents, ScaledObject) {
        problems.extend(
            scaler(documents, scaled)
                .into_iter()
                .map(|text| format!("ScaledObject {}: {text}", name(&scaled.metadata))),
        );
    }
    for worker in each!(documents, WorkerDeployment) {
        problems.extend(
            rollout(documents, worker)
                .into_iter()
                .map(|text| format!("WorkerDeployment {}: {text}", name(&worker.metadata))),
        );
    }
    problems
}

/// A Deployment has a number, or an autoscaler, or a WorkerDeployment over it: exactly one of them.
fn owners(documents: &Documents) -> Vec<String> {
    let mut problems = Vec::new();
    for deployment in each!(documents, Deployment) {
        let this = name(&deployment.metadata);
        let number = deployment.spec.replicas.is_some();
        let keda =
            each!(documents, ScaledObject).filter(|one| one.spec.scale_target_ref.name == this).count();
        let hpa = each!(documents, HorizontalPodAutoscaler)
            .filter(|one| one.spec.scale_target_ref.name == this)
            .count();
        match (number, keda + hpa) {
            (true, 0) | (false, 1) => {}
            (false, 0) => problems.push(format!("Deployment {this}: nobody says how many replicas")),
            (true, _) => problems.push(format!(
                "Deployment {this}: has replicas and an autoscaler; each apply would reset it"
            )),
            (false, _) => {
                problems.push(format!("Deployment {this}: has several autoscalers; KEDA makes its own HPA"))
            }
        }
        if each!(documents, WorkerDeployment).any(|one| name(&one.metadata) == this) {
            problems
                .push(format!("Deployment {this}: is there beside the WorkerDeployment of the same name"));
        }
    }
    problems
}

fn scaler(documents: &Documents, scaled: &ScaledObject) -> Vec<String> {
    let mut problems = Vec::new();
    let spec = &scaled.spec;
    let target = &spec.scale_target_ref.name;
    if !each!(documents, Deployment).any(|one| name(&one.metadata) == target) {
        problems.push(format!("scales the Deployment {target}, which is not there"));
    }
    let (least, most) = (spec.min_replica_count.unwrap_or(0), spec.max_replica_count.unwrap_or(100));
    if least == 0 || least > most {
        problems.push(format!(
            "{least} to {most} replicas; at least one, since an idle queue is unloaded and then shows no backlog"
        ));
    }
    if spec.fallback.as_ref().is_some_and(|fallback| !(least..=most).contains(&fallback.replicas)) {
        problems.push(format!("its fallback is not within {least} to {most} replicas"));
    }
    let config = |key: &str| {
        each!(documents, ConfigMap).find_map(|config| config.data.as_ref()?.get(key)).map(String::as_str)
    };
    for trigger in &spec.triggers {
        let metadata = &trigger.metadata;
        if trigger.kind != "temporal" {
            problems
                .push(format!("a trigger of type {}, whose metadata this test does not know", trigger.kind));
        }
        if Some(metadata.endpoint.as_str()) != config("TEMPORAL_ADDRESS") {
            problems.push(format!("asks {} and not TEMPORAL_ADDRESS", metadata.endpoint));
        }
        if metadata.namespace.as_deref() != config("TEMPORAL_NAMESPACE") {
            problems.push(format!(
                "asks about the namespace {:?} and not TEMPORAL_NAMESPACE",
                metadata.namespace
            ));
        }
        for (key, value) in metadata.numbers() {
            if value.as_ref().is_some_and(|text| text.parse::<u32>().is_err()) {
                problems.push(format!("{key} is no number"));
            }
        }
        let types = metadata.queue_types.as_deref().unwrap_or("workflow");
        if !types.split(',').all(|kind| ["workflow", "activity", "nexus"].contains(&kind)) {
            problems.push(format!("queueTypes {types:?} are not workflow, activity or nexus"));
        }
        if metadata.worker_deployment_name.is_some() != metadata.worker_deployment_build_id.is_some() {
            problems.push("workerDeploymentName and workerDeploymentBuildId belong together".to_owned());
        }
    }
    problems
}

fn rollout(documents: &Documents, worker: &WorkerDeployment) -> Vec<String> {
    let mut problems = Vec::new();
    let spec = &worker.spec;
    let steps = &spec.rollout.steps;
    if spec.rollout.strategy == Strategy::Progressive && steps.is_empty() {
        problems.push("a progressive rollout needs steps".to_owned());
    }
    if !steps.iter().all(|step| (1..=99).contains(&step.ramp_percentage)) {
        problems.push("a step is not within 1 to 99 percent".to_owned());
    }
    if !steps.is_sorted_by(|one, next| one.ramp_percentage < next.ramp_percentage) {
        problems.push("its steps do not rise".to_owned());
    }
    for step in steps {
        if duration(&step.pause_duration).is_none_or(|pause| pause < SHORTEST_PAUSE) {
            problems.push(format!("pauseDuration {} is not 30s or more", step.pause_duration));
        }
    }
    let namespace =
        each!(documents, ConfigMap).find_map(|config| config.data.as_ref()?.get("TEMPORAL_NAMESPACE"));
    if namespace != Some(&spec.worker_options.temporal_namespace) {
        problems.push(format!(
            "temporalNamespace is {} and not TEMPORAL_NAMESPACE",
            spec.worker_options.temporal_namespace
        ));
    }
    problems
}

/// A Go duration of one unit, which is all that we write.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.len().checked_sub(1)?);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(number.parse::<u64>().ok()?.checked_mul(seconds)?))
}
