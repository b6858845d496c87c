//! `keel why` where no worker is. What needs workers is tested end to end.

use serde_json::Value;

use crate::server::{on_server, order, terminate};
use crate::support::unique;

fn kinds(why: &Value) -> Vec<&str> {
    let findings = why["findings"].as_array().expect("findings").iter();
    findings.map(|finding| finding["kind"].as_str().expect("a kind")).collect()
}

#[test]
fn a_run_without_a_worker_and_a_run_ended_from_outside() {
    let (id, queue) = (unique("CLI"), unique("why"));
    on_server(&["order", "submit", "--file", "-", "--task-queue", &queue], &order(&id, "C")).check(0, &[]);
    let ran = on_server(&["why", &id], "");
    let why = ran.check(0, &[]).json();
    assert_eq!(kinds(&why), ["noWorker", "workflowTaskQueued"], "{why:#}");
    assert_eq!((why["status"].as_str(), why["taskQueue"].as_str()), (Some("running"), Some(queue.as_str())));
    let command = why["next"][0]["command"].as_str().unwrap();
    assert_eq!(command, format!("keel-worker --set worker.task_queue={queue}"));

    terminate(&format!("order-{id}"));
    let why = on_server(&["why", &format!("order-{id}")], "").check(0, &[]).json();
    assert_eq!(kinds(&why), ["ended"]);
    let next = why["next"].to_string();
    assert!(next.contains(&format!("keel order submit --id {id} --again")), "{next}");
    assert!(next.contains("temporal workflow show --workflow-id order-"), "{next}");
}

#[test]
fn what_is_not_there_is_told() {
    let ran = on_server(&["why", "NO-SUCH-RUN"], "");
    ran.check(1, &["there is no workflow `NO-SUCH-RUN`", "keel order list"]);
    assert_eq!(ran.stdout, "");
}
