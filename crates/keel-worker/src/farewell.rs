//! How an SDK worker leaves: it is told to shut down when it has nothing, and nothing is on its way to it.
//!
//! In the middle of a workflow task it must not be told: a local activity that the task asks for next is not begun any
//! more, and the task times out ten seconds later. Just as lost is a task that the server hands out at the very moment
//! the polls are dropped. So first the gate before new polls is closed and the worker's own queue is emptied; then the
//! polls that are left are called home. Where the server cannot do that, they come home at once under load, but a poll that
//! waits at an idle queue does not; it may be dropped when nothing is to be expected.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::gate::Gate;
use crate::load::Load;
use crate::recall::Recall;
use crate::slot::Line;
use crate::sticky::Sticky;

/// Longest wait for any moment, from the hurry on.
pub(crate) const LONGEST: Duration = Duration::from_secs(9);
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
/// All that comes before the wait for the best moment, at most.
const GATHERING: Duration = Duration::from_secs(4);
/// How long the worker's own queue is emptied at most.
const EMPTYING: Duration = Duration::from_secs(3);
/// How long its polls are given to arrive at the server, and to come home. A poll that arrives while the queue is being
/// unloaded is refused, and the SDK's client begins it again after a pause.
const ARRIVE: Duration = Duration::from_millis(50);
const HOME: Duration = Duration::from_millis(50);
/// How long all other polls are called home at most.
const RECALL: Duration = Duration::from_secs(1);
/// How long polls are waited for before they are called home again.
const INSIST: Duration = Duration::from_millis(500);
/// How long the name of the sticky queue is looked for, and how often.
const SEARCH: Duration = Duration::from_secs(2);
const SEARCH_STEP: Duration = Duration::from_millis(50);
/// For each question to the server on the way out.
const CALL: Duration = Duration::from_secs(1);

/// What one SDK worker needs to leave well.
#[derive(Clone, Debug)]
pub(crate) struct Farewell {
    pub(crate) gate: Gate,
    pub(crate) sticky: Arc<Sticky>,
    pub(crate) recall: Recall,
    pub(crate) load: Arc<Load>,
}

impl Farewell {
    /// Takes no more work, and resolves in the moment to shut down. To be used on the thread that runs the workflows.
    pub(crate) async fn ready(&self, hurry: &CancellationToken) {
        let _ = timeout(GATHERING, self.gather()).await;
        // Wherever that ended.
        self.gate.close();
        self.lull(hurry).await;
    }

    async fn gather(&self) {
        // Found first: once the gate is closed, tasks pile up in that queue.
        let queue = self.sticky_queue().await;
        self.gate.close();
        if let Some(queue) = queue {
            let _ = timeout(EMPTYING, self.empty(&queue)).await;
            self.gate.close();
        }
        if self.recall.is_known().await && timeout(RECALL, self.call_home()).await.is_err() {
            tracing::warn!(
                polls = self.gate.all_polls(),
                "the server did not answer all polls of a leaving SDK worker"
            );
        }
    }

    /// Leaves the worker's own queue without a task in it.
    ///
    /// When the server unloads it, polls that wait there come home without a task; that they waited shows that nothing
    /// was in it, and from then on nothing comes to it. If each of them got a task before, there may be more: polls
    /// begin there again, and the same once more.
    async fn empty(&self, queue: &str) {
        loop {
            let _ = timeout(CALL, self.recall.retire(queue)).await;
            if !self.come_home(HOME, |gate| gate.polls(Line::Sticky) == 0).await {
                continue;
            }
            if self.gate.is_dry() {
                return;
            }
            self.gate.open_sticky();
            sleep(ARRIVE).await;
            self.gate.close();
        }
    }

    /// Asks for polls as long as the SDK waits for them, once it is told to shut down. Where the server can answer them, the
    /// SDK drops none, not even one that begins only now, after a pause for an error; and it asks but once.
    pub(crate) async fn insist(&self) {
        while !self.come_home(INSIST, |gate| gate.all_polls() == 0).await {
            let _ = timeout(CALL, self.recall.ask()).await;
        }
    }

    /// Brings home whatever polls are left, those for activities included. It asks again for those that were only on their
    /// way to the server.
    async fn call_home(&self) {
        let mut pause = HOME;
        while self.gate.all_polls() > 0 {
            self.recall.ask().await;
            self.come_home(pause, |gate| gate.all_polls() == 0).await;
            pause *= 2;
        }
    }

    /// Waits so long for polls at most, and says whether they are `home`.
    async fn come_home(&self, limit: Duration, home: impl Fn(&Gate) -> bool) -> bool {
        let until = Instant::now() + limit;
        while !home(&self.gate) && Instant::now() < until {
            sleep(STEP).await;
        }
        home(&self.gate)
    }

    /// Asks for the queue's name until it is known or does not matter, for a while.
    async fn sticky_queue(&self) -> Option<String> {
        let until = Instant::now() + SEARCH;
        while self.sticky.is_used() && !self.load.is_silent(SILENCE, YOUNG) && Instant::now() < until {
            if let Ok(Some(queue)) = timeout(CALL, self.sticky.queue(&self.recall.client)).await {
                return Some(queue);
            }
            sleep(SEARCH_STEP).await;
        }
        None
    }

    async fn lull(&self, hurry: &CancellationToken) {
        let mut silent_until = Instant::now() + SILENT;
        let mut hurried = false;
        loop {
            if hurry.is_cancelled() && !hurried {
                hurried = true;
                silent_until = silent_until.min(Instant::now() + SILENT_SOON);
            }
            let now = Instant::now();
            if self.gate.is_empty()
                || self.load.is_silent(SILENCE, YOUNG)
                || now > silent_until && self.load.is_quiet()
            {
                tracing::debug!(polls = self.gate.all_polls(), "an SDK worker stops");
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
}
