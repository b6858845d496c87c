//! Following a run until it ends, with at most two calls a second.

use std::time::Duration;

use serde::Serialize;
use temporalio_common::{HasWorkflowDefinition, QueryDefinition, WorkflowDefinition};
use tokio::time::{Instant, sleep_until};

use crate::caller::Caller;
use crate::error::CallError;
use crate::run::{Outcome, RunInfo};
use crate::subject::Subject;

/// Least time between two calls.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a worker may take to answer one query.
const QUERY_LIMIT: Duration = Duration::from_secs(3);
/// How long the server may be away before watching gives up.
const SERVER_PATIENCE: Duration = Duration::from_secs(120);

/// What one look at a run shows.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sighting<S> {
    /// What the server says; from the last look if the server is away now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<RunInfo>,
    /// What the workflow itself says; absent without a worker and at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<S>,
    /// Whether a worker was asked and did not answer.
    pub worker_away: bool,
    /// Whether the server did not answer.
    pub server_away: bool,
    /// How the run ended; the last sighting has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

impl<S> Sighting<S> {
    const fn new(info: Option<RunInfo>) -> Self {
        Self { info, answer: None, worker_away: false, server_away: false, outcome: None }
    }
}

/// A watcher of one run. Dropping it ends the watching, never the run.
#[derive(Debug)]
pub struct Watch<Q> {
    caller: Caller,
    subject: Subject,
    query: Q,
    pace: Pace,
    last: Option<RunInfo>,
    server_away_since: Option<Instant>,
}

impl<Q> Watch<Q>
where
    Q: QueryDefinition<Input = ()> + Copy,
    Q::Workflow: HasWorkflowDefinition<Run = Q::Workflow> + WorkflowDefinition<Output = String>,
{
    pub(crate) const fn new(caller: Caller, subject: Subject, query: Q) -> Self {
        Self { caller, subject, query, pace: Pace { next: None }, last: None, server_away_since: None }
    }

    /// Looks once more; paces itself. After a sighting with an outcome there is nothing left to see.
    ///
    /// # Errors
    /// [`CallError::Unknown`] if there is no such run; the server's error once it has been away for two minutes. A
    /// worker that is away is no error.
    pub async fn next(&mut self) -> Result<Sighting<Q::Output>, CallError> {
        match self.look().await {
            Ok(sighting) => {
                self.server_away_since = None;
                Ok(sighting)
            }
            Err(error) if error.is_server_away() => {
                let since = *self.server_away_since.get_or_insert_with(Instant::now);
                if since.elapsed() > SERVER_PATIENCE {
                    return Err(error);
                }
                Ok(Sighting { server_away: true, ..Sighting::new(self.last.clone()) })
            }
            Err(error) => Err(error),
        }
    }

    async fn look(&mut self) -> Result<Sighting<Q::Output>, CallError> {
        self.pace.slot().await;
        let info = self.caller.describe::<Q::Workflow>(&self.subject).await?;
        self.last = Some(info.clone());
        let closed = info.status.is_closed();
        let mut sighting = Sighting::new(Some(info));
        self.pace.slot().await;
        if closed {
            sighting.outcome = Some(self.caller.outcome::<Q::Workflow>(&self.subject).await?);
            return Ok(sighting);
        }
        match self.caller.within(QUERY_LIMIT).query(&self.subject, self.query).await {
            Ok(answer) => sighting.answer = Some(answer),
            Err(CallError::NoAnswer { .. }) => sighting.worker_away = true,
            // It may have been deleted, or closed and cleaned away, between the two calls: the next look tells.
            Err(CallError::Unknown { .. } | CallError::Closed { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(sighting)
    }
}

/// Hands out the right to call, twice a second at most.
#[derive(Debug)]
struct Pace {
    next: Option<Instant>,
}

impl Pace {
    async fn slot(&mut self) {
        if let Some(next) = self.next {
            sleep_until(next).await;
        }
        self.next = Some(Instant::now() + PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::{PAUSE, Pace};

    #[tokio::test]
    async fn never_more_than_two_calls_a_second() {
        let mut pace = Pace { next: None };
        let started = Instant::now();
        for _ in 0..3 {
            pace.slot().await;
        }
        assert!(started.elapsed() >= PAUSE * 2, "{:?}", started.elapsed());
    }
}
