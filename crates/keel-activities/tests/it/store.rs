//! One suite for both databases.

use crate::support::{Db, on};

mod counts;
mod crowd;
mod life;
mod limits;
mod owners;

/// Runs every named test on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod sqlite {
            use super::{Db, on};
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                on(Db::sqlite().await, super::$module::$test).await;
            })*
        }
        mod postgres {
            use super::{Db, on};
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                on(Db::postgres().await, super::$module::$test).await;
            })*
        }
    };
}

on_both![
    life::every_operation_twice_has_one_effect,
    life::compensation_twice_gives_everything_back,
    life::an_undo_that_comes_first_is_a_tombstone,
    life::a_late_report_never_revives_what_is_undone,
    life::the_first_decision_and_the_first_end_stay,
    life::a_decision_of_a_lost_workflow_task_gives_way,
    life::a_decision_that_was_acted_upon_stays,
    life::a_decision_of_a_run_before_a_reset_stays,
    life::a_final_order_begins_nothing,
    life::a_completed_order_is_not_undone,
    life::completing_needs_every_step,
    life::refusals_are_remembered_with_their_reason,
    life::notes_are_written_once,
    owners::a_newer_run_takes_over_and_the_older_is_refused,
    owners::another_workflow_takes_only_what_it_names,
    owners::of_many_workflows_one_gets_the_order,
    owners::reports_of_a_lost_run_still_count,
    crowd::eight_tries_of_each_step_at_once_have_one_effect,
    crowd::scarce_stock_is_never_oversold,
    crowd::orders_over_the_same_skus_do_not_block_each_other,
    crowd::doing_and_undoing_at_once_ends_undone_or_whole,
    counts::a_repeated_change_is_told_once,
    counts::what_is_rolled_back_or_undone_is_told_as_such,
    limits::wrong_orders_leave_nothing_behind,
    limits::an_unknown_order_is_named_by_every_operation,
    limits::the_database_itself_refuses_nonsense,
    limits::a_thousand_lines_and_all_of_unicode_fit,
    limits::everything_is_there_after_a_restart,
    limits::the_export_pages_through_everything,
    limits::the_seed_changes_nothing_that_is_there,
    limits::many_workers_may_start_at_once,
];
