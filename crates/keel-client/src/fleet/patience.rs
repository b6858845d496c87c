//! Trying again what time heals, up to a limit.

use std::time::{Duration, Instant};

use crate::error::CallError;

/// First pause; each is half as long again, up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(1);

/// How long an operation may still try.
#[derive(Debug)]
pub(super) struct Patience {
    pub(super) limit: Duration,
    end: Instant,
    pause: Duration,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, end: Instant::now() + limit, pause: FIRST }
    }

    /// What is left of it.
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Waits a moment; false when there is no time for another attempt.
    pub(super) async fn pause(&mut self) -> bool {
        if self.left() <= self.pause {
            return false;
        }
        tokio::time::sleep(self.pause).await;
        self.pause = self.pause.mul_f64(1.5).min(LONGEST);
        true
    }

    /// Calls until it succeeds, fails for good, or the patience is over.
    pub(super) async fn retry<T, F>(&mut self, mut call: impl FnMut() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, CallError>>,
    {
        loop {
            match call().await {
                Err(error) if error.is_server_away() => {
                    if !self.pause().await {
                        return Err(error);
                    }
                }
                answer => return answer,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::Duration;

    use temporalio_client::tonic::Status;

    use super::Patience;
    use crate::error::{Attempt, CallError};

    fn error(status: Status) -> CallError {
        Attempt::about("ask".to_owned()).status(status)
    }

    #[tokio::test]
    async fn a_server_that_is_busy_is_asked_again_and_a_refusal_stands() {
        let asked = Cell::new(0);
        let mut patience = Patience::new(Duration::from_secs(10));
        let answer = patience
            .retry(async || {
                asked.set(asked.get() + 1);
                if asked.get() < 3 { Err(error(Status::resource_exhausted("busy"))) } else { Ok(7) }
            })
            .await;
        assert_eq!((answer.unwrap(), asked.get()), (7, 3));
        let refused = patience.retry(async || Err::<(), _>(error(Status::permission_denied("no")))).await;
        assert!(refused.is_err());
    }

    #[tokio::test]
    async fn it_ends() {
        let mut patience = Patience::new(Duration::from_millis(150));
        let answer = patience.retry(async || Err::<(), _>(error(Status::unavailable("gone")))).await;
        assert!(answer.unwrap_err().is_server_away());
    }
}
