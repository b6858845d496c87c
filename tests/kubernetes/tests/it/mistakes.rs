//! Mistakes of the kind that people make, each found and named.

use keel_kubernetes::pods::pods;
use keel_kubernetes::render::render;
use keel_kubernetes::worker::{settings, stage};
use keel_kubernetes::{Documents, check_all};

/// Puts `new` for `old` into a rendered overlay and returns what is found, unknown fields first.
#[track_caller]
fn broken(overlay: &str, old: &str, new: &str) -> String {
    let text = render(&format!("overlays/{overlay}")).unwrap();
    assert!(text.contains(old), "{overlay} does not contain {old:?} any more");
    match Documents::read(&text.replace(old, new)) {
        Ok(documents) => check_all(&documents).join("\n"),
        Err(problems) => problems.join("\n"),
    }
}

#[track_caller]
fn finds(overlay: &str, old: &str, new: &str, words: &str) {
    let found = broken(overlay, old, new);
    assert!(found.contains(words), "{old:?} -> {new:?}: expected {words:?} among\n{found}");
}

#[test]
fn unknown_fields_and_wrong_types_are_refused() {
    finds(
        "production",
        "terminationGracePeriodSeconds",
        "terminationGraceSeconds",
        "Deployment keel-front: spec.template.spec.terminationGraceSeconds is no field",
    );
    finds("production", "maxUnavailable: 0", "maxUnavailable: [0]", "Deployment temporal-worker: ");
    finds("production", "jobLabel", "joblabel", "PodMonitor keel-worker: spec.joblabel is no field");
    finds(
        "keda",
        "targetQueueSize",
        "targetQueueLength",
        "spec.triggers.0.metadata.targetQueueLength is no field",
    );
    finds("worker-controller", "rampPercentage", "rampPercent", "WorkerDeployment temporal-worker: ");
    finds(
        "worker-controller",
        "kind: Connection",
        "kind: TemporalConnection",
        "is no kind that this test knows",
    );
}

#[test]
fn selectors_that_miss_are_found() {
    let labels = "      labels:\n        app.kubernetes.io/component: worker\n        app.kubernetes.io/name: keel-worker\n";
    let other = labels.replace("name: keel-worker", "name: keel-wroker");
    let found = broken("production", labels, &other);
    for words in [
        "Deployment temporal-worker: its selector does not match its own pods",
        "PodDisruptionBudget temporal-worker selects no pod",
        "NetworkPolicy worker selects no pod",
        "Service temporal-workers selects no pod",
        "PodMonitor keel-worker selects no pod",
    ] {
        assert!(found.contains(words), "{words} is not among\n{found}");
    }
}

#[test]
fn names_that_lead_nowhere_are_found() {
    finds(
        "production",
        "secretName: keel-worker",
        "secretName: keel-wroker",
        "nobody is told to make the Secret",
    );
    finds(
        "production",
        "claimName: keel-data",
        "claimName: data",
        "the PersistentVolumeClaim data is not there",
    );
    finds(
        "production",
        "serviceAccountName: temporal-worker",
        "serviceAccountName: worker",
        "ServiceAccount worker",
    );
    finds(
        "production",
        "      - configMap:\n          name: keel-settings",
        "      - configMap:\n          name: settings",
        "is not there",
    );
    finds(
        "worker-controller",
        "connectionRef:\n      name: keel",
        "connectionRef:\n      name: other",
        "Connection other",
    );
    finds(
        "worker-controller",
        "name: POD_NAMESPACE",
        "name: NAMESPACE",
        "uses $(POD_NAMESPACE), which is not set",
    );
}

#[test]
fn ports_that_do_not_meet_are_found() {
    finds("production", "          name: http\n", "          name: web\n", "startupProbe asks the port http");
    finds("production", "targetPort: http", "targetPort: web", "Service keel-front wants the port web");
}

#[test]
fn containers_with_more_than_they_need_are_found() {
    for (old, new, words) in [
        ("runAsNonRoot: true", "runAsNonRoot: false", "runAsNonRoot is not true"),
        ("runAsUser: 10001", "runAsUser: 0", "runAsUser is not a number of 10000 or more"),
        (
            "readOnlyRootFilesystem: true",
            "readOnlyRootFilesystem: false",
            "readOnlyRootFilesystem is not true",
        ),
        ("            - ALL\n", "            - NET_RAW\n", "capabilities are not: drop ALL"),
        ("type: RuntimeDefault", "type: Unconfined", "seccompProfile is not RuntimeDefault"),
        ("automountServiceAccountToken: false", "automountServiceAccountToken: true", "hands out its token"),
        (
            "            memory: 512Mi\n",
            "            cpu: 1\n",
            "Deployment temporal-worker: container worker: ",
        ),
    ] {
        finds("production", old, new, words);
    }
}

#[test]
fn images_without_a_build_are_found() {
    finds("production", "keel/worker:set-the-build-id", "keel/worker", "pinned by no tag");
    finds("production", "keel/worker:set-the-build-id", "keel/worker:latest", "whatever came last");
    finds(
        "production",
        "keel/worker:set-the-build-id",
        "keel/worker:0123456789ab",
        "images of several builds",
    );
    finds("production", "keel/cli:set-the-build-id", "someone/cli:1", "none of ours");
}

#[test]
fn holes_in_the_network_are_found() {
    finds(
        "production",
        "  name: default-deny\n  namespace: keel\nspec:\n  podSelector: {}\n",
        "  name: default-deny\n  namespace: keel\nspec:\n  podSelector:\n    matchLabels: {a: b}\n",
        "denies everything",
    );
    finds("production", "port: 7233", "port: 7234", "no NetworkPolicy lets it reach Temporal (port 7233)");
    finds("production", "port: 53\n", "port: 54\n", "lets it ask for names");
}

#[test]
fn two_owners_of_one_number_are_found() {
    finds(
        "keda",
        "  minReadySeconds: 5\n",
        "  minReadySeconds: 5\n  replicas: 3\n",
        "has replicas and an autoscaler",
    );
    finds("keda", "minReplicaCount: 3", "minReplicaCount: 0", "at least one");
    finds(
        "keda",
        "endpoint: temporal-frontend.temporal:7233",
        "endpoint: elsewhere:7233",
        "and not TEMPORAL_ADDRESS",
    );
    finds("worker-controller", "rampPercentage: 50", "rampPercentage: 5", "its steps do not rise");
    finds("worker-controller", "pauseDuration: 5m", "pauseDuration: 5s", "is not 30s or more");
}

#[test]
fn settings_that_the_worker_does_not_know_are_refused_by_it() {
    for (old, new, words) in [
        ("graceful_shutdown = \"25s\"", "gracefull_shutdown = \"25s\"", "gracefull_shutdown"),
        ("shutdown_deadline = \"45s\"", "shutdown_deadline = \"5s\"", "worker.shutdown_deadline"),
        ("/run/secrets/keel/store-url", "/run/secrets/keel/store", "store.url_file"),
    ] {
        let text = render("overlays/production").unwrap();
        assert!(text.contains(old), "{old}");
        let documents = Documents::read(&text.replace(old, new)).unwrap();
        let pods = pods(&documents);
        let pod = pods.iter().find(|pod| pod.spec.containers[0].name == "worker").unwrap();
        let container = &pod.spec.containers[0];
        let error = settings(container, &stage(&documents, pod, container).unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains(words), "{words} is not in {error:#}");
    }
}
