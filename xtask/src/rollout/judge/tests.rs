//! Each limit from both sides.

use super::super::limits::Limits;
use super::{Figures, Verdict, judge};

fn calm() -> Figures {
    Figures {
        completed: 1000.0,
        failed: 20.0,
        tasks: 5000.0,
        task_failures: 1.0,
        nondeterminism: 0.0,
        activities: 8000.0,
        activity_failures: 40.0,
        task_p95: Some(0.010),
        activity_p95: Some(0.200),
    }
}

fn check(change: impl Fn(&mut Figures), expected: Option<&str>) {
    let mut new = calm();
    change(&mut new);
    match (judge(&calm(), &new, &Limits::default()), expected) {
        (Verdict::Good, None) => {}
        (Verdict::Bad(why), Some(words)) => {
            assert!(why.len() == 1 && why[0].contains(words), "{why:?}, expected {words}");
        }
        (verdict, expected) => panic!("{verdict:?}, expected {expected:?}"),
    }
}

#[test]
fn the_same_figures_are_good() {
    check(|_| {}, None);
}

#[test]
fn one_non_deterministic_task_is_enough() {
    check(|new| new.nondeterminism = 1.0, Some("non-deterministic"));
}

#[test]
fn a_build_that_did_nothing_yet_is_good() {
    assert_eq!(judge(&calm(), &Figures::default(), &Limits::default()), Verdict::Good);
    assert_eq!(judge(&Figures::default(), &Figures::default(), &Limits::default()), Verdict::Good);
}

#[test]
fn refusals_that_are_as_frequent_on_the_old_build_are_no_failures() {
    let old = Figures { completed: 70.0, failed: 30.0, ..Figures::default() };
    let new = Figures { completed: 7.0, failed: 3.0, ..Figures::default() };
    assert_eq!(judge(&old, &new, &Limits::default()), Verdict::Good);
    let new = Figures { completed: 6.0, failed: 4.0, ..Figures::default() };
    assert!(matches!(judge(&old, &new, &Limits::default()), Verdict::Bad(_)));
}

#[test]
fn more_failed_runs_are_seen() {
    check(|new| new.failed = 60.0, None);
    check(|new| new.failed = 90.0, Some("% of runs fail (90 of 1090)"));
}

#[test]
fn few_failures_prove_nothing_whatever_their_share() {
    let new = |failed| Figures { failed, ..Figures::default() };
    assert_eq!(judge(&calm(), &new(2.0), &Limits::default()), Verdict::Good);
    let Verdict::Bad(why) = judge(&calm(), &new(3.0), &Limits::default()) else { panic!("3 of 3 are many") };
    assert!(why[0].starts_with("100.0 % of runs fail"), "{why:?}");
}

#[test]
fn failing_workflow_tasks_are_seen_although_no_run_failed() {
    check(|new| new.task_failures = 200.0, None);
    check(|new| new.task_failures = 400.0, Some("% of workflow tasks fail (400 of 5000)"));
}

#[test]
fn faults_of_activities_are_compared_with_those_of_the_old_build() {
    check(|new| new.activity_failures = 400.0, None);
    check(|new| new.activity_failures = 600.0, Some("% of activities fail (600 of 8000)"));
    // A provider that is ill hurts both.
    let old = Figures { activity_failures: 4000.0, ..calm() };
    let new = Figures { activity_failures: 4000.0, ..calm() };
    assert_eq!(judge(&old, &new, &Limits::default()), Verdict::Good);
}

#[test]
fn an_old_build_without_work_had_no_failures() {
    let new = Figures { activities: 10.0, activity_failures: 5.0, ..Figures::default() };
    assert!(matches!(judge(&Figures::default(), &new, &Limits::default()), Verdict::Bad(_)));
}

#[test]
fn slowness_needs_both_the_factor_and_more_than_noise() {
    check(|new| new.activity_p95 = Some(0.39), None);
    check(|new| new.activity_p95 = Some(0.41), Some("an activity takes 0.41 s"));
    // Twice of ten milliseconds is still next to nothing.
    check(|new| new.task_p95 = Some(0.055), None);
    check(|new| new.task_p95 = Some(0.07), Some("a workflow task takes 0.07 s"));
}

#[test]
fn a_percentile_of_few_figures_is_not_compared() {
    let new = Figures { tasks: 99.0, task_p95: Some(9.0), ..Figures::default() };
    assert_eq!(judge(&calm(), &new, &Limits::default()), Verdict::Good);
    let old = Figures { tasks: 50.0, ..calm() };
    let new = Figures { tasks: 500.0, task_p95: Some(9.0), ..Figures::default() };
    assert_eq!(judge(&old, &new, &Limits::default()), Verdict::Good);
}

#[test]
fn everything_that_is_off_is_named() {
    let new = Figures { nondeterminism: 2.0, task_failures: 3000.0, failed: 500.0, ..calm() };
    let Verdict::Bad(why) = judge(&calm(), &new, &Limits::default()) else { panic!("three things are off") };
    assert_eq!(why.len(), 3, "{why:?}");
}

#[test]
fn limits_are_taken_as_given() {
    let strict = Limits { more_failures: 0.0, min_failures: 1, ..Limits::default() };
    let new = Figures { failed: 21.0, ..calm() };
    assert!(matches!(judge(&calm(), &new, &strict), Verdict::Bad(_)));
}
