//! Tasks and datasets: runs that work through steps and can be watched.

use std::time::Duration;

use keel_types::dataset::DatasetProgress;
use keel_types::progress::{COMPLETED, Progress, Step};
use keel_types::workflow::{Dataset, GetDatasetProgress, GetTaskProgress, Trackable};
use serde::Serialize;
use temporalio_client::{WorkflowIdConflictPolicy, WorkflowIdReusePolicy, WorkflowStartOptions};
use temporalio_common::{HasWorkflowDefinition, QueryDefinition, WorkflowDefinition};

use crate::caller::Caller;
use crate::error::CallError;
use crate::run::{Outcome, RunInfo};
use crate::subject::{Kind, Subject};
use crate::watch::Watch;

const SHOW_QUERY_LIMIT: Duration = Duration::from_secs(5);

/// A kind of job: its workflow, its query, its words.
pub trait Job: QueryDefinition<Input = (), Output = Progress> + Copy {
    /// What it is called.
    const KIND: Kind;
    /// The query marker itself.
    const QUERY: Self;
    /// The workflow to start.
    fn workflow() -> Self::Workflow;
}

impl Job for GetTaskProgress {
    const KIND: Kind = Kind::Task;
    const QUERY: Self = Self;
    fn workflow() -> Trackable {
        Trackable
    }
}

impl Job for GetDatasetProgress {
    const KIND: Kind = Kind::Dataset;
    const QUERY: Self = Self;
    fn workflow() -> Dataset {
        Dataset
    }
}

/// Calls about tasks.
pub type Tasks = Jobs<GetTaskProgress>;
/// Calls about dataset runs.
pub type Datasets = Jobs<GetDatasetProgress>;

/// Calls about one kind of job.
#[derive(Clone, Debug)]
pub struct Jobs<J> {
    caller: Caller,
    job: std::marker::PhantomData<J>,
}

/// What became of a start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobStart {
    /// The job's id.
    pub id: String,
    /// The workflow id.
    pub workflow_id: String,
    /// The run that works on it now.
    pub run_id: String,
    /// Whether it was running already, so that nothing was started.
    pub already_running: bool,
}

/// Everything known of a job.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// The job's id.
    pub id: String,
    /// What the server says.
    pub run: RunInfo,
    /// What the workflow says; absent when no worker answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Progress>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Where this comes from: `worker`, or `server` when no worker answered.
    pub source: &'static str,
}

impl<J> Jobs<J>
where
    J: Job,
    J::Workflow:
        HasWorkflowDefinition<Run = J::Workflow> + WorkflowDefinition<Input = String, Output = String>,
{
    /// Calls through `caller`.
    #[must_use]
    pub const fn new(caller: Caller) -> Self {
        Self { caller, job: std::marker::PhantomData }
    }

    /// Starts the job, or finds the run that works on it already. A job that ended may be started again.
    ///
    /// # Errors
    /// [`CallError`] when the server does not take it.
    pub async fn start(&self, id: &str) -> Result<JobStart, CallError> {
        let subject = Self::subject(id);
        let workflow_id = subject.workflow_id();
        let summary = format!("{} {id}", capitalised(J::KIND.word()));
        let options = WorkflowStartOptions::new(self.caller.task_queue(), &workflow_id)
            .id_conflict_policy(WorkflowIdConflictPolicy::Fail)
            .id_reuse_policy(WorkflowIdReusePolicy::AllowDuplicate)
            .static_summary(summary)
            .rpc_options(self.caller.rpc())
            .build();
        let started = self.caller.start(&subject, J::workflow(), id.to_owned(), options).await?;
        let already_running = started.is_none();
        let run_id = match started {
            Some(run_id) => run_id,
            None => self.caller.describe::<J::Workflow>(&subject).await?.run_id,
        };
        Ok(JobStart { id: id.to_owned(), workflow_id, run_id, already_running })
    }

    /// Everything known of the job; without a worker, what the server knows.
    ///
    /// # Errors
    /// [`CallError::Unknown`] if it never ran; other [`CallError`]s when the server does not answer.
    pub async fn view(&self, id: &str) -> Result<JobView, CallError> {
        let subject = Self::subject(id);
        let run = self.caller.describe::<J::Workflow>(&subject).await?;
        let outcome = match run.status.is_closed() {
            true => Some(self.caller.outcome::<J::Workflow>(&subject).await?),
            false => None,
        };
        let progress = match self.caller.within(SHOW_QUERY_LIMIT).query(&subject, J::QUERY).await {
            Ok(progress) => Some(progress),
            Err(CallError::NoAnswer { .. }) => None,
            Err(error) => return Err(error),
        };
        let source = if progress.is_some() { "worker" } else { "server" };
        Ok(JobView { id: id.to_owned(), run, progress, outcome, source })
    }

    /// What the server alone knows of the latest run.
    ///
    /// # Errors
    /// [`CallError::Unknown`] if it never ran; other [`CallError`]s when the server does not answer.
    pub async fn run(&self, id: &str) -> Result<RunInfo, CallError> {
        self.caller.describe::<J::Workflow>(&Self::subject(id)).await
    }

    /// Follows the job until it ends.
    #[must_use]
    pub fn watch(&self, id: &str) -> Watch<J> {
        Watch::new(self.caller.clone(), Self::subject(id), J::QUERY)
    }

    /// Asks the job to stop; it cleans up first.
    ///
    /// # Errors
    /// [`CallError::Unknown`] or [`CallError::Closed`] if nothing runs; others when the server does not answer.
    pub async fn cancel(&self, id: &str, reason: &str) -> Result<(), CallError> {
        let subject = Self::subject(id);
        self.caller.cancel::<J::Workflow>(&subject, reason).await
    }

    fn subject(id: &str) -> Subject {
        Subject::new(J::KIND, id)
    }
}

/// How much of a job is done, 0.0 to 100.0: the finished steps plus the share of the one that runs.
#[must_use]
pub fn percent(kind: Kind, progress: &Progress, heartbeat: Option<DatasetProgress>) -> f64 {
    let done = f64::from(progress.progress);
    if progress.current_step == COMPLETED {
        return 100.0;
    }
    let weight = match kind {
        Kind::Task => 100.0 / Step::ALL.len() as f64,
        Kind::Order | Kind::Dataset => 100.0 - done,
    };
    let inside = heartbeat.map_or(0.0, |heartbeat| heartbeat.fraction() * weight);
    (done + inside).min(99.9)
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use keel_types::dataset::DatasetProgress;
    use keel_types::progress::Progress;

    use super::percent;
    use crate::subject::Kind;

    fn check(kind: Kind, step: &str, done: u8, bytes: Option<u64>, expected: f64) {
        let progress = Progress {
            current_step: step.to_owned(),
            completed_steps: Vec::new(),
            progress: done,
            estimated_completion: String::new(),
        };
        let heartbeat =
            bytes.map(|bytes_done| DatasetProgress { bytes_done, bytes_total: 100, ..Default::default() });
        let found = percent(kind, &progress, heartbeat);
        assert!((found - expected).abs() < 1e-9, "{step} {done} {bytes:?}: {found} instead of {expected}");
    }

    #[test]
    fn the_bar_moves_inside_a_step_and_never_says_a_hundred_early() {
        check(Kind::Task, "validate", 0, None, 0.0);
        check(Kind::Task, "process", 20, Some(50), 30.0);
        check(Kind::Task, "complete", 80, Some(100), 99.9);
        check(Kind::Task, "completed", 100, None, 100.0);
        check(Kind::Dataset, "process", 0, Some(25), 25.0);
        check(Kind::Dataset, "process", 50, Some(50), 75.0);
    }
}
