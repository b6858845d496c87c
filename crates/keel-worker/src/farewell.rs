//! Choosing the moment in which an SDK worker is told to shut down.
//!
//! In the middle of a workflow task it must not be: a local activity that the task asks for next is not begun any more, and
//! the task times out ten seconds later. Just as lost is a task that the server hands out at the very moment the polls are
//! dropped. So the worker is told when it has no workflow task, and if there is time, when none is to be expected either.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::load::Load;

/// Longest wait for any moment, from the hurry on.
pub(crate) const LONGEST: Duration = Duration::from_secs(6);
/// How long the best moment is waited for when the process stops, and when the worker is only replaced.
const SILENT_SOON: Duration = Duration::from_secs(3);
const SILENT: Duration = Duration::from_secs(20);
/// Behind the best moment, how long any moment between two tasks is waited for.
const ANY: Duration = Duration::from_secs(2);
/// Nothing has happened for so long; a busy server takes its time between the end of an activity and the next task.
const SILENCE: Duration = Duration::from_millis(400);
/// An activity that has run for longer will hardly end right now.
const YOUNG: Duration = Duration::from_secs(2);
const STEP: Duration = Duration::from_millis(1);

/// Resolves in such a moment. To be used at once, on the thread that runs the workflows.
pub(crate) async fn lull(load: &Load, hurry: &CancellationToken) {
    let mut silent_until = Instant::now() + SILENT;
    let mut hurried = false;
    loop {
        if hurry.is_cancelled() && !hurried {
            hurried = true;
            silent_until = silent_until.min(Instant::now() + SILENT_SOON);
        }
        let now = Instant::now();
        if load.is_silent(SILENCE, YOUNG) || now > silent_until && load.is_quiet() {
            return;
        }
        if now > silent_until + ANY {
            tracing::warn!(
                "an SDK worker stops in the middle of workflow tasks; the server hands them out again"
            );
            return;
        }
        sleep(STEP).await;
    }
}
