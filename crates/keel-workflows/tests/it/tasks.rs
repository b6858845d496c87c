//! Tasks and dataset runs: progress, cancellation, failure types.

use std::sync::Arc;

use keel_types::failure::FailureType;
use keel_types::workflow::{Dataset, GetTaskProgress};
use temporalio_client::{WorkflowCancelOptions, WorkflowQueryOptions, WorkflowStartOptions};
use tokio::sync::Semaphore;

use crate::fakes::{Fakes, Play};
use crate::harness::{end, eventually, quick, record, unique, with_worker, within};

#[tokio::test]
async fn a_task_shows_its_progress_and_completes() {
    let gate = Arc::new(Semaphore::new(0));
    let fakes = Fakes::with("processLargeDataset", Play::Wait(gate.clone()));
    with_worker(fakes, quick(), |bench| async move {
        let task_id = unique("TASK");
        let handle = bench.start_task(&task_id).await;
        let query = || within(handle.query(GetTaskProgress, (), WorkflowQueryOptions::default()));
        let progress = eventually("the process step", || async {
            query().await.ok().filter(|p| p.current_step == "process")
        })
        .await;
        assert_eq!((progress.progress, progress.completed_steps), (20, vec!["validate".to_owned()]));
        assert!(progress.estimated_completion.ends_with('Z'), "{}", progress.estimated_completion);
        gate.add_permits(1);
        assert_eq!(end(&handle).await, Ok(format!("Task {task_id} completed successfully!")));
        let progress = query().await.unwrap();
        assert_eq!((progress.current_step.as_str(), progress.progress), ("completed", 100));
        assert_eq!(progress.completed_steps.len(), 5);
        record(&handle, "task-completed").await;
    })
    .await;
}

#[tokio::test]
async fn a_failed_step_fails_the_task_with_its_type() {
    let fakes = Fakes::with("processStep", Play::Refuse(FailureType::DatasetNotFound));
    with_worker(fakes, quick(), |bench| async move {
        let handle = bench.start_task(&unique("TASK")).await;
        assert_eq!(end(&handle).await.unwrap_err().0, "DATASET_NOT_FOUND");
        record(&handle, "task-failed").await;
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_dataset_waits_for_the_clean_up_and_ends_as_cancelled() {
    let gate = Arc::new(Semaphore::new(0));
    let fakes = Fakes::with("processLargeDataset", Play::Wait(gate));
    with_worker(fakes, quick(), |bench| async move {
        let dataset_id = unique("DATA");
        let options = WorkflowStartOptions::new(&bench.task_queue, format!("dataset-{dataset_id}")).build();
        let handle = within(bench.client.start_workflow(Dataset, dataset_id, options)).await.unwrap();
        eventually("the heartbeat", || async {
            let description = within(handle.describe(Default::default())).await.ok()?;
            let pending = description.raw().pending_activities.first()?;
            pending.heartbeat_details.is_some().then_some(())
        })
        .await;
        within(handle.cancel(WorkflowCancelOptions::default())).await.unwrap();
        assert_eq!(end(&handle).await.unwrap_err().0, "cancelled");
        assert_eq!(bench.journal(), ["cleaned up"]);
        record(&handle, "dataset-cancelled").await;
    })
    .await;
}

#[tokio::test]
async fn a_dataset_run_answers_with_the_activitys_result() {
    with_worker(Fakes::default(), quick(), |bench| async move {
        let dataset_id = unique("DATA");
        let options = WorkflowStartOptions::new(&bench.task_queue, format!("dataset-{dataset_id}")).build();
        let handle = within(bench.client.start_workflow(Dataset, dataset_id.clone(), options)).await.unwrap();
        let expected = format!("Successfully processed 7 items for dataset {dataset_id}");
        assert_eq!(end(&handle).await, Ok(expected));
        record(&handle, "dataset-completed").await;
    })
    .await;
}
