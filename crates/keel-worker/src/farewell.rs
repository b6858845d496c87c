//! Ending an SDK worker without losing the workflow tasks it is at.
//!
//! An SDK worker that is told to shut down in the middle of a workflow task may never finish it: the local activity that the
//! task asks for next is not begun any more, and the task times out ten seconds later. So it is told in a moment in which it
//! has none, which under any load it can sustain comes many times a second.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::load::Load;

/// Longest wait for such a moment. Whoever is that busy loses a little time with a few runs, and nothing else.
const LONGEST: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(1);

/// Resolves between two workflow tasks. To be used at once, on the thread that runs the workflows.
pub(crate) async fn lull(load: &Load) {
    let quiet = async {
        while !load.is_quiet() {
            sleep(STEP).await;
        }
    };
    if timeout(LONGEST, quiet).await.is_err() {
        tracing::warn!(
            "an SDK worker is stopped in the middle of workflow tasks; the server hands them out again"
        );
    }
}
