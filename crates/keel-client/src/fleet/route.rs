//! Where work goes: the current build, the one that is being tried, and builds that are done.

use std::time::Duration;

use keel_types::names::UNVERSIONED;
use serde::Serialize;
use temporalio_client::tonic::Code;
use temporalio_common::protos::temporal::api::workflowservice::v1::{
    DeleteWorkerDeploymentVersionRequest, SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
};

use super::patience::Patience;
use super::read::Known;
use super::view::Ramp;
use super::{Fleet, FleetError};
use crate::error::{Attempt, CallError};

/// What a change of the routing is to make of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// New runs go to this build; `unversioned` for workers without a build id.
    Current(String),
    /// This share of new runs, in percent, goes to the build.
    Ramp(String, f32),
    /// No build is being tried.
    Unramp,
}

impl Target {
    /// The build it needs, if it needs one.
    fn build(&self) -> Option<&str> {
        match self {
            Self::Current(build) | Self::Ramp(build, _) => {
                Some(build).filter(|build| *build != UNVERSIONED).map(String::as_str)
            }
            Self::Unramp => None,
        }
    }

    /// Whether it is so already.
    fn holds(&self, known: &Known) -> bool {
        match self {
            Self::Current(build) => known.current() == *build,
            Self::Ramp(build, percent) => {
                known.ramp() == Some(Ramp { build_id: build.clone(), percent: *percent })
            }
            Self::Unramp => known.ramp().is_none(),
        }
    }

    fn doing(&self) -> String {
        match self {
            Self::Current(build) => format!("make build `{build}` the current one"),
            Self::Ramp(build, percent) => format!("send {percent} % of new runs to build `{build}`"),
            Self::Unramp => "end the trial of the ramping build".to_owned(),
        }
    }
}

/// The routing after a change.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Turned {
    /// The deployment.
    pub deployment: String,
    /// The build that new runs go to.
    pub current: String,
    /// The build that is being tried.
    pub ramping: Option<Ramp>,
    /// The build that new runs went to before.
    pub previous_current: String,
    /// The build that was being tried before.
    pub previous_ramping: Option<Ramp>,
    /// False when it was so already.
    pub changed: bool,
}

/// A build that is not known any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forgotten {
    /// The deployment.
    pub deployment: String,
    /// The build.
    pub build_id: String,
    /// False when nobody knew it.
    pub changed: bool,
}

/// What a refusal asks for.
enum Refusal {
    /// Somebody else changed the deployment meanwhile, or the server needs a moment.
    Again,
    /// This will not change by itself.
    Final(FleetError),
}

impl Fleet {
    /// Changes where new runs go, and returns once every task queue has heard of it. A build that is not known yet, a
    /// change that came between and a busy server are tried again for up to `limit`; doing it twice is fine.
    ///
    /// `missing_queues` lets a build take over that does not poll every queue of the one before.
    ///
    /// # Errors
    /// [`FleetError`]: `NoBuild`, `Refused` with the server's reason, `NotSpread`, or a failed call.
    pub async fn turn(
        &self,
        target: &Target,
        missing_queues: bool,
        limit: Duration,
    ) -> Result<Turned, FleetError> {
        let mut patience = Patience::new(limit);
        let before = loop {
            let known = patience.retry(|| self.describe()).await?;
            let Some(known) = self.with_build(known, target, &mut patience).await? else { continue };
            if target.holds(&known) {
                break (known, false);
            }
            match self.send(target, &known, missing_queues).await {
                Ok(()) => break (known, true),
                Err(error) => match self.refusal(target, error) {
                    Refusal::Final(error) => return Err(error),
                    Refusal::Again if patience.pause().await => {}
                    Refusal::Again => {
                        return Err(FleetError::Refused {
                            doing: target.doing(),
                            reason: format!("the server was busy, or others changed it, for {limit:?}"),
                            next: "see `keel fleet status`, then try again".to_owned(),
                        });
                    }
                },
            }
        };
        self.settled(target, before, patience).await
    }

    /// The deployment, if it has what the target needs; `None` after a pause otherwise.
    async fn with_build(
        &self,
        known: Option<Known>,
        target: &Target,
        patience: &mut Patience,
    ) -> Result<Option<Known>, FleetError> {
        let build = target.build();
        match (known, build) {
            (Some(known), None) => Ok(Some(known)),
            (Some(known), Some(build)) if known.has(build) => Ok(Some(known)),
            // Nobody has ever polled as a version: workers without a build id get everything.
            (None, None) => Ok(Some(Known::nobody())),
            (known, Some(build)) if !patience.pause().await => Err(FleetError::NoBuild {
                deployment: self.deployment.clone(),
                build: build.to_owned(),
                known: known.map(|known| known.builds()).unwrap_or_default(),
                waited: patience.limit,
            }),
            (_, Some(_)) => Ok(None),
        }
    }

    async fn send(&self, target: &Target, known: &Known, missing_queues: bool) -> Result<(), CallError> {
        let mut service = self.caller.client().connection().workflow_service();
        let attempt = Attempt::about(target.doing());
        let namespace = self.caller.namespace().to_owned();
        let build_id = target.build().unwrap_or_default().to_owned();
        let identity = self.caller.client().connection().identity().to_owned();
        if let Target::Current(_) = target {
            let message = SetWorkerDeploymentCurrentVersionRequest {
                namespace,
                deployment_name: self.deployment.clone(),
                build_id,
                conflict_token: known.token.clone(),
                identity,
                ignore_missing_task_queues: missing_queues,
                ..Default::default()
            };
            let call = service.set_worker_deployment_current_version(self.caller.request(message));
            return self.caller.bounded(attempt, call).await.map(drop);
        }
        let percentage = if let Target::Ramp(_, percent) = target { *percent } else { 0.0 };
        let message = SetWorkerDeploymentRampingVersionRequest {
            namespace,
            deployment_name: self.deployment.clone(),
            build_id,
            percentage,
            conflict_token: known.token.clone(),
            identity,
            ignore_missing_task_queues: missing_queues,
            ..Default::default()
        };
        let call = service.set_worker_deployment_ramping_version(self.caller.request(message));
        self.caller.bounded(attempt, call).await.map(drop)
    }

    fn refusal(&self, target: &Target, error: CallError) -> Refusal {
        if error.is_server_away() {
            return Refusal::Again;
        }
        let CallError::Server { code, source, .. } = &error else { return Refusal::Final(error.into()) };
        let reason = source.message().to_owned();
        let words = reason.to_ascii_lowercase();
        match code {
            Code::Aborted | Code::NotFound => Refusal::Again,
            _ if words.contains("conflict") => Refusal::Again,
            Code::FailedPrecondition | Code::InvalidArgument => Refusal::Final(FleetError::Refused {
                doing: target.doing(),
                reason,
                next: next(&words).to_owned(),
            }),
            _ => Refusal::Final(error.into()),
        }
    }

    /// Waits until the task queues have heard of it.
    async fn settled(
        &self,
        target: &Target,
        (before, changed): (Known, bool),
        mut patience: Patience,
    ) -> Result<Turned, FleetError> {
        loop {
            let known = patience.retry(|| self.describe()).await?.unwrap_or_else(Known::nobody);
            if known.settled && (target.holds(&known) || !changed) {
                return Ok(Turned {
                    deployment: self.deployment.clone(),
                    current: known.current(),
                    ramping: known.ramp(),
                    previous_current: before.current(),
                    previous_ramping: before.ramp(),
                    changed,
                });
            }
            if !patience.pause().await {
                return Err(FleetError::NotSpread { what: target.doing(), waited: patience.limit });
            }
        }
    }

    /// Removes a build that no run needs any more. One that nobody knows is fine.
    ///
    /// # Errors
    /// [`FleetError::Refused`] while it is current or ramping, drains, or has workers.
    pub async fn forget(
        &self,
        build: &str,
        skip_drainage: bool,
        limit: Duration,
    ) -> Result<Forgotten, FleetError> {
        let mut patience = Patience::new(limit);
        let known = patience.retry(|| self.describe()).await?;
        let forgotten =
            |changed| Forgotten { deployment: self.deployment.clone(), build_id: build.to_owned(), changed };
        if !known.is_some_and(|known| known.has(build)) {
            return Ok(forgotten(false));
        }
        let doing = format!("forget build `{build}`");
        let sent = patience
            .retry(async || {
                let message = DeleteWorkerDeploymentVersionRequest {
                    namespace: self.caller.namespace().to_owned(),
                    deployment_version: Some(self.version_of(build)),
                    skip_drainage,
                    identity: self.caller.client().connection().identity().to_owned(),
                    ..Default::default()
                };
                let mut service = self.caller.client().connection().workflow_service();
                let call = service.delete_worker_deployment_version(self.caller.request(message));
                self.caller.bounded(Attempt::about(doing.clone()), call).await.map(drop)
            })
            .await;
        match sent {
            Ok(()) => Ok(forgotten(true)),
            Err(CallError::Server { code: Code::FailedPrecondition, source, .. }) => {
                let reason = source.message().to_owned();
                let next = next(&reason.to_ascii_lowercase()).to_owned();
                Err(FleetError::Refused { doing, reason, next })
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// What to do about a refusal, by the server's words.
fn next(words: &str) -> &'static str {
    if words.contains("active pollers") {
        "stop its workers; the server forgets their polls within five minutes"
    } else if words.contains("is current or ramping") {
        "make another build current first (`keel fleet current`), or end its trial (`keel fleet unramp`)"
    } else if words.contains("already current") {
        "it gets all new runs already; nothing is left to ramp"
    } else if words.contains("drain") {
        "wait until `keel fleet status` shows it as drained; runs on it have not ended"
    } else if words.contains("task queue") {
        "start workers of the build that poll them too, or say --ignore-missing-task-queues"
    } else if words.contains("poller") {
        "start its workers, and see that their /readyz says ok"
    } else {
        "see `keel fleet status`"
    }
}

impl Known {
    /// What holds while the server knows no deployment.
    fn nobody() -> Self {
        Self { token: Vec::new(), versions: Vec::new(), routing: Default::default(), settled: true }
    }
}

#[cfg(test)]
mod tests {
    use temporalio_common::protos::temporal::api::deployment::v1::{RoutingConfig, WorkerDeploymentVersion};

    use super::{Known, Target, next};

    fn known(current: Option<&str>, ramping: Option<&str>, percent: f32) -> Known {
        let version = |build: &str| WorkerDeploymentVersion {
            build_id: build.to_owned(),
            deployment_name: "keel".to_owned(),
        };
        let routing = RoutingConfig {
            current_deployment_version: current.map(version),
            ramping_deployment_version: ramping.map(version),
            ramping_version_percentage: percent,
            ..RoutingConfig::default()
        };
        Known { routing, ..Known::nobody() }
    }

    #[test]
    fn a_target_that_holds_is_not_sent_again() {
        let target = Target::Ramp("b".to_owned(), 10.0);
        assert!(target.holds(&known(Some("a"), Some("b"), 10.0)));
        assert!(!target.holds(&known(Some("a"), Some("b"), 1.0)));
        assert!(!target.holds(&known(Some("a"), None, 0.0)));
        assert!(Target::Unramp.holds(&known(Some("a"), None, 0.0)));
        assert!(!Target::Unramp.holds(&known(Some("a"), None, 50.0)), "workers without a build id are tried");
        assert!(!Target::Unramp.holds(&known(Some("a"), Some("b"), 0.0)), "a trial with nothing is one");
        assert!(Target::Current("unversioned".to_owned()).holds(&known(None, None, 0.0)));
        assert!(!Target::Current("unversioned".to_owned()).holds(&known(Some("a"), None, 0.0)));
    }

    #[test]
    fn the_servers_refusals_have_a_next_step() {
        for (words, step) in [
            ("version 'keel:bbb' cannot be deleted since it has active pollers", "stop its workers"),
            (
                "version 'keel:b' cannot be deleted since it is current or ramping",
                "make another build current",
            ),
            ("requested ramping version keel.aaa is already current", "it gets all"),
            ("version 'keel:b' cannot be deleted since it is draining", "wait until"),
        ] {
            assert!(next(words).starts_with(step), "{words}");
        }
    }
}
