//! The activities as a worker runs them: heartbeats, cancellation, shutdown, resume.

use std::any::Any;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use temporalio_sdk::activities::ActivityError;
use temporalio_sdk::testing::{ActivityEnvironment, ActivityEnvironmentError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Data, ID, good};
use crate::dataset::checkpoint::Heartbeat;
use crate::dataset::files::WorkDir;
use crate::dataset::{DatasetActivities, DatasetOptions};

/// Everything one attempt said, and a signal for each time it did.
#[derive(Clone, Default)]
struct Beats {
    all: Arc<Mutex<Vec<Heartbeat>>>,
    heard: Arc<Notify>,
}

impl Beats {
    fn note(&self, details: Box<dyn Any>) {
        self.all.lock().unwrap().push(*details.downcast::<Heartbeat>().unwrap());
        self.heard.notify_one();
    }

    fn last(&self) -> Heartbeat {
        self.all.lock().unwrap().last().unwrap().clone()
    }

    /// Waits for a heartbeat that shows progress.
    async fn progress(&self) {
        loop {
            self.heard.notified().await;
            if self.last().progress.rows_accepted > 0 {
                return;
            }
        }
    }
}

fn environment(options: &DatasetOptions, stopping: &CancellationToken, beats: &Beats) -> ActivityEnvironment {
    attempt(options, stopping, beats, None)
}

fn attempt(
    options: &DatasetOptions,
    stopping: &CancellationToken,
    beats: &Beats,
    last: Option<Heartbeat>,
) -> ActivityEnvironment {
    let beats = beats.clone();
    let builder = ActivityEnvironment::builder_with_default()
        .register_activities(DatasetActivities::new(options.clone(), stopping.clone()))
        .on_heartbeat(move |details| beats.note(details));
    match last {
        Some(last) => builder.heartbeat_details(last).unwrap().build(),
        None => builder.build(),
    }
}

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("the test has hung")
}

/// A dataset that takes about three seconds at its rate.
fn slow() -> Data {
    let rows: String = (0..3_000).map(|i| good(i, &format!("C-{}", i % 40))).collect();
    let mut data = Data::rows(&rows);
    data.options.max_bytes_per_second = 50_000;
    data
}

async fn run(env: &ActivityEnvironment) -> Result<String, ActivityEnvironmentError> {
    env.run(DatasetActivities::process_large_dataset, ID.to_owned()).await
}

/// The type and the retry rule of an application failure.
fn failure(result: Result<String, ActivityEnvironmentError>) -> (String, bool) {
    match result {
        Err(ActivityEnvironmentError::Activity(ActivityError::Application(failure))) => {
            (failure.type_name().unwrap_or_default().to_owned(), !failure.is_non_retryable())
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_run_heartbeats_and_answers_in_the_words_of_the_contract() {
    let data = Data::rows(&format!("{}{}bad\n", good(1, "C-1"), good(2, "C-2")));
    let beats = Beats::default();
    let env = environment(&data.options, &CancellationToken::new(), &beats);
    assert_eq!(bounded(run(&env)).await.unwrap(), "Successfully processed 2 items for dataset demo");
    assert_eq!(beats.last().progress.bytes_total, std::fs::metadata(data.layout().input()).unwrap().len());
}

#[tokio::test]
async fn a_cancelled_run_is_cancelled_not_failed_and_cleans_up() {
    let data = slow();
    let beats = Beats::default();
    let env = environment(&data.options, &CancellationToken::new(), &beats);
    let cancel = async {
        beats.progress().await;
        assert!(data.has_work());
        env.cancel();
    };
    let (result, ()) = bounded(async { tokio::join!(run(&env), cancel) }).await;
    assert!(
        matches!(result, Err(ActivityEnvironmentError::Activity(ActivityError::Cancelled { .. }))),
        "{result:?}"
    );
    assert!(!data.has_work() && !data.layout().results_dir().exists());
}

#[tokio::test]
async fn a_stopping_worker_keeps_the_work_and_the_next_attempt_goes_on() {
    let mut data = slow();
    let (beats, stopping) = (Beats::default(), CancellationToken::new());
    let env = environment(&data.options, &stopping, &beats);
    let stop = async {
        beats.progress().await;
        // As a worker does: it says so first, then the SDK cancels without a reason.
        stopping.cancel();
        env.cancel();
    };
    let (result, ()) = bounded(async { tokio::join!(run(&env), stop) }).await;
    assert_eq!(failure(result), ("WORKER_STOPPING".to_owned(), true));
    assert!(data.has_work());
    let reached = beats.last().progress;
    assert!(reached.bytes_done > 0 && reached.bytes_done < reached.bytes_total);

    let later = Beats::default();
    data.options.max_bytes_per_second = 0;
    let env = attempt(&data.options, &CancellationToken::new(), &later, Some(beats.last()));
    bounded(run(&env)).await.unwrap();
    assert_eq!(later.all.lock().unwrap()[0].progress, reached, "it goes on where the other one stopped");
    let resumed = data.results();
    bounded(run(&env)).await.unwrap();
    assert_eq!(data.results(), resumed, "a run from the start gives the same");
    assert!(!data.has_work());
}

#[tokio::test]
async fn a_busy_dataset_is_tried_again() {
    let data = Data::rows("");
    let held = WorkDir::lock(&data.layout()).unwrap();
    let env = environment(&data.options, &CancellationToken::new(), &Beats::default());
    assert_eq!(failure(bounded(run(&env)).await), ("DATASET_BUSY".to_owned(), true));
    held.remove().unwrap();
    bounded(run(&env)).await.unwrap();
}

#[tokio::test]
async fn refusals_do_not_retry() {
    let data = Data::new("order_id\n");
    let env = environment(&data.options, &CancellationToken::new(), &Beats::default());
    assert_eq!(failure(bounded(run(&env)).await), ("DATASET_INVALID".to_owned(), false));
    let missing = env.run(DatasetActivities::process_large_dataset, "other".to_owned());
    assert_eq!(failure(bounded(missing).await), ("DATASET_NOT_FOUND".to_owned(), false));
    let unsafe_id = env.run(DatasetActivities::process_large_dataset, "../x".to_owned());
    assert_eq!(failure(bounded(unsafe_id).await), ("INPUT_INVALID".to_owned(), false));
    let step = env.run(DatasetActivities::process_step, (ID.to_owned(), "dance".to_owned()).into());
    assert_eq!(failure(bounded(step).await), ("INPUT_INVALID".to_owned(), false));
}

#[tokio::test]
async fn the_steps_of_a_task_run_as_activities() {
    let data = Data::rows(&good(1, "C-1"));
    let env = environment(&data.options, &CancellationToken::new(), &Beats::default());
    for step in keel_types::progress::Step::ALL {
        let said = env.run(DatasetActivities::process_step, (ID.to_owned(), step.to_string()).into());
        assert!(!bounded(said).await.unwrap().is_empty());
    }
    assert!(data.layout().result(crate::dataset::MANIFEST).exists());
}
