//! What the server says of this worker: whether it has seen its polls.
//!
//! A connection that stands says little: polls can be refused, or back off after an outage while everything else works.
//! So the server is asked who polls the queue, and every SDK worker of the generation must be among them.

use std::time::{Duration, SystemTime};

use keel_config::TemporalSection;
use temporalio_client::Client;
use temporalio_client::tonic::{Code, Request, Status};
use temporalio_common::protos::temporal::api::enums::v1::{
    DescribeTaskQueueMode, TaskQueueKind, TaskQueueType,
};
use temporalio_common::protos::temporal::api::taskqueue::v1::{
    PollerInfo, TaskQueue, TaskQueueVersionSelection,
};
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, DescribeTaskQueueRequest, DescribeTaskQueueResponse,
};

use crate::WorkerOptions;

/// A poll waits for up to a minute at the server.
const RECENT: Duration = Duration::from_secs(90);
const TYPES: [(TaskQueueType, &str); 2] =
    [(TaskQueueType::Workflow, "workflow"), (TaskQueueType::Activity, "activity")];

/// The server's view at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// It has seen a recent poll of every SDK worker for both kinds of tasks.
    Polling,
    /// It answers and lists us, but the last poll is long ago.
    Stale(String),
    /// It answers and does not list us.
    Unseen(String),
    /// It answers and does not tell who polls.
    Untold(String),
    /// It answers that we may not go on, or that the namespace is not there.
    Refused(String),
    /// It is too slow to answer.
    Slow(String),
    /// Nobody is there.
    Away(String),
}

/// Asks the server about the pollers of `queue`, each question for at most `limit`.
pub(crate) async fn look(
    client: &Client,
    section: &TemporalSection,
    options: &WorkerOptions,
    identities: &[String],
    limit: Duration,
) -> Sight {
    let question = Question { client, section, options, limit };
    let [workflow, activity] = TYPES.map(|(kind, _)| question.pollers(kind));
    let (workflow, activity) = tokio::join!(workflow, activity);
    let mut found = Vec::with_capacity(TYPES.len());
    for answer in [workflow, activity] {
        match answer {
            Ok(pollers) => found.push(pollers),
            Err(status) => return question.trouble(status).await,
        }
    }
    let sight = judge(&found, identities, SystemTime::now());
    if !matches!(sight, Sight::Unseen(_)) {
        return sight;
    }
    // A queue of several partitions tells only the pollers of its first one, unless it is asked this way.
    match question.all_partitions().await {
        Ok(found) => judge(&found, identities, SystemTime::now()),
        Err(_) => sight,
    }
}

/// Compares the pollers of each kind of task with those there should be.
fn judge(found: &[Vec<PollerInfo>], identities: &[String], now: SystemTime) -> Sight {
    let mut oldest = Duration::ZERO;
    for ((_, kind), pollers) in TYPES.iter().zip(found) {
        for identity in identities {
            let Some(poller) = pollers.iter().find(|poller| poller.identity == *identity) else {
                return Sight::Unseen(format!("the server has seen no {kind} poll of {identity} yet"));
            };
            let accessed = poller.last_access_time.and_then(|at| SystemTime::try_from(at).ok());
            // Clocks may differ; a poll from the future is a recent one.
            let age = accessed.and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
            oldest = oldest.max(age);
        }
    }
    if oldest > RECENT {
        return Sight::Stale(format!("the last poll the server has seen is {} s ago", oldest.as_secs()));
    }
    Sight::Polling
}

struct Question<'a> {
    client: &'a Client,
    section: &'a TemporalSection,
    options: &'a WorkerOptions,
    limit: Duration,
}

impl Question<'_> {
    async fn pollers(&self, kind: TaskQueueType) -> Result<Vec<PollerInfo>, Status> {
        let request = DescribeTaskQueueRequest { task_queue_type: kind as i32, ..self.about_queue() };
        Ok(self.describe(request).await?.pollers)
    }

    #[expect(deprecated, reason = "nothing else tells the pollers of all partitions")]
    async fn all_partitions(&self) -> Result<Vec<Vec<PollerInfo>>, Status> {
        let request = DescribeTaskQueueRequest {
            api_mode: DescribeTaskQueueMode::Enhanced as i32,
            task_queue_types: TYPES.iter().map(|(kind, _)| *kind as i32).collect(),
            report_pollers: true,
            versions: Some(self.ours()),
            ..self.about_queue()
        };
        let answer = self.describe(request).await?;
        let of = |kind: TaskQueueType| {
            let infos = answer.versions_info.values();
            infos
                .filter_map(|version| version.types_info.get(&(kind as i32)))
                .flat_map(|info| info.pollers.clone())
                .collect()
        };
        Ok(TYPES.iter().map(|(kind, _)| of(*kind)).collect())
    }

    /// Pollers with a build id are told only to those who name it.
    fn ours(&self) -> TaskQueueVersionSelection {
        let WorkerOptions { deployment, build_id, .. } = self.options;
        let build_ids = self.options.is_versioned().then(|| format!("{deployment}:{build_id}"));
        TaskQueueVersionSelection {
            build_ids: build_ids.into_iter().collect(),
            unversioned: !self.options.is_versioned(),
            all_active: false,
        }
    }

    fn about_queue(&self) -> DescribeTaskQueueRequest {
        DescribeTaskQueueRequest {
            namespace: self.section.namespace.clone(),
            task_queue: Some(TaskQueue {
                name: self.options.task_queue.clone(),
                kind: TaskQueueKind::Normal as i32,
                ..Default::default()
            }),
            ..Default::default()
        }
    }

    async fn describe(&self, request: DescribeTaskQueueRequest) -> Result<DescribeTaskQueueResponse, Status> {
        let mut service = self.client.connection().workflow_service();
        let asked = service.describe_task_queue(self.bounded(request));
        self.within(asked).await
    }

    /// Tells what an error means; a refusal may be about this question alone.
    async fn trouble(&self, status: Status) -> Sight {
        let address = &self.section.address;
        match status.code() {
            Code::PermissionDenied | Code::Unimplemented => {
                let namespace = self.section.namespace.clone();
                let request = DescribeNamespaceRequest { namespace, ..Default::default() };
                let mut service = self.client.connection().workflow_service();
                let asked = service.describe_namespace(self.bounded(request));
                match self.within(asked).await {
                    Ok(_) => Sight::Untold(format!(
                        "the server does not tell who polls ({:?} for DescribeTaskQueue)",
                        status.code()
                    )),
                    Err(status) => self.refusal(status),
                }
            }
            Code::Unauthenticated | Code::NotFound => self.refusal(status),
            Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
                Sight::Slow(format!("Temporal at {address} is too slow to answer; see its load"))
            }
            code => Sight::Away(format!(
                "Temporal at {address} cannot be reached ({code:?}); check the server and the network between"
            )),
        }
    }

    fn refusal(&self, status: Status) -> Sight {
        Sight::Refused(keel_temporal::explain(self.section, status).to_string())
    }

    fn bounded<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(self.limit);
        if let Ok(value) = self.section.namespace.parse() {
            request.metadata_mut().insert("temporal-namespace", value);
        }
        request
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<temporalio_client::tonic::Response<T>, Status>>,
    ) -> Result<T, Status> {
        match tokio::time::timeout(self.limit, call).await {
            Ok(answer) => answer.map(temporalio_client::tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("no answer")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use temporalio_common::protos::temporal::api::taskqueue::v1::PollerInfo;

    use super::{Sight, judge};

    fn poller(identity: &str, ago: u64) -> PollerInfo {
        let at = SystemTime::now() - Duration::from_secs(ago);
        PollerInfo { identity: identity.to_owned(), last_access_time: Some(at.into()), ..Default::default() }
    }

    #[test]
    fn every_sdk_worker_must_be_listed_for_both_kinds_of_tasks() {
        let me = ["me#1.0".to_owned(), "me#1.1".to_owned()];
        let (both, one) = (vec![poller("me#1.0", 0), poller("me#1.1", 3)], vec![poller("me#1.0", 0)]);
        let now = SystemTime::now();
        assert_eq!(judge(&[both.clone(), both.clone()], &me, now), Sight::Polling);
        let Sight::Unseen(why) = judge(&[both.clone(), one], &me, now) else { panic!("not unseen") };
        assert_eq!(why, "the server has seen no activity poll of me#1.1 yet");
        let old = vec![poller("me#1.0", 0), poller("me#1.1", 300)];
        assert!(matches!(judge(&[both, old], &me, now), Sight::Stale(_)));
    }
}
