//! Whether a run that was moved goes on: a worker of its new build is asked about it.

use std::time::Duration;

use keel_types::names::{handler, workflow};
use temporalio_common::protos::temporal::api::query::v1::WorkflowQuery;
use temporalio_common::protos::temporal::api::workflowservice::v1::QueryWorkflowRequest;

use super::super::Fleet;
use super::super::patience::Patience;
use super::{Fate, Run, is_over};
use crate::error::{Attempt, CallError};

/// One question. A worker that has to replay a long history may take seconds.
const ASK: Duration = Duration::from_secs(8);
/// Answers that the run's task still fails before it counts as broken: the first may be about the build it came from.
const DOUBTS: usize = 6;

/// What an answer says about a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    /// A worker has replayed it.
    Goes,
    /// A worker could not replay it.
    Broken,
    /// Its task failed the last time.
    Doubt,
    /// Nobody could tell.
    Silence,
}

impl Fleet {
    /// Asks about the run until a worker has replayed it; resets it when none can.
    pub(super) async fn prove(
        &self,
        run: &Run,
        to: &str,
        patience: &mut Patience,
    ) -> Result<Fate, CallError> {
        let mut doubts = 0;
        loop {
            let said = self.ask(run).await;
            let answer = match &said {
                Ok(()) => Answer::Goes,
                Err(error) if is_over(error) => return Ok(Fate::Ended),
                Err(error) => answer(&words(error)),
            };
            match answer {
                Answer::Goes => return Ok(Fate::Moved),
                Answer::Doubt => doubts += 1,
                Answer::Broken => doubts = DOUBTS,
                Answer::Silence => {}
            }
            if doubts >= DOUBTS {
                return self.start_over(run, to, patience).await;
            }
            if !patience.pause().await {
                let reason = said.err().map(|error| words(&error)).unwrap_or_default();
                return Ok(Fate::Unproven(reason));
            }
        }
    }

    async fn ask(&self, run: &Run) -> Result<(), CallError> {
        let query_type = match run.kind.as_str() {
            workflow::INTERACTIVE_ORDER => handler::GET_STATE,
            _ => handler::GET_PROGRESS,
        };
        let message = QueryWorkflowRequest {
            namespace: self.caller.namespace().to_owned(),
            execution: Some(run.execution()),
            query: Some(WorkflowQuery { query_type: query_type.to_owned(), ..Default::default() }),
            ..Default::default()
        };
        let caller = self.caller.within(ASK);
        let mut service = caller.client().connection().workflow_service();
        let attempt = Attempt::about(format!("ask run `{}` how it is", run.id));
        let call = service.query_workflow(caller.request(message));
        caller.bounded(attempt, call).await.map(drop)
    }
}

/// The error with its causes, in one line.
fn words(error: &CallError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

/// Reads what server and SDK say; neither has a code of its own for it.
fn answer(words: &str) -> Answer {
    let words = words.to_ascii_lowercase();
    if words.contains("nondetermin") || words.contains("tmprl1100") || words.contains("non-determin") {
        Answer::Broken
    } else if words.contains("task in failed state") {
        Answer::Doubt
    } else if words.contains("unknown query")
        || words.contains("no handler")
        || words.contains("not registered")
    {
        // A worker has replayed it and only does not know the question.
        Answer::Goes
    } else {
        Answer::Silence
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, answer};

    #[test]
    fn only_what_a_worker_says_of_the_history_counts() {
        assert_eq!(answer("[TMPRL1100] Activity type does not match"), Answer::Broken);
        assert_eq!(answer("Nondeterminism error: x"), Answer::Broken);
        assert_eq!(answer("Cannot query workflow due to Workflow Task in failed state."), Answer::Doubt);
        assert_eq!(answer("deadline exceeded"), Answer::Silence);
        assert_eq!(answer("Unknown query `getState`"), Answer::Goes);
    }
}
