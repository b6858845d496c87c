//! Why a call failed, and what to do about it.

use std::time::Duration;

use temporalio_client::errors::{
    ClientError, WorkflowGetResultError, WorkflowInteractionError, WorkflowQueryError, WorkflowStartError,
    WorkflowUpdateError,
};
use temporalio_client::tonic::{Code, Status};

use crate::run::Outcome;
use crate::subject::Subject;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call failed. Every message names the subject and the next step.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No run of this subject is known.
    #[error("there is no {subject} (no workflow `{}`); {}", .subject.workflow_id(), .subject.remedy())]
    Unknown {
        /// What was asked for.
        subject: Subject,
    },
    /// The run is over, so nothing can be sent to it.
    #[error("{subject} is closed already{}", ending(.subject, .how.as_deref()))]
    Closed {
        /// What was addressed.
        subject: Subject,
        /// How it ended, where that could be found out.
        how: Option<Box<Outcome>>,
    },
    /// The order is there already, with another content. Nothing was started.
    #[error("{subject} is there already with another content; a changed order needs a new id")]
    OtherContent {
        /// The order.
        subject: Subject,
    },
    /// The workflow refused a decision; nothing changed.
    #[error("the decision on {subject} was refused: {reason}")]
    Refused {
        /// What was to be decided.
        subject: Subject,
        /// The workflow's own words.
        reason: String,
    },
    /// The server is there, but no worker answered for the run.
    #[error(
        "no worker answers for {subject} ({detail}); start one, or check that it polls the task queue the run is on; \
         what was already accepted waits for it"
    )]
    NoAnswer {
        /// What was asked about.
        subject: Subject,
        /// How that showed.
        detail: String,
    },
    /// The server did not answer in time.
    #[error("cannot {doing}: no answer from Temporal within {limit:?}; try again, or raise --timeout")]
    Timeout {
        /// What was attempted.
        doing: String,
        /// How long it was given.
        limit: Duration,
    },
    /// The namespace lacks the search attributes that orders carry.
    #[error(
        "cannot {doing}: the namespace lacks the search attributes of orders; register them with `temporal operator \
         search-attribute create --name OrderStatus --type Keyword --name CustomerId --type Keyword --name TaskStep \
         --type Keyword`"
    )]
    SearchAttributes {
        /// What was attempted.
        doing: String,
        /// The server's answer.
        #[source]
        source: Box<Status>,
    },
    /// The server answered with an error.
    #[error("cannot {doing}: Temporal answers {code:?}; see the cause, then try again")]
    Server {
        /// What was attempted.
        doing: String,
        /// The gRPC code.
        code: Code,
        /// The server's answer.
        #[source]
        source: Box<Status>,
    },
    /// Data could not be written or read as the wire contract says.
    #[error("cannot {doing}: the data does not fit; do client and worker have the same version?")]
    Protocol {
        /// What was attempted.
        doing: String,
        /// What does not fit.
        #[source]
        source: Cause,
    },
}

impl CallError {
    /// Whether the server could not be reached or was not able to answer, as opposed to having answered no.
    #[must_use]
    pub const fn is_server_away(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Server { code, .. } => matches!(
                code,
                Code::Unavailable
                    | Code::DeadlineExceeded
                    | Code::Unknown
                    | Code::Internal
                    | Code::ResourceExhausted
                    | Code::Cancelled
            ),
            _ => false,
        }
    }
}

/// How a closed run ended, and where to read more or what to do about it.
fn ending(subject: &Subject, how: Option<&Outcome>) -> String {
    let show = format!("`keel {} show {}`", subject.kind.word(), subject.id);
    match how {
        Some(how) => match subject.after(how.status) {
            Some(remedy) => format!(": {how}; {remedy}"),
            None => format!(": {how}; {show} tells more"),
        },
        None => format!("; {show} says how it ended"),
    }
}

/// What is being attempted, and about what; turns the SDK's errors into ours.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// A verb phrase, such as ``approve order `X` ``.
    pub(crate) doing: String,
    /// Absent for calls about no single run.
    pub(crate) subject: Option<Subject>,
}

impl Attempt {
    pub(crate) fn on(verb: &str, subject: &Subject) -> Self {
        Self { doing: format!("{verb} {subject}"), subject: Some(subject.clone()) }
    }

    /// An attempt that is about no single run; `doing` is a verb phrase.
    pub(crate) const fn about(doing: String) -> Self {
        Self { doing, subject: None }
    }

    pub(crate) fn status(self, status: Status) -> CallError {
        let Self { doing, subject } = self;
        let source = Box::new(status);
        let words = source.message().to_ascii_lowercase();
        match (source.code(), subject) {
            (Code::NotFound, Some(subject)) if words.contains("already completed") => {
                CallError::Closed { subject, how: None }
            }
            (Code::NotFound, Some(subject)) => CallError::Unknown { subject },
            (Code::InvalidArgument, _) if words.contains("search attribute") => {
                CallError::SearchAttributes { doing, source }
            }
            (code, _) => CallError::Server { doing, code, source },
        }
    }

    /// As [`Attempt::status`], for calls that a worker has to answer.
    pub(crate) fn worker_status(self, status: Status) -> CallError {
        let detail = match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => "nothing came back in time".to_owned(),
            Code::FailedPrecondition => status.message().to_owned(),
            _ => return self.status(status),
        };
        match self.subject.clone() {
            Some(subject) => CallError::NoAnswer { subject, detail },
            None => self.status(status),
        }
    }

    fn protocol(self, source: impl Into<Cause>) -> CallError {
        CallError::Protocol { doing: self.doing, source: source.into() }
    }
}

/// An SDK error that can be sorted into ours.
pub(crate) trait Sorted {
    fn sorted(self, attempt: Attempt) -> CallError;
}

impl Sorted for WorkflowStartError {
    fn sorted(self, attempt: Attempt) -> CallError {
        match self {
            Self::Rpc(status) | Self::AlreadyStarted { source: status, .. } => attempt.status(status),
            other => attempt.protocol(other),
        }
    }
}

impl Sorted for WorkflowInteractionError {
    fn sorted(self, attempt: Attempt) -> CallError {
        match self {
            Self::Rpc(status) | Self::NotFound(status) => attempt.status(status),
            other => attempt.protocol(other),
        }
    }
}

impl Sorted for WorkflowGetResultError {
    fn sorted(self, attempt: Attempt) -> CallError {
        match self {
            Self::Rpc(status) | Self::NotFound(status) => attempt.status(status),
            other => attempt.protocol(other),
        }
    }
}

impl Sorted for WorkflowQueryError {
    fn sorted(self, attempt: Attempt) -> CallError {
        match self {
            Self::Rpc(status) | Self::NotFound(status) => attempt.worker_status(status),
            other => attempt.protocol(other),
        }
    }
}

impl Sorted for WorkflowUpdateError {
    fn sorted(self, attempt: Attempt) -> CallError {
        match (self, attempt.subject.clone()) {
            (Self::Failed(failure), Some(subject)) => CallError::Refused { subject, reason: failure.message },
            (Self::Rpc(status) | Self::NotFound(status), _) => attempt.worker_status(status),
            (other, _) => attempt.protocol(other),
        }
    }
}

impl Sorted for ClientError {
    fn sorted(self, attempt: Attempt) -> CallError {
        match self {
            Self::Rpc(status) => attempt.status(status),
            other => attempt.protocol(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use temporalio_client::tonic::{Code, Status};

    use super::{Attempt, CallError};
    use crate::run::{Outcome, RunStatus};
    use crate::subject::{Kind, Subject};

    fn attempt() -> Attempt {
        Attempt::on("approve", &Subject::new(Kind::Order, "O-1"))
    }

    #[test]
    fn an_unknown_and_a_closed_run_are_told_apart() {
        let unknown = attempt().status(Status::not_found("workflow not found for ID: order-O-1"));
        assert_eq!(
            unknown.to_string(),
            "there is no order `O-1` (no workflow `order-O-1`); place it with `keel order submit --id O-1` or `--file \
             FILE`, or see `keel order list`"
        );
        let closed = attempt().status(Status::not_found("workflow execution already completed"));
        assert_eq!(
            closed.to_string(),
            "order `O-1` is closed already; `keel order show O-1` says how it ended"
        );
    }

    #[test]
    fn a_closed_run_says_how_it_ended_and_what_to_do() {
        let closed = |status| {
            let how = Some(Box::new(Outcome { status, result: None, failure: None }));
            CallError::Closed { subject: Subject::new(Kind::Order, "O-1"), how }.to_string()
        };
        assert_eq!(
            closed(RunStatus::Cancelled),
            "order `O-1` is closed already: cancelled; `keel order show O-1` tells more"
        );
        let terminated = closed(RunStatus::Terminated);
        assert!(
            terminated.starts_with("order `O-1` is closed already: terminated; it was ended from outside")
        );
        assert!(
            terminated.contains("`keel order submit --id O-1 --again` finishes or undoes it"),
            "{terminated}"
        );
    }

    #[test]
    fn a_silent_worker_is_not_a_silent_server() {
        let worker = attempt().worker_status(Status::deadline_exceeded("context deadline exceeded"));
        assert!(matches!(worker, CallError::NoAnswer { .. }) && !worker.is_server_away());
        let server = attempt().worker_status(Status::unavailable("gone"));
        assert!(
            matches!(server, CallError::Server { code: Code::Unavailable, .. }) && server.is_server_away()
        );
    }
}
