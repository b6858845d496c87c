//! Stored histories of released versions replay on today's code. A failure here means running workflows would break.

use temporalio_client::WorkflowHistory;
use temporalio_sdk::workflow_replayer::WorkflowReplayer;

use crate::harness::{histories, within};

fn replayer() -> WorkflowReplayer {
    keel_workflows::replay::replayer().expect("a replayer")
}

fn stored() -> Vec<(String, WorkflowHistory)> {
    let mut files: Vec<_> =
        std::fs::read_dir(histories()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let history =
                WorkflowHistory::from_json(&std::fs::read(&path).unwrap()).expect("a stored history");
            (name, history)
        })
        .collect()
}

#[tokio::test]
async fn every_stored_history_replays() {
    let stored = stored();
    for kind in ["order-", "task-", "dataset-", "gate-"] {
        assert!(stored.iter().any(|(name, _)| name.starts_with(kind)), "no stored history of {kind}");
    }
    for (name, history) in stored {
        let result = within(replayer().replay_workflow(history)).await;
        assert!(result.is_ok(), "{name}: {:?}", result.err());
    }
}

#[tokio::test]
async fn a_history_of_other_code_is_refused() {
    let path = histories().join("order-approved.json");
    let text = std::fs::read_to_string(path).unwrap().replace("chargePayment", "chargeTwice");
    let history = WorkflowHistory::from_json(text.as_bytes()).unwrap();
    let result = within(replayer().replay_workflow(history)).await;
    assert!(result.is_err(), "a changed step must not replay");
}
