//! The ledger of activity attempts: every attempt that did not succeed, and why, as the server tells it.
//!
//! A history shows of an activity only how many attempts it took and what the last failed one failed with; what a
//! pending activity last failed with is in the run's description. So the drill looks at all open runs while no worker
//! lives, which shows each attempt that the worker just gave back, and at all histories at the end, which shows how
//! many attempts there were. An attempt that nobody ever saw the reason of counts as failed.

use std::collections::{BTreeMap, BTreeSet};

use temporalio_common::protos::temporal::api::enums::v1::TimeoutType;
use temporalio_common::protos::temporal::api::failure::v1::{Failure, failure::FailureInfo};
use temporalio_common::protos::temporal::api::history::v1::{HistoryEvent, history_event::Attributes};
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;

/// The failure type of an attempt that a worker gave back because it was asked to stop.
const HANDED_OVER: &str = "WORKER_STOPPING";

/// Why an attempt did not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    HandedOver,
    TimedOut,
    Failed,
}

/// One activity: its workflow id and its own.
type Activity = (String, String);

/// What is known about all activities of a load.
#[derive(Debug, Default)]
pub struct Ledger {
    seen: BTreeMap<(Activity, i32), Reason>,
    attempts: BTreeMap<Activity, i32>,
    workflow_task_timeouts: BTreeMap<&'static str, usize>,
    workflow_task_failures: usize,
    reasons: BTreeSet<String>,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// Activities that were started.
    pub activities: usize,
    /// Attempts that a stopping worker gave back.
    pub handed_over: usize,
    /// Attempts that failed otherwise, or that nobody saw the reason of.
    pub failed_attempts: usize,
    /// Attempts that a worker never answered for.
    pub activity_timeouts: usize,
    /// Workflow tasks that a worker took and never answered.
    pub workflow_task_timeouts: usize,
    /// Workflow tasks that waited for a worker that was gone, until another could take them.
    pub sticky_timeouts: usize,
    /// Workflow tasks that failed.
    pub workflow_task_failures: usize,
    /// What was seen, for people: at most twenty texts.
    pub reasons: Vec<String>,
}

impl Ledger {
    /// Notes what an activity that is not done last failed with.
    pub fn pending(&mut self, workflow: &str, activity: &PendingActivityInfo) {
        let key = (workflow.to_owned(), activity.activity_id.clone());
        self.note(key, activity.attempt, activity.last_failure.as_ref());
    }

    /// Notes everything a finished run's history tells.
    pub fn history(&mut self, workflow: &str, events: &[HistoryEvent]) {
        let mut scheduled = BTreeMap::new();
        for event in events {
            match &event.attributes {
                Some(Attributes::ActivityTaskScheduledEventAttributes(it)) => {
                    scheduled.insert(event.event_id, (workflow.to_owned(), it.activity_id.clone()));
                }
                Some(Attributes::ActivityTaskStartedEventAttributes(it)) => {
                    if let Some(key) = scheduled.get(&it.scheduled_event_id) {
                        self.note(key.clone(), it.attempt, it.last_failure.as_ref());
                    }
                }
                Some(Attributes::ActivityTaskFailedEventAttributes(it)) => {
                    self.ended_badly(scheduled.get(&it.scheduled_event_id), it.failure.as_ref());
                }
                Some(Attributes::ActivityTaskTimedOutEventAttributes(it)) => {
                    self.ended_badly(scheduled.get(&it.scheduled_event_id), it.failure.as_ref());
                }
                Some(Attributes::WorkflowTaskTimedOutEventAttributes(it)) => {
                    let kind = it.timeout_type().as_str_name();
                    *self.workflow_task_timeouts.entry(kind).or_default() += 1;
                    self.reasons
                        .insert(format!("{workflow}: workflow task, event {}: {kind}", event.event_id));
                }
                Some(Attributes::WorkflowTaskFailedEventAttributes(it)) => {
                    self.workflow_task_failures += 1;
                    self.reasons.insert(format!("{workflow}: workflow task: {}", it.cause().as_str_name()));
                }
                _ => {}
            }
        }
    }

    /// Attempt number `attempt` was started or waits; the one before it ended with `failure`.
    fn note(&mut self, activity: Activity, attempt: i32, failure: Option<&Failure>) {
        if let (Some(failure), true) = (failure, attempt > 1) {
            self.reason(activity.clone(), attempt - 1, failure);
        }
        let known = self.attempts.entry(activity).or_default();
        *known = attempt.max(*known);
    }

    /// The last attempt of all ended without success.
    fn ended_badly(&mut self, activity: Option<&Activity>, failure: Option<&Failure>) {
        let Some(activity) = activity else { return };
        let last = self.attempts.entry(activity.clone()).or_insert(1);
        let attempt = *last;
        *last += 1;
        if let Some(failure) = failure {
            self.reason(activity.clone(), attempt, failure);
        }
    }

    fn reason(&mut self, activity: Activity, attempt: i32, failure: &Failure) {
        let reason = reason(failure);
        if reason != Reason::HandedOver {
            self.reasons.insert(format!("{} attempt {attempt}: {}", activity.0, failure.message));
        }
        self.seen.insert((activity, attempt), reason);
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        let count = |wanted| self.seen.values().filter(|reason| **reason == wanted).count();
        let ended: i32 = self.attempts.values().map(|attempts| attempts - 1).sum();
        let unseen = usize::try_from(ended).unwrap_or(0).saturating_sub(self.seen.len());
        let sticky = TimeoutType::ScheduleToStart.as_str_name();
        let timeouts = |sticky_ones: bool| {
            let of_kind = |name: &str| (name == sticky) == sticky_ones;
            self.workflow_task_timeouts.iter().filter(|(name, _)| of_kind(name)).map(|(_, count)| count).sum()
        };
        Counts {
            activities: self.attempts.len(),
            handed_over: count(Reason::HandedOver),
            failed_attempts: count(Reason::Failed) + unseen,
            activity_timeouts: count(Reason::TimedOut),
            workflow_task_timeouts: timeouts(false),
            sticky_timeouts: timeouts(true),
            workflow_task_failures: self.workflow_task_failures,
            reasons: self.reasons.iter().take(20).cloned().collect(),
        }
    }
}

fn reason(failure: &Failure) -> Reason {
    match &failure.failure_info {
        Some(FailureInfo::TimeoutFailureInfo(_)) => Reason::TimedOut,
        Some(FailureInfo::ApplicationFailureInfo(info)) if info.r#type == HANDED_OVER => Reason::HandedOver,
        _ => Reason::Failed,
    }
}

#[cfg(test)]
mod tests;
