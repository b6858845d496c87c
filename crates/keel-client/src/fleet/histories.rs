//! Saving the histories of real runs, for a new build to replay before it gets work.
//!
//! One file for each run, as the Temporal SDK for Rust writes a history to JSON: the form that `keel-worker replay` and the
//! stored histories of the tests have. Payloads stay as the server keeps them.

use std::path::{Path, PathBuf};

use futures::{StreamExt, TryStreamExt, stream};
use keel_types::names::workflow;
use serde::Serialize;
use temporalio_client::{
    UntypedWorkflow, WorkflowExecution, WorkflowExecutionInfo, WorkflowFetchHistoryOptions, WorkflowHandle,
    WorkflowListOptions,
};
use temporalio_common::protos::temporal::api::enums::v1::EventType;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt, BufWriter};

use super::patience::Patience;
use super::{Fleet, FleetError};
use crate::error::{Attempt, CallError};
use crate::run::RunStatus;

/// Histories fetched at once.
const AT_ONCE: usize = 4;

/// Which histories to save.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// At most so many runs; open ones first, then those that ended, the newest first.
    pub last: usize,
    /// A history longer than this, in bytes of JSON, is left out.
    pub max_bytes: usize,
    /// The folder.
    pub folder: PathBuf,
    /// Replaces histories that are in the folder already.
    pub force: bool,
}

/// What was saved, and what was not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Histories {
    /// The folder.
    pub folder: PathBuf,
    /// The runs in it.
    pub saved: Vec<SavedHistory>,
    /// The runs that were left out.
    pub skipped: Vec<SkippedHistory>,
}

/// One run in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SavedHistory {
    /// The name of the file.
    pub file: String,
    /// The workflow id.
    pub workflow_id: String,
    /// The run id.
    pub run_id: String,
    /// The type.
    pub workflow_type: String,
    /// Where the run stood when it was listed.
    pub status: RunStatus,
    /// How many events it has.
    pub events: usize,
    /// The length of the file.
    pub bytes: usize,
}

/// One run that was left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SkippedHistory {
    /// The workflow id.
    pub workflow_id: String,
    /// The run id.
    pub run_id: String,
    /// Why.
    pub reason: String,
}

impl Fleet {
    /// Saves the histories of the newest runs of Keel's workflows on the task queue.
    ///
    /// # Errors
    /// [`FleetError::Folder`] when the folder cannot be written or has histories in it, or a failed call.
    pub async fn histories(
        &self,
        wanted: &Wanted,
        limit: std::time::Duration,
    ) -> Result<Histories, FleetError> {
        prepare(wanted)?;
        let patience = Patience::new(limit);
        let mut runs = self.list("ExecutionStatus = 'Running'", wanted.last).await?;
        let left = wanted.last.saturating_sub(runs.len());
        runs.extend(self.list("ExecutionStatus != 'Running'", left).await?);
        let fetched = stream::iter(runs.into_iter().enumerate())
            .map(|(index, run)| self.save(index, run, wanted, &patience))
            .buffered(AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        let mut histories =
            Histories { folder: wanted.folder.clone(), saved: Vec::new(), skipped: Vec::new() };
        for one in fetched {
            match one {
                Ok(saved) => histories.saved.push(saved),
                Err(skipped) => histories.skipped.push(skipped),
            }
        }
        Ok(histories)
    }

    async fn list(&self, which: &str, limit: usize) -> Result<Vec<WorkflowExecution>, CallError> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let types: Vec<String> = workflow::ALL.iter().map(|name| format!("'{name}'")).collect();
        let query = format!(
            "WorkflowType IN ({}) AND TaskQueue = '{}' AND {which}",
            types.join(", "),
            self.caller.task_queue()
        );
        let options = WorkflowListOptions::builder().limit(limit).rpc_options(self.caller.rpc()).build();
        let listed = self.caller.client().list_workflows(query, options).try_collect();
        self.caller.bounded(Attempt::about("list the newest runs".to_owned()), listed).await
    }

    async fn save(
        &self,
        index: usize,
        run: WorkflowExecution,
        wanted: &Wanted,
        patience: &Patience,
    ) -> Result<Result<SavedHistory, SkippedHistory>, FleetError> {
        let (workflow_id, run_id) = (run.id().to_owned(), run.run_id().to_owned());
        let skipped = |reason: String| {
            Ok(Err(SkippedHistory { workflow_id: workflow_id.clone(), run_id: run_id.clone(), reason }))
        };
        let file = format!("{index:04}-{}-{run_id}.json", run.workflow_type());
        let path = wanted.folder.join(&file);
        let attempt = Attempt::about(format!("read the history of `{workflow_id}`"));
        let fetching = self.write(&workflow_id, &run_id, &path, wanted.max_bytes);
        let written = match tokio::time::timeout(patience.left(), fetching).await {
            Ok(written) => written,
            Err(_) => Err(Trouble::Call(CallError::Timeout { doing: attempt.doing, limit: patience.limit })),
        };
        match written {
            Ok(Written { events, bytes, tasks }) if tasks > 0 => Ok(Ok(SavedHistory {
                file,
                workflow_id,
                run_id,
                workflow_type: run.workflow_type().to_owned(),
                status: RunStatus::from(run.status()),
                events,
                bytes,
            })),
            Ok(_) => {
                discard(&path);
                skipped("no worker has taken a step of it yet, so there is nothing to replay".to_owned())
            }
            Err(Trouble::TooLong) => {
                discard(&path);
                skipped(format!("its history is longer than {} bytes", wanted.max_bytes))
            }
            // It was there a moment ago: its retention is over, or somebody deleted it.
            Err(Trouble::Call(
                CallError::Unknown { .. }
                | CallError::Server { code: temporalio_client::tonic::Code::NotFound, .. },
            )) => {
                discard(&path);
                skipped("it is gone meanwhile".to_owned())
            }
            Err(Trouble::Call(error)) => {
                discard(&path);
                Err(error.into())
            }
            Err(Trouble::Disk(source)) => Err(unwritable(&wanted.folder, source)),
        }
    }

    /// Writes event by event, so that a long history never is in memory as a whole.
    async fn write(
        &self,
        workflow_id: &str,
        run_id: &str,
        path: &Path,
        max_bytes: usize,
    ) -> Result<Written, Trouble> {
        let info = WorkflowExecutionInfo::builder()
            .namespace(self.caller.namespace())
            .workflow_id(workflow_id)
            .run_id(run_id)
            .build();
        let handle: WorkflowHandle<_, UntypedWorkflow> =
            WorkflowHandle::new(self.caller.client().clone(), info);
        let options = WorkflowFetchHistoryOptions::builder().rpc_options(self.caller.rpc()).build();
        let mut history = handle.fetch_history(options);
        let mut file = BufWriter::new(File::create(path).await?);
        let mut written = Written { events: 0, bytes: 0, tasks: 0 };
        while let Some(event) = history.next().await {
            let attempt = Attempt::about(format!("read the history of `{workflow_id}`"));
            let event = event.map_err(|error| crate::error::Sorted::sorted(error, attempt))?;
            let opening: &[u8] = if written.events == 0 { b"{\"events\":[" } else { b"," };
            let text = serde_json::to_vec(&event).map_err(std::io::Error::other)?;
            written.events += 1;
            written.tasks += usize::from(event.event_type == EventType::WorkflowTaskCompleted as i32);
            written.bytes += opening.len() + text.len();
            if written.bytes > max_bytes {
                return Err(Trouble::TooLong);
            }
            file.write_all(opening).await?;
            file.write_all(&text).await?;
        }
        written.bytes += 2;
        file.write_all(b"]}").await?;
        file.flush().await?;
        Ok(written)
    }
}

struct Written {
    events: usize,
    bytes: usize,
    /// Workflow tasks that a worker completed.
    tasks: usize,
}

/// Why a history is not in its file.
enum Trouble {
    TooLong,
    Call(CallError),
    Disk(std::io::Error),
}

impl From<CallError> for Trouble {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

/// Makes the folder, and sees to it that no histories of earlier times are in it.
fn prepare(wanted: &Wanted) -> Result<(), FleetError> {
    let folder = &wanted.folder;
    let broken = |source| unwritable(folder, source);
    std::fs::create_dir_all(folder).map_err(broken)?;
    for entry in std::fs::read_dir(folder).map_err(broken)? {
        let path = entry.map_err(broken)?.path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        if !wanted.force {
            return Err(FleetError::Folder {
                folder: folder.clone(),
                next: "there are histories in it already; name another folder, or replace them with --force",
                source: None,
            });
        }
        std::fs::remove_file(&path).map_err(broken)?;
    }
    Ok(())
}

fn unwritable(folder: &Path, source: std::io::Error) -> FleetError {
    let next = "check its permissions and the disk";
    FleetError::Folder { folder: folder.to_owned(), next, source: Some(source) }
}

/// What is left of a file that was not finished must not be replayed.
fn discard(path: &Path) {
    // It may not be there.
    drop(std::fs::remove_file(path));
}

#[cfg(test)]
mod tests {
    use super::{Wanted, prepare};

    #[test]
    fn histories_of_earlier_times_are_never_mixed_in() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = |force| Wanted { last: 1, max_bytes: 1, folder: folder.path().join("h"), force };
        prepare(&wanted(false)).unwrap();
        let (old, other) = (folder.path().join("h/0000-x.json"), folder.path().join("h/notes.txt"));
        std::fs::write(&old, "{}").unwrap();
        std::fs::write(&other, "mine").unwrap();
        let error = prepare(&wanted(false)).unwrap_err().to_string();
        assert!(error.contains("--force") && old.exists(), "{error}");
        prepare(&wanted(true)).unwrap();
        assert!(!old.exists() && other.exists());
    }
}
