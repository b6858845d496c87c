//! What the rollout gate proves: that workers of one build run workflows and activities, reach their store and see their
//! data directory.

use serde::{Deserialize, Serialize};

/// A worker that took part in a gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Witness {
    /// Its `worker.build_id`, or `unversioned`.
    pub build_id: String,
    /// How it names itself to Temporal.
    pub identity: String,
}

/// The result of `rolloutGateWorkflow`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GateReport {
    /// The worker that ran the workflow and, inside of its task, asked the store.
    #[serde(flatten)]
    pub workflow: Witness,
    /// The worker that ran the activity over the data directory.
    pub activity: Witness,
}

impl GateReport {
    /// A worker of another build than `build_id` that took part, if there is one.
    #[must_use]
    pub fn stranger(&self, build_id: &str) -> Option<&Witness> {
        [&self.workflow, &self.activity].into_iter().find(|witness| witness.build_id != build_id)
    }
}

#[cfg(test)]
mod tests {
    use super::{GateReport, Witness};

    fn witness(build: &str) -> Witness {
        Witness { build_id: build.to_owned(), identity: format!("w-{build}") }
    }

    #[test]
    fn the_report_names_who_ran_it_and_who_does_not_belong() {
        let report = GateReport { workflow: witness("b"), activity: witness("a") };
        let json = serde_json::json!({
            "buildId": "b", "identity": "w-b", "activity": {"buildId": "a", "identity": "w-a"},
        });
        assert_eq!(serde_json::to_value(&report).unwrap(), json);
        assert_eq!(report.stranger("b"), Some(&witness("a")));
        assert_eq!(GateReport { activity: witness("b"), ..report }.stranger("b"), None);
    }
}
