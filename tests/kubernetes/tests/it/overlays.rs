//! Every overlay, as it would be applied.

use std::time::Duration;

use keel_kubernetes::pods::pods;
use keel_kubernetes::render::{overlays, render};
use keel_kubernetes::worker::{command, settings, stage};
use keel_kubernetes::{Documents, check_all, each};

/// What a worker takes after its deadline: the last traces (3 s) and the threads of datasets (1 s).
const AFTER_DEADLINE: Duration = Duration::from_secs(4);

pub(crate) fn read(part: &str) -> Documents {
    let text = render(part).unwrap();
    Documents::read(&text).unwrap_or_else(|problems| panic!("{part}:\n{}", problems.join("\n")))
}

#[test]
fn every_overlay_is_typed_and_consistent() {
    for overlay in overlays().unwrap() {
        let documents = read(&format!("overlays/{overlay}"));
        assert!(documents.objects.len() > 15, "{overlay} has only {} documents", documents.objects.len());
        let problems = check_all(&documents);
        assert!(problems.is_empty(), "{overlay}:\n{}", problems.join("\n"));
    }
}

#[test]
fn the_overlays_that_the_documentation_names_are_there() {
    assert_eq!(
        overlays().unwrap(),
        ["keda", "production", "staging", "temporal-cloud", "temporal-cloud-mtls", "worker-controller"]
    );
}

#[test]
fn the_base_belongs_to_no_namespace_and_names_no_build() {
    let documents = read("base");
    for pod in pods(&documents) {
        for container in &pod.spec.containers {
            let image = container.image.as_deref().unwrap();
            assert!(["keel/worker", "keel/cli"].contains(&image), "{image} is for overlays to say");
        }
    }
    assert!(each!(documents, Deployment).all(|one| one.metadata.namespace.is_none()));
    assert_eq!(each!(documents, Namespace).count(), 0);
}

#[test]
fn the_real_programs_take_the_settings_of_every_pod() {
    for overlay in overlays().unwrap() {
        let documents = read(&format!("overlays/{overlay}"));
        for pod in pods(&documents) {
            for container in &pod.spec.containers {
                let staged = stage(&documents, &pod, container).unwrap();
                let settings = settings(container, &staged)
                    .unwrap_or_else(|error| panic!("{overlay}, {}: {error:#}", pod.owner));
                let address = settings["temporal.address"].as_str().unwrap();
                assert!(!address.contains("127.0.0.1"), "{overlay}, {}: {address}", pod.owner);
            }
        }
    }
}

#[test]
fn the_real_programs_take_the_arguments_of_every_pod() {
    let mut seen = 0;
    for overlay in overlays().unwrap() {
        let documents = read(&format!("overlays/{overlay}"));
        for pod in pods(&documents) {
            for container in &pod.spec.containers {
                let staged = stage(&documents, &pod, container).unwrap();
                // Arguments are read in order: a wrong one is refused before the help is reached.
                let args = container.args.clone().unwrap_or_default();
                let output = command(container, &staged).unwrap().args(&args).arg("--help").output().unwrap();
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{overlay}, {}: {args:?}: {said}", pod.owner);
                seen += args.len();
            }
        }
    }
    assert!(seen > 0, "no container has arguments any more: this test can go");
}

#[test]
fn a_worker_ends_by_itself_before_kubernetes_ends_it() {
    for overlay in overlays().unwrap() {
        let documents = read(&format!("overlays/{overlay}"));
        let mut workers = 0;
        for pod in pods(&documents).iter().filter(|pod| pod.spec.containers[0].name == "worker") {
            let container = &pod.spec.containers[0];
            let settings = settings(container, &stage(&documents, pod, container).unwrap()).unwrap();
            let deadline = seconds(settings["worker.shutdown_deadline"].as_str().unwrap());
            let grace = pod.spec.termination_grace_period_seconds.unwrap_or(30);
            let grace = Duration::from_secs(grace.try_into().unwrap());
            assert!(
                grace > deadline + AFTER_DEADLINE,
                "{overlay}: {grace:?} is not longer than the worker's {deadline:?} and {AFTER_DEADLINE:?} after it"
            );
            let port = container.ports.as_ref().unwrap()[0].container_port;
            assert_eq!(settings["http.listen"].as_str().unwrap(), format!("0.0.0.0:{port}"), "{overlay}");
            workers += 1;
        }
        assert_eq!(workers, 1, "{overlay}");
    }
}

#[test]
fn the_backlog_that_keda_asks_for_is_that_of_the_workers_queue() {
    let documents = read("overlays/keda");
    let pods = pods(&documents);
    let pod = pods.iter().find(|pod| pod.spec.containers[0].name == "worker").unwrap();
    let settings =
        settings(&pod.spec.containers[0], &stage(&documents, pod, &pod.spec.containers[0]).unwrap()).unwrap();
    let scaled = each!(documents, ScaledObject).next().unwrap();
    assert_eq!(settings["worker.task_queue"].as_str().unwrap(), scaled.spec.triggers[0].metadata.task_queue);
}

/// `45s`, as the settings print it.
fn seconds(text: &str) -> Duration {
    let number = text.strip_suffix('s').unwrap_or_else(|| panic!("{text} is not in seconds"));
    Duration::from_secs(number.parse().unwrap())
}
