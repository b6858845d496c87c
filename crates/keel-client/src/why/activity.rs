//! Activities that run, wait for a worker, or wait for their next attempt.

use std::time::SystemTime;

use keel_types::failure::FailureType;
use serde_json::json;
use temporalio_common::protos::temporal::api::enums::v1::PendingActivityState;
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;

use super::evidence::{Evidence, at};
use super::{FindingKind, Report, shell, task};
use crate::queue::TaskKind;
use crate::run::RunFailure;

/// Explains one pending activity.
pub(super) fn explain(evidence: &Evidence, activity: &PendingActivityInfo, report: &mut Report) {
    let name = activity.activity_type.as_ref().map(|kind| kind.name.clone()).unwrap_or_default();
    if activity.paused {
        return paused(activity, &name, report);
    }
    match activity.state() {
        PendingActivityState::Scheduled if is_between_attempts(activity) => {
            retrying(activity, &name, report);
        }
        PendingActivityState::Scheduled => queued(evidence, activity, &name, report),
        _ => running(activity, &name, report),
    }
}

/// Between two attempts the server says when the next one comes.
fn is_between_attempts(activity: &PendingActivityInfo) -> bool {
    let next = activity.next_attempt_schedule_time.and_then(|time| SystemTime::try_from(time).ok());
    activity.last_failure.is_some() && next.is_some_and(|next| next > SystemTime::now())
}

fn retrying(activity: &PendingActivityInfo, name: &str, report: &mut Report) {
    let next = at(activity.next_attempt_schedule_time).unwrap_or_default();
    let most = match activity.maximum_attempts {
        0 => String::new(),
        most => format!(" of at most {most}"),
    };
    let failed = activity.attempt - 1;
    let text = format!(
        "activity {name} failed {failed} time{}, at last on worker {}; attempt {}{most} comes at {next}{}",
        if failed == 1 { "" } else { "s" },
        activity.last_worker_identity,
        activity.attempt,
        gives_up(activity),
    );
    let mut details = common(activity, name);
    details["nextAttemptAt"] = json!(next);
    report.find(FindingKind::ActivityRetrying, text, details);
    last_failure(activity, report);
    report.advise(
        format!("Once the cause is gone, {name} goes on by itself. To try at once:"),
        report.temporal(&format!("activity reset --activity-id {}", shell(&activity.activity_id))),
    );
}

fn queued(evidence: &Evidence, activity: &PendingActivityInfo, name: &str, report: &mut Report) {
    let since = at(activity.next_attempt_schedule_time.or(activity.scheduled_time)).unwrap_or_default();
    let queue_name = evidence.activity_queue(&activity.activity_id);
    let text = format!(
        "activity {name} (attempt {}) waits in task queue {queue_name} for a worker, since {since}{}",
        activity.attempt,
        gives_up(activity)
    );
    report.find(FindingKind::ActivityQueued, text, common(activity, name));
    last_failure(activity, report);
    let Some(queue) = evidence.queue(TaskKind::Activity, queue_name) else { return };
    if queue.is_polled() {
        task::backlog(queue, report);
        report.advise(
            "If it waits for long: the workers' slots are taken or a rate limit holds it back; look at the queue.",
            Some("keel doctor".to_owned()),
        );
    } else {
        task::no_worker(queue, report);
    }
}

fn running(activity: &PendingActivityInfo, name: &str, report: &mut Report) {
    let started = at(activity.last_started_time).unwrap_or_default();
    let beat = at(activity.last_heartbeat_time)
        .map(|beat| format!(", last heartbeat at {beat}"))
        .unwrap_or_default();
    let asked = match activity.state() {
        PendingActivityState::CancelRequested => "; it is asked to cancel and has not done so yet",
        _ => "",
    };
    let text = format!(
        "activity {name} runs (attempt {}) on worker {}, since {started}{beat}{asked}",
        activity.attempt, activity.last_worker_identity
    );
    let mut details = common(activity, name);
    details["startedAt"] = json!(started);
    details["lastHeartbeatAt"] = json!(at(activity.last_heartbeat_time));
    report.find(FindingKind::ActivityRunning, text, details);
    last_failure(activity, report);
    report.advise(
        format!(
            "Nothing, while worker {} lives. If it died, the server starts the next attempt once the activity's \
             timeout has passed.",
            activity.last_worker_identity
        ),
        None,
    );
}

fn paused(activity: &PendingActivityInfo, name: &str, report: &mut Report) {
    let text = format!("activity {name} (attempt {}) is paused by an operator", activity.attempt);
    report.find(FindingKind::Paused, text, common(activity, name));
    last_failure(activity, report);
    let command = format!("activity unpause --activity-id {}", shell(&activity.activity_id));
    report.advise("Let it go on:", report.temporal(&command));
}

/// The last failure, and what its type advises.
fn last_failure(activity: &PendingActivityInfo, report: &mut Report) {
    let Some(failure) = activity.last_failure.as_ref().map(RunFailure::of) else { return };
    let text = format!("its last failure: {failure}");
    report.find(FindingKind::Failure, text, json!({"type": failure.kind, "message": failure.message}));
    if let Some(kind) = failure.kind.as_deref().and_then(FailureType::parse) {
        report.advise(format!("{kind}: {}", kind.advice()), None);
    }
}

fn gives_up(activity: &PendingActivityInfo) -> String {
    at(activity.expiration_time).map(|end| format!("; it gives up at {end}")).unwrap_or_default()
}

fn common(activity: &PendingActivityInfo, name: &str) -> serde_json::Value {
    json!({
        "activity": name,
        "activityId": activity.activity_id,
        "attempt": activity.attempt,
        "worker": activity.last_worker_identity,
        "givesUpAt": at(activity.expiration_time),
    })
}
