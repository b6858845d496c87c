//! The keys of `[worker]` that make a worker a version of a Worker Deployment.

use keel_types::names::UNVERSIONED;
use serde::{Deserialize, Serialize};
use temporalio_common::worker::{WorkerDeploymentOptions, WorkerDeploymentVersion};

use super::WorkerOptions;

/// Longest deployment name and build id. The server puts both into one workflow id of its own.
const LONGEST: usize = 128;

/// Where a run goes when another build takes over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Versioning {
    /// It stays on the build it began on, to its end.
    #[default]
    Pinned,
    /// Its next task goes to the current build, which has to replay its history.
    AutoUpgrade,
}

impl WorkerOptions {
    /// What the build is called in logs, metrics and health: the build id, or `unversioned`.
    #[must_use]
    pub fn build(&self) -> &str {
        if self.is_versioned() { &self.build_id } else { UNVERSIONED }
    }

    /// Whether it polls as a version of its deployment.
    #[must_use]
    pub fn is_versioned(&self) -> bool {
        !self.build_id.is_empty()
    }

    /// How it presents itself to the server; `None` leaves it unversioned.
    pub(crate) fn version(&self) -> Option<WorkerDeploymentOptions> {
        use temporalio_common::worker::VersioningBehavior;
        let behavior = match self.versioning_behavior {
            Versioning::Pinned => VersioningBehavior::Pinned,
            Versioning::AutoUpgrade => VersioningBehavior::AutoUpgrade,
        };
        let version = WorkerDeploymentVersion::builder()
            .deployment_name(&self.deployment)
            .build_id(&self.build_id)
            .build();
        self.is_versioned().then(|| {
            WorkerDeploymentOptions::new(version)
                .use_worker_versioning(true)
                .default_versioning_behavior(behavior)
                .build()
        })
    }

    pub(super) fn versioning_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.deployment.is_empty() {
            problems.push("worker.deployment: is empty; name the deployment, such as keel".to_owned());
        }
        for (key, value, more, words) in [
            // The Worker Controller of Kubernetes names a deployment NAMESPACE/NAME.
            ("worker.deployment", &self.deployment, "/", "dashes, underscores and slashes"),
            ("worker.build_id", &self.build_id, ".+", "dashes, underscores, dots and plus signs"),
        ] {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c) || more.contains(c);
            if let Some(bad) = value.chars().find(|c| !fits(*c)) {
                problems.push(format!("{key}: has {bad:?} in it; use letters, digits, {words} only"));
            }
            if value.len() > LONGEST {
                problems.push(format!("{key}: longer than {LONGEST} characters; a short commit id does"));
            }
        }
        if self.deployment.starts_with("__") {
            problems.push("worker.deployment: begins with __, which the server keeps for itself".to_owned());
        }
        if self.build_id == UNVERSIONED {
            problems.push(format!(
                "worker.build_id: {UNVERSIONED} stands for workers without a build id; leave it empty for that"
            ));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::WorkerOptions;

    fn options(deployment: &str, build: &str) -> WorkerOptions {
        let (deployment, build_id) = (deployment.to_owned(), build.to_owned());
        WorkerOptions { deployment, build_id, ..WorkerOptions::default() }
    }

    #[test]
    fn names_that_the_server_would_refuse_are_refused_here() {
        for (deployment, build) in [("keel", ""), ("keel", "0123456789ab-dirty-ff"), ("shop/a_b", "1.2.3+4")]
        {
            assert_eq!(options(deployment, build).versioning_problems(), Vec::<String>::new());
        }
        let long = "x".repeat(129);
        for (deployment, build, key) in [
            ("", "b", "worker.deployment: is empty"),
            ("a.b", "b", "worker.deployment: has '.'"),
            ("__a", "b", "worker.deployment: begins"),
            ("keel", "a:b", "worker.build_id: has ':'"),
            ("keel", "a b", "worker.build_id: has ' '"),
            ("keel", "unversioned", "worker.build_id: unversioned"),
            ("keel", &long, "worker.build_id: longer"),
        ] {
            let problems = options(deployment, build).versioning_problems();
            assert!(problems.len() == 1 && problems[0].starts_with(key), "{problems:?}");
        }
    }

    #[test]
    fn only_a_build_id_makes_a_version() {
        assert!(options("keel", "").version().is_none());
        assert_eq!(options("keel", "").build(), "unversioned");
        let version = options("keel", "b1").version().unwrap();
        assert!(version.use_worker_versioning && version.default_versioning_behavior.is_some());
        assert_eq!(
            (version.version.deployment_name.as_str(), version.version.build_id.as_str()),
            ("keel", "b1")
        );
    }
}
