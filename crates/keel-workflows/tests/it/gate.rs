//! The gate of a build: what it proves, and how it fails.

use keel_types::failure::FailureType;
use keel_types::workflow::RolloutGate;
use temporalio_client::errors::WorkflowGetResultError;
use temporalio_client::{WorkflowGetResultOptions, WorkflowStartOptions};
use temporalio_common::error::IncomingError;

use crate::fakes::{Fakes, Play};
use crate::harness::{Bench, Handle, quick, record, unique, with_worker, within};

async fn start(bench: &Bench) -> Handle<RolloutGate> {
    let options = WorkflowStartOptions::new(&bench.task_queue, unique("rollout-gate")).build();
    within(bench.client.start_workflow(RolloutGate, "b1".to_owned(), options)).await.expect("the gate starts")
}

#[tokio::test]
async fn a_gate_tells_who_ran_it() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let handle = start(&bench).await;
        let report = within(handle.get_result(WorkflowGetResultOptions::default())).await.unwrap();
        assert_eq!((report.workflow.identity.as_str(), report.activity.identity.as_str()), ("one", "two"));
        assert_eq!(report.stranger("b1"), None);
        assert_eq!(bench.journal(), ["rolloutGateStore", "rolloutGateData"]);
        record(&handle, "gate-passed").await;
    })
    .await;
}

#[tokio::test]
async fn a_gate_that_is_refused_fails_with_the_reason() {
    let fakes = Fakes::with("rolloutGateData", Play::Refuse(FailureType::DatasetInvalid));
    with_worker(fakes, quick(), |bench| async move {
        let handle = start(&bench).await;
        let error = within(handle.get_result(WorkflowGetResultOptions::default())).await.unwrap_err();
        let WorkflowGetResultError::Failed(error) = error else { panic!("not failed: {error:?}") };
        let IncomingError::Application(failure) = *error else {
            panic!("not an application failure: {error:?}")
        };
        assert_eq!(failure.type_name(), Some(FailureType::DatasetInvalid.as_str()));
        record(&handle, "gate-refused").await;
    })
    .await;
}
