use temporalio_common::protos::temporal::api::failure::v1::{
    ApplicationFailureInfo, Failure, TimeoutFailureInfo, failure::FailureInfo,
};
use temporalio_common::protos::temporal::api::history::v1::{
    ActivityTaskScheduledEventAttributes, ActivityTaskStartedEventAttributes, HistoryEvent,
    WorkflowTaskTimedOutEventAttributes, history_event::Attributes,
};
use temporalio_common::protos::temporal::api::workflow::v1::PendingActivityInfo;

use super::{Counts, HANDED_OVER, Ledger};

fn application(kind: &str) -> Failure {
    let info = ApplicationFailureInfo { r#type: kind.to_owned(), ..Default::default() };
    Failure { failure_info: Some(FailureInfo::ApplicationFailureInfo(info)), ..Default::default() }
}

fn timeout() -> Failure {
    let info = FailureInfo::TimeoutFailureInfo(TimeoutFailureInfo::default());
    Failure { message: "silent".to_owned(), failure_info: Some(info), ..Default::default() }
}

fn pending(attempt: i32, last_failure: Failure) -> PendingActivityInfo {
    let last_failure = Some(last_failure);
    PendingActivityInfo { activity_id: "1".to_owned(), attempt, last_failure, ..Default::default() }
}

fn history(attempt: i32, last_failure: Option<Failure>) -> Vec<HistoryEvent> {
    let scheduled =
        ActivityTaskScheduledEventAttributes { activity_id: "1".to_owned(), ..Default::default() };
    let started = ActivityTaskStartedEventAttributes {
        scheduled_event_id: 5,
        attempt,
        last_failure,
        ..Default::default()
    };
    let event =
        |event_id, attributes| HistoryEvent { event_id, attributes: Some(attributes), ..Default::default() };
    vec![
        event(5, Attributes::ActivityTaskScheduledEventAttributes(scheduled)),
        event(6, Attributes::ActivityTaskStartedEventAttributes(started)),
    ]
}

#[test]
fn attempts_that_were_given_back_are_no_failures() {
    let mut ledger = Ledger::default();
    ledger.pending("w", &pending(2, application(HANDED_OVER)));
    ledger.pending("w", &pending(3, application(HANDED_OVER)));
    // Seen twice, counted once.
    ledger.pending("w", &pending(3, application(HANDED_OVER)));
    ledger.history("w", &history(3, Some(application(HANDED_OVER))));
    let counts = ledger.counts();
    assert_eq!(counts, Counts { activities: 1, handed_over: 2, ..Counts::default() });
}

#[test]
fn an_attempt_that_nobody_saw_end_counts_as_failed() {
    let mut ledger = Ledger::default();
    ledger.history("w", &history(3, Some(application(HANDED_OVER))));
    let counts = ledger.counts();
    assert_eq!((counts.handed_over, counts.failed_attempts), (1, 1));
}

#[test]
fn failures_and_timeouts_are_told_apart_and_kept_for_people() {
    let mut ledger = Ledger::default();
    ledger.history("v", &history(2, Some(timeout())));
    ledger.history("w", &history(2, Some(application("STORE_UNAVAILABLE"))));
    ledger.history("x", &history(1, None));
    let counts = ledger.counts();
    assert_eq!((counts.activities, counts.activity_timeouts, counts.failed_attempts), (3, 1, 1));
    assert!(counts.reasons.iter().any(|reason| reason == "v attempt 1: silent"), "{:?}", counts.reasons);
}

#[test]
fn a_workflow_task_that_waited_for_a_gone_worker_is_counted_apart() {
    let timed_out = |timeout_type| HistoryEvent {
        attributes: Some(Attributes::WorkflowTaskTimedOutEventAttributes(
            WorkflowTaskTimedOutEventAttributes { timeout_type, ..Default::default() },
        )),
        ..Default::default()
    };
    let mut ledger = Ledger::default();
    ledger.history("w", &[timed_out(1), timed_out(2), timed_out(2)]);
    let counts = ledger.counts();
    assert_eq!((counts.workflow_task_timeouts, counts.sticky_timeouts), (1, 2));
}
