//! `keel-worker replay`: whether running workflows would survive this build.
//!
//! It needs no settings and connects to nothing. Settings do not matter: options never decide a branch of a workflow.
#![expect(clippy::print_stdout, reason = "the answer of a command is what it prints")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use temporalio_client::WorkflowHistory;
use temporalio_common::protos::temporal::api::history::v1::{
    History, HistoryEvent, history_event::Attributes,
};

use crate::cli::complain;

/// A history of many thousand events takes seconds; a workflow that spins takes for ever.
const ONE_RUN: Duration = Duration::from_secs(60);

/// Replays every history under `path`, prints a line for each that fails, and what it came to.
pub(crate) fn run(path: &Path) -> ExitCode {
    match replay_all(path) {
        Ok((_, 0)) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            complain(&format!("keel-worker: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn replay_all(path: &Path) -> anyhow::Result<(usize, usize)> {
    let files = files(path)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut failed = 0;
    for file in &files {
        if let Err(reason) = runtime.block_on(replay(file)) {
            failed += 1;
            println!("{}: {reason}", file.display());
        }
    }
    println!("replay: runs={} failed={failed}", files.len());
    runtime.shutdown_timeout(Duration::from_secs(1));
    Ok((files.len(), failed))
}

/// The histories, sorted by name.
fn files(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable =
        || format!("cannot read {}; name the folder that `keel fleet histories` wrote", path.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Replays one run; what does not fit is told in one line that begins with the run.
async fn replay(file: &Path) -> Result<(), String> {
    let bytes = std::fs::read(file).map_err(|error| format!("cannot be read: {error}"))?;
    let history: History = serde_json::from_slice(&bytes).map_err(|error| {
        format!("is no history as `keel fleet histories` writes it: {}", one_line(&error.to_string()))
    })?;
    let history = answered(history);
    if history.events.is_empty() {
        return Ok(());
    }
    let history = WorkflowHistory::from(history);
    let workflow = history.workflow_id().unwrap_or("a run without an id").to_owned();
    let replayer = keel_workflows::replay::replayer().map_err(|error| format!("{workflow}: {error}"))?;
    match tokio::time::timeout(ONE_RUN, replayer.replay_workflow(history)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("{workflow}: {}", reason(&error.to_string()))),
        Err(_) => Err(format!("{workflow}: the replay did not end within {ONE_RUN:?}")),
    }
}

/// The history up to what its last answered workflow task came to. From what happened since then nothing follows yet that
/// could differ, and what the workflow would do now the SDK takes for a bug of its own.
fn answered(mut history: History) -> History {
    let last = history.events.iter().rposition(follows_from_a_task);
    history.events.truncate(last.map_or(0, |last| last + 1));
    history
}

fn follows_from_a_task(event: &HistoryEvent) -> bool {
    match &event.attributes {
        Some(
            Attributes::WorkflowTaskCompletedEventAttributes(_)
            | Attributes::WorkflowExecutionUpdateAcceptedEventAttributes(_)
            | Attributes::WorkflowExecutionUpdateCompletedEventAttributes(_),
        ) => true,
        // Whatever a workflow can command has this field, in each kind of event anew.
        Some(attributes) => serde_json::to_value(attributes).is_ok_and(|value| {
            value.as_object().is_some_and(|kind| {
                kind.values().any(|fields| fields.get("workflow_task_completed_event_id").is_some())
            })
        }),
        None => false,
    }
}

/// The heart of what the SDK says, which wraps its words in the text of a structure.
fn reason(text: &str) -> String {
    let heart =
        text.split_once("Failure { message: \"").and_then(|(_, rest)| rest.split_once("\", source: "));
    one_line(heart.map_or(text, |(heart, _)| heart))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use temporalio_common::protos::temporal::api::history::v1::{
        History, HistoryEvent, history_event::Attributes,
    };

    use super::{answered, follows_from_a_task, reason, replay_all};

    const STORED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../keel-workflows/tests/histories");

    #[test]
    fn histories_of_this_build_replay_and_others_are_counted() {
        let (runs, failed) = replay_all(Path::new(STORED)).unwrap();
        assert!(runs > 10 && failed == 0, "{runs} {failed}");
        let folder = tempfile::tempdir().unwrap();
        let stored = std::fs::read_to_string(Path::new(STORED).join("order-approved.json")).unwrap();
        std::fs::write(folder.path().join("a.json"), &stored).unwrap();
        std::fs::write(folder.path().join("b.json"), stored.replace("chargePayment", "chargeTwice")).unwrap();
        std::fs::write(folder.path().join("c.json"), "{\"events\":\"none\"}").unwrap();
        std::fs::write(folder.path().join("notes.txt"), "not a history").unwrap();
        assert_eq!(replay_all(folder.path()).unwrap(), (3, 2));
        assert_eq!(replay_all(&folder.path().join("b.json")).unwrap(), (1, 1));
    }

    #[test]
    fn what_happened_since_the_last_answered_task_proves_nothing() {
        let stored = std::fs::read(Path::new(STORED).join("order-approved.json")).unwrap();
        let whole: History = serde_json::from_slice(&stored).unwrap();
        let events = whole.events.len();
        assert_eq!(
            answered(whole.clone()).events.len(),
            events,
            "a closed run ends with what a task came to"
        );
        let completed = |event: &HistoryEvent| {
            matches!(event.attributes, Some(Attributes::WorkflowTaskCompletedEventAttributes(_)))
        };
        let (first, last) = (
            whole.events.iter().position(completed).unwrap(),
            whole.events.iter().rposition(completed).unwrap(),
        );
        let open = |events: usize| {
            let mut history = whole.clone();
            history.events.truncate(events);
            answered(history).events
        };
        assert_eq!(open(first), [], "no task was answered yet");
        let cut = open(last);
        assert!(
            cut.len() < last - 1 && follows_from_a_task(cut.last().unwrap()),
            "a task is under way: {}",
            cut.len()
        );

        // Wherever a run stands, it replays.
        let folder = tempfile::tempdir().unwrap();
        for events in 1..=events {
            let mut history = whole.clone();
            history.events.truncate(events);
            let file = folder.path().join(format!("{events:03}.json"));
            std::fs::write(file, serde_json::to_vec(&history).unwrap()).unwrap();
        }
        assert_eq!(replay_all(folder.path()).unwrap(), (events, 0));
    }

    #[test]
    fn the_reason_is_told_without_its_wrapping() {
        let wrapped = "workflow replay was nondeterministic: completion failed: Failure { failure: Some(Failure { \
                       message: \"[TMPRL1100] Activity type\\n does not match\", source: \"\", x })}";
        assert_eq!(reason(wrapped), "[TMPRL1100] Activity type\\n does not match");
        assert_eq!(reason("it\nbroke"), "it broke");
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = replay_all(Path::new("/nowhere/at/all")).unwrap_err().to_string();
        assert!(error.contains("/nowhere/at/all") && error.contains("keel fleet histories"), "{error}");
    }
}
