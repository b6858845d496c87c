//! A task queue as the server sees it: who polls it, and what waits in it.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use temporalio_client::tonic::{Request, Status};
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::taskqueue::v1::{PollerInfo, TaskQueue};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeTaskQueueRequest, DescribeTaskQueueResponse,
};

use crate::caller::Caller;
use crate::error::{Attempt, CallError};

/// A long poll lasts a minute; a worker that has not asked for longer is busy to the brim, or gone.
const POLL_LASTS: Duration = Duration::from_secs(70);

/// The two kinds of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum TaskKind {
    /// Steps of workflows.
    Workflow,
    /// Activities.
    Activity,
}

impl TaskKind {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Workflow => "workflow",
            Self::Activity => "activity",
        }
    }
}

/// One kind of tasks of one queue.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    /// The queue's name.
    pub name: String,
    /// Which tasks.
    pub kind: TaskKind,
    /// Who asked for them in the last minutes, the latest first.
    pub pollers: Vec<Poller>,
    /// How many tasks wait, about. The server counts only while the queue is in use.
    pub backlog: i64,
    /// How long the oldest has waited, in seconds.
    pub backlog_age_seconds: f64,
    /// Tasks added, a second.
    pub added_per_second: f32,
    /// Tasks handed out, a second.
    pub dispatched_per_second: f32,
}

/// A worker that asks for tasks.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Poller {
    /// How it names itself.
    pub identity: String,
    /// Which build it runs, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// Seconds since it last asked.
    pub seen_seconds_ago: u64,
}

impl QueueView {
    /// The workers that asked within the length of a poll.
    pub fn live(&self) -> impl Iterator<Item = &Poller> {
        self.pollers.iter().filter(|poller| poller.seen_seconds_ago <= POLL_LASTS.as_secs())
    }

    /// Whether anybody takes tasks from it.
    #[must_use]
    pub fn is_polled(&self) -> bool {
        self.live().next().is_some()
    }

    fn of(name: &str, kind: TaskKind, answer: DescribeTaskQueueResponse) -> Self {
        let stats = answer.stats.unwrap_or_default();
        let age = stats.approximate_backlog_age.and_then(|age| Duration::try_from(age).ok());
        let now = SystemTime::now();
        let mut pollers: Vec<Poller> = answer.pollers.iter().map(|info| Poller::of(info, now)).collect();
        pollers.sort_by_key(|poller| poller.seen_seconds_ago);
        Self {
            name: name.to_owned(),
            kind,
            pollers,
            backlog: stats.approximate_backlog_count,
            backlog_age_seconds: age.unwrap_or_default().as_secs_f64(),
            added_per_second: stats.tasks_add_rate,
            dispatched_per_second: stats.tasks_dispatch_rate,
        }
    }
}

impl Poller {
    fn of(info: &PollerInfo, now: SystemTime) -> Self {
        let seen = info.last_access_time.and_then(|time| SystemTime::try_from(time).ok());
        let build = info.deployment_options.as_ref().map(|options| options.build_id.clone());
        Self {
            identity: info.identity.clone(),
            build_id: build.filter(|build| !build.is_empty()),
            // A server whose clock is ahead has seen it just now.
            seen_seconds_ago: seen
                .map_or(u64::MAX, |seen| now.duration_since(seen).unwrap_or_default().as_secs()),
        }
    }
}

impl Caller {
    /// What the server knows of one kind of tasks of a queue. A queue that nobody ever used is empty, not unknown.
    ///
    /// # Errors
    /// [`CallError`] when the server does not answer or refuses.
    pub async fn queue(&self, name: &str, kind: TaskKind) -> Result<QueueView, CallError> {
        Ok(QueueView::of(name, kind, self.describe_queue(name, kind).await?))
    }

    /// The same in the server's words.
    pub(crate) async fn describe_queue(
        &self,
        name: &str,
        kind: TaskKind,
    ) -> Result<DescribeTaskQueueResponse, CallError> {
        let kind_number = match kind {
            TaskKind::Workflow => TaskQueueType::Workflow,
            TaskKind::Activity => TaskQueueType::Activity,
        };
        let message = DescribeTaskQueueRequest {
            namespace: self.namespace().to_owned(),
            task_queue: Some(TaskQueue { name: name.to_owned(), ..TaskQueue::default() }),
            task_queue_type: kind_number as i32,
            report_stats: true,
            ..DescribeTaskQueueRequest::default()
        };
        let attempt = Attempt::about(format!("describe task queue `{name}`"));
        let mut service = self.client().connection().workflow_service();
        let answer = self.bounded(attempt, service.describe_task_queue(self.request(message))).await?;
        Ok(answer.into_inner())
    }

    /// The namespace of every call.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.client().options().namespace
    }

    /// A request whose deadline the server knows too.
    pub(crate) fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout());
        if let Ok(namespace) = self.namespace().parse() {
            request.metadata_mut().insert("temporal-namespace", namespace);
        }
        request
    }
}

impl crate::error::Sorted for Status {
    fn sorted(self, attempt: Attempt) -> CallError {
        attempt.status(self)
    }
}
