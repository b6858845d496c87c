//! The end of a worker: what a stop signal does to the work at hand.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout};

use crate::WorkerError;
use crate::farewell;
use crate::generation::Generation;
use crate::sight::Sight;
use crate::supervisor::Supervisor;

/// Between two looks at whether the server is still there to report to.
const LOOK: Duration = Duration::from_millis(500);
/// How long threads that are not waited for any more may take to let go.
const LET_GO: Duration = Duration::from_secs(1);
/// Between two looks at our own threads.
const PAUSE: Duration = Duration::from_millis(2);

impl Supervisor<'_> {
    /// Stops polling, tells the activities, and waits until everything has been reported.
    ///
    /// Runs of datasets hand over at once. Whatever else still runs after `worker.graceful_shutdown` is ended and given
    /// back, and after `worker.shutdown_deadline` nothing is waited for.
    ///
    /// # Errors
    /// [`WorkerError::ShutdownDeadline`].
    pub(crate) async fn drain(mut self) -> Result<(), WorkerError> {
        self.status.draining();
        let options = &self.settings.worker;
        let begun = Instant::now();
        let running = self.activities();
        tracing::info!(
            running,
            grace = ?options.graceful_shutdown,
            "stopping: no new work, running activities are told"
        );
        self.generations().for_each(Generation::stop_soon);
        self.unpolled().await;
        // Only now: what is handed over comes back at once, to whoever still polls.
        self.ends.stopping.cancel();
        let drained = tokio::select! {
            biased;
            () = self.over() => true,
            () = sleep_until(begun + options.graceful_shutdown) => false,
        };
        if drained {
            return Ok(());
        }
        let ended = self.activities();
        if ended > 0 {
            tracing::warn!(
                activities = ended,
                "ending activities that are not done; the server retries them"
            );
        }
        self.ends.ending.cancel();
        let deadline = options.shutdown_deadline;
        if timeout(deadline.saturating_sub(begun.elapsed()), self.over()).await.is_ok() {
            return Ok(());
        }
        self.let_go().await;
        Err(WorkerError::ShutdownDeadline(deadline))
    }

    /// Resolves when no generation takes new work any more.
    async fn unpolled(&mut self) {
        let stopped = async {
            while !self.all(|generation| !generation.is_polling()) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        // A thread that is stuck in workflow code never gets there.
        let _ = timeout(farewell::LONGEST, stopped).await;
    }

    /// Resolves when every generation has ended, or when nobody is there to whom it could report.
    async fn over(&mut self) {
        let mut away = 0;
        let mut next_look = Instant::now() + LOOK;
        loop {
            if self.all(Generation::is_over) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
            if Instant::now() < next_look || self.activities() > 0 {
                continue;
            }
            away =
                if matches!(self.look(LOOK).await, Sight::Away(_) | Sight::Slow(_)) { away + 1 } else { 0 };
            next_look = Instant::now() + LOOK;
            if away >= 2 {
                tracing::warn!("Temporal cannot be reached, so there is nothing to wait for");
                return self.let_go().await;
            }
        }
    }

    async fn let_go(&mut self) {
        self.generations().for_each(Generation::abandon);
        let all_over = async {
            while !self.all(Generation::is_over) {
                tokio::time::sleep(PAUSE).await;
            }
        };
        // A thread that is stuck in workflow code ends with the process.
        let _ = timeout(LET_GO, all_over).await;
    }

    fn generations(&mut self) -> impl Iterator<Item = &mut Generation> {
        self.retired.iter_mut().chain(self.current.as_mut())
    }

    /// Whether `done` holds for every generation. All are asked, since asking takes in what they report.
    fn all(&mut self, done: impl FnMut(&mut Generation) -> bool) -> bool {
        self.generations().map(done).fold(true, |all, one| all & one)
    }

    fn activities(&self) -> usize {
        self.retired.iter().chain(self.current.as_ref()).map(|generation| generation.load.activities()).sum()
    }
}
