//! What a server says of itself: version, namespace, clock.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
use temporalio_common::protos::temporal::api::taskqueue::v1::TaskQueue;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DescribeNamespaceRequest, DescribeTaskQueueRequest, GetSystemInfoRequest, PollActivityTaskQueueRequest,
};

use crate::caller::Caller;
use crate::error::{Attempt, CallError};

/// The server and what it can do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerView {
    /// Its version.
    pub version: String,
    /// Whether it has schedules.
    pub schedules: bool,
    /// Whether it tells worker builds apart.
    pub build_ids: bool,
    /// Whether it hands the first task to whoever starts a run.
    pub eager_start: bool,
    /// Whether it carries operations between namespaces.
    pub nexus: bool,
}

/// The namespace.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceView {
    /// `registered`, `deprecated` or `deleted`.
    pub state: String,
    /// How long closed runs are kept, in hours.
    pub retention_hours: Option<u64>,
    /// Whether the server answers the polls of a worker that leaves. Where it does not, they are dropped, sometimes with a
    /// task (`frontend.enableCancelWorkerPollsOnShutdown`).
    pub answers_leaving_workers: bool,
}

/// How far the server's clock is ahead of ours (negative: behind). It lies between the two bounds, which are apart by the
/// time the measurement took.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClockSkew {
    /// The server is ahead by at least this many seconds.
    pub at_least_seconds: f64,
    /// And by at most this many.
    pub at_most_seconds: f64,
}

impl ClockSkew {
    /// By how much the clocks differ for certain; zero if they may agree.
    #[must_use]
    pub fn least(&self) -> Duration {
        let least = if self.at_least_seconds > 0.0 {
            self.at_least_seconds
        } else if self.at_most_seconds < 0.0 {
            -self.at_most_seconds
        } else {
            0.0
        };
        Duration::from_secs_f64(least)
    }
}

impl std::fmt::Display for ClockSkew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { at_least_seconds: low, at_most_seconds: high } = self;
        if *low > 0.0 {
            write!(f, "the server's clock is ahead by {low:.3} to {high:.3} s")
        } else if *high < 0.0 {
            write!(f, "the server's clock is behind by {:.3} to {:.3} s", -high, -low)
        } else {
            write!(f, "no difference to the server's clock is seen (measured to within {:.3} s)", high - low)
        }
    }
}

/// What the server is.
///
/// # Errors
/// [`CallError`] when it does not answer or refuses.
pub async fn server(caller: &Caller) -> Result<ServerView, CallError> {
    let attempt = Attempt::about("ask the server what it is".to_owned());
    let mut service = caller.client().connection().workflow_service();
    let call = service.get_system_info(caller.request(GetSystemInfoRequest::default()));
    let info = caller.bounded(attempt, call).await?.into_inner();
    let able = info.capabilities.unwrap_or_default();
    Ok(ServerView {
        version: info.server_version,
        schedules: able.supports_schedules,
        build_ids: able.build_id_based_versioning,
        eager_start: able.eager_workflow_start,
        nexus: able.nexus,
    })
}

/// What the namespace is.
///
/// # Errors
/// [`CallError`] when the server does not answer or refuses.
pub async fn namespace(caller: &Caller) -> Result<NamespaceView, CallError> {
    let name = caller.namespace().to_owned();
    let attempt = Attempt::about(format!("describe namespace `{name}`"));
    let message = DescribeNamespaceRequest { namespace: name, ..DescribeNamespaceRequest::default() };
    let mut service = caller.client().connection().workflow_service();
    let answer = caller.bounded(attempt, service.describe_namespace(caller.request(message))).await?;
    let answer = answer.into_inner();
    let info = answer.namespace_info.unwrap_or_default();
    let retention = answer.config.and_then(|config| config.workflow_execution_retention_ttl);
    let retention = retention.and_then(|retention| Duration::try_from(retention).ok());
    Ok(NamespaceView {
        state: info.state().as_str_name().trim_start_matches("NAMESPACE_STATE_").to_ascii_lowercase(),
        retention_hours: retention.map(|retention| retention.as_secs() / 3600),
        answers_leaving_workers: info.capabilities.is_some_and(|can| can.worker_poll_complete_on_shutdown),
    })
}

/// Compares the server's clock with ours. No answer of the server carries its time, but it notes when somebody polls a
/// queue: so a queue that nobody uses is polled, and looked at while the poll is open. The server's note was made between
/// sending the poll and reading the note. `None` if it did not show in time.
///
/// # Errors
/// [`CallError`] when the server does not answer or does not let us poll.
pub async fn clock_skew(caller: &Caller) -> Result<Option<ClockSkew>, CallError> {
    let name = format!("keel-doctor-{}", std::process::id());
    let attempt = || Attempt::about("measure the server's clock".to_owned());
    let queue = TaskQueue { name: name.clone(), ..TaskQueue::default() };
    let poll = PollActivityTaskQueueRequest {
        namespace: caller.namespace().to_owned(),
        task_queue: Some(queue.clone()),
        identity: name,
        ..PollActivityTaskQueueRequest::default()
    };
    let mut service = caller.client().connection().workflow_service();
    let sent = SystemTime::now();
    let mut poll =
        std::pin::pin!(caller.bounded(attempt(), service.poll_activity_task_queue(caller.request(poll))));
    let look = async {
        let message = DescribeTaskQueueRequest {
            namespace: caller.namespace().to_owned(),
            task_queue: Some(queue),
            task_queue_type: TaskQueueType::Activity as i32,
            ..DescribeTaskQueueRequest::default()
        };
        let mut service = caller.client().connection().workflow_service();
        loop {
            let call = service.describe_task_queue(caller.request(message.clone()));
            let answer = caller.bounded(attempt(), call).await?.into_inner();
            let seen = SystemTime::now();
            if let Some(noted) = answer.pollers.first().and_then(|poller| poller.last_access_time) {
                return Ok(SystemTime::try_from(noted).ok().map(|noted| skew(noted, sent, seen)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut look = std::pin::pin!(look);
    tokio::select! {
        looked = &mut look => looked,
        // An empty poll ends by the limit that it was given, without the note having shown.
        polled = &mut poll => match polled {
            Ok(_) | Err(CallError::Timeout { .. }) => Ok(None),
            Err(error) => Err(error),
        },
    }
}

fn skew(noted: SystemTime, sent: SystemTime, seen: SystemTime) -> ClockSkew {
    let ahead = |ours: SystemTime| match noted.duration_since(ours) {
        Ok(ahead) => ahead.as_secs_f64(),
        Err(behind) => -behind.duration().as_secs_f64(),
    };
    ClockSkew { at_least_seconds: ahead(seen), at_most_seconds: ahead(sent) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::skew;

    #[test]
    fn only_a_certain_difference_counts() {
        let at = |milliseconds| SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
        let same = skew(at(1_005), at(1_000), at(1_010));
        assert_eq!(same.least(), Duration::ZERO);
        assert!(same.to_string().starts_with("no difference"), "{same}");
        let ahead = skew(at(3_000), at(1_000), at(1_500));
        assert_eq!(ahead.least(), Duration::from_millis(1_500));
        assert_eq!(ahead.to_string(), "the server's clock is ahead by 1.500 to 2.000 s");
        let behind = skew(at(1_000), at(2_000), at(2_500));
        assert_eq!(behind.least(), Duration::from_secs(1));
        assert_eq!(behind.to_string(), "the server's clock is behind by 1.000 to 1.500 s");
    }
}
