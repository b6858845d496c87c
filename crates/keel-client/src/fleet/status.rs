//! The whole fleet at one moment, put together from several answers.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use keel_types::names::UNVERSIONED;
use temporalio_common::protos::temporal::api::deployment::v1::worker_deployment_info::WorkerDeploymentVersionSummary;

use super::Fleet;
use super::patience::Patience;
use super::queues::Queue;
use super::read::{Known, build_of};
use super::view::{BuildView, Drainage, FleetStatus, Load, Ramp, VersionStatus, time};
use crate::error::CallError;
use crate::queue::TaskKind;

/// Questions about builds at once; the server allows a namespace only so many a second.
const AT_ONCE: usize = 4;

impl Fleet {
    /// Everything about the fleet. What time heals is tried again for up to `limit`.
    ///
    /// # Errors
    /// [`CallError`] when the server does not answer or refuses.
    pub async fn status(&self, limit: Duration) -> Result<FleetStatus, CallError> {
        let mut patience = Patience::new(limit);
        let known = patience.retry(|| self.describe()).await?;
        let builds = known.as_ref().map(Known::builds).unwrap_or_default();
        let queue = patience.retry(|| self.queue(&builds)).await?;
        let mut views = Vec::with_capacity(builds.len() + 1);
        if let Some(known) = &known {
            let ramp = known.ramp();
            let asked = stream::iter(known.versions.clone())
                .map(|summary| self.build(summary, known, ramp.as_ref(), &queue));
            views = asked.buffered(AT_ONCE).try_collect().await?;
        }
        views.extend(self.unversioned(known.as_ref(), &queue, &views).await?);
        sort(&mut views);
        let mut total = queue.total;
        for load in &mut total {
            load.pollers =
                queue.workers.values().flatten().filter(|worker| worker.kinds.contains(&load.kind)).count();
        }
        Ok(FleetStatus {
            namespace: self.caller.namespace().to_owned(),
            task_queue: self.caller.task_queue().to_owned(),
            deployment: self.deployment.clone(),
            exists: known.is_some(),
            current: known.as_ref().map_or_else(|| UNVERSIONED.to_owned(), Known::current),
            ramping: known.as_ref().and_then(Known::ramp),
            routing_settled: known.as_ref().is_none_or(|known| known.settled),
            builds: views,
            total,
        })
    }

    async fn build(
        &self,
        summary: WorkerDeploymentVersionSummary,
        known: &Known,
        ramp: Option<&Ramp>,
        queue: &Queue,
    ) -> Result<BuildView, CallError> {
        let build = build_of(summary.deployment_version.as_ref());
        let (described, open_runs) = tokio::join!(self.describe_version(&build), self.open_runs(&build));
        let described = described?.unwrap_or_default();
        let workers = queue.workers.get(&build).cloned().unwrap_or_default();
        let mut queues: Vec<Load> = described
            .version_task_queues
            .iter()
            .filter_map(|of| Some(Load::of(&of.name, kind(of.r#type)?, of.stats.as_ref())))
            .collect();
        queues.sort_by(|a, b| (&a.queue, a.kind).cmp(&(&b.queue, b.kind)));
        for load in queues.iter_mut().filter(|load| load.queue == self.caller.task_queue()) {
            load.pollers = workers.iter().filter(|worker| worker.kinds.contains(&load.kind)).count();
        }
        let drainage = summary.drainage_info.as_ref();
        Ok(BuildView {
            status: VersionStatus::of(summary.status),
            percent: percent(&build, &known.current(), ramp),
            open_runs: open_runs?,
            created_at: time(summary.create_time),
            current_since: time(summary.current_since_time),
            ramping_since: time(summary.ramping_since_time),
            drainage: drainage.and_then(|info| {
                Drainage::of(info.status, time(info.last_changed_time), time(info.last_checked_time))
            }),
            workers,
            queues,
            build_id: build,
        })
    }

    /// Workers without a build id, if there are any, or work for them.
    async fn unversioned(
        &self,
        known: Option<&Known>,
        queue: &Queue,
        others: &[BuildView],
    ) -> Result<Option<BuildView>, CallError> {
        let workers = queue.workers.get(UNVERSIONED).cloned().unwrap_or_default();
        let ramp = known.and_then(Known::ramp);
        let current = known.map_or_else(|| UNVERSIONED.to_owned(), Known::current);
        let share = percent(UNVERSIONED, &current, ramp.as_ref());
        let queues: Vec<Load> = queue
            .total
            .iter()
            .map(|total| {
                let same = |load: &&Load| load.queue == total.queue && load.kind == total.kind;
                let mut load =
                    total.clone().without(others.iter().flat_map(|other| &other.queues).filter(same));
                load.pollers = workers.iter().filter(|worker| worker.kinds.contains(&load.kind)).count();
                load
            })
            .collect();
        let waits = queues.iter().any(|load| load.backlog > 0);
        let open_runs = self.open_runs(UNVERSIONED).await?;
        if workers.is_empty() && share <= 0.0 && !waits && open_runs == 0 {
            return Ok(None);
        }
        Ok(Some(BuildView {
            build_id: UNVERSIONED.to_owned(),
            status: VersionStatus::Unversioned,
            percent: share,
            open_runs,
            created_at: None,
            current_since: None,
            ramping_since: None,
            drainage: None,
            workers,
            queues,
        }))
    }
}

/// The share of new runs that goes to `build`.
fn percent(build: &str, current: &str, ramp: Option<&Ramp>) -> f32 {
    match ramp {
        Some(ramp) if ramp.build_id == build => ramp.percent,
        Some(ramp) if build == current => 100.0 - ramp.percent,
        None if build == current => 100.0,
        _ => 0.0,
    }
}

/// What gets work first, then the newest; workers without a build id last unless they get work.
fn sort(views: &mut [BuildView]) {
    let rank = |view: &BuildView| match view.status {
        VersionStatus::Current => 0,
        VersionStatus::Unversioned if view.percent > 0.0 => 0,
        VersionStatus::Ramping => 1,
        VersionStatus::Unversioned => 3,
        _ => 2,
    };
    views.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| b.created_at.cmp(&a.created_at)));
}

fn kind(number: i32) -> Option<TaskKind> {
    use temporalio_common::protos::temporal::api::enums::v1::TaskQueueType;
    match TaskQueueType::try_from(number) {
        Ok(TaskQueueType::Workflow) => Some(TaskKind::Workflow),
        Ok(TaskQueueType::Activity) => Some(TaskKind::Activity),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::percent;
    use crate::fleet::Ramp;

    #[test]
    fn shares_add_up() {
        assert_eq!(percent("a", "a", None).to_string(), "100");
        let ramp = Ramp { build_id: "b".to_owned(), percent: 10.0 };
        let shares: Vec<String> =
            ["a", "b", "c"].iter().map(|build| percent(build, "a", Some(&ramp)).to_string()).collect();
        assert_eq!(shares, ["90", "10", "0"]);
    }
}
