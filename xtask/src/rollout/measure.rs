//! What the builds did, from Prometheus.
//!
//! Counters are read as they stand, at two moments, and subtracted here: Prometheus' own `increase` misses what a series
//! counted before its first scrape, and a series of the SDK begins with its first event. Series are of an instance, and
//! `keel_build_info` says which build that is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::judge::Figures;
use crate::stack::http;

const JOB: &str = "{job=\"keel-worker\"}";
const BUILD: &str = "keel_build_info";
const TASKS: &str = "temporal_workflow_task_execution_latency_seconds";
const ACTIVITIES: &str = "temporal_activity_execution_latency_seconds";
const COMPLETED: &str = "temporal_workflow_completed_total";
const FAILED: &str = "temporal_workflow_failed_total";
const TASK_FAILURES: &str = "temporal_workflow_task_execution_failed_total";
const NONDETERMINISM: &str = "nondeterminism";
const ACTIVITY_FAILURES: &str = "temporal_activity_execution_failed_total";

/// Every counter that is compared, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Build by instance.
    builds: BTreeMap<String, String>,
    /// Value by counter, `le` of a bucket, and instance.
    counters: BTreeMap<String, BTreeMap<String, f64>>,
}

impl Snapshot {
    /// Reads them all.
    ///
    /// # Errors
    /// When Prometheus does not answer, or not as expected.
    pub fn take(prometheus: &str) -> anyhow::Result<Self> {
        let mut snapshot = Self::default();
        for (labels, _) in http::query(prometheus, &format!("{BUILD}{JOB}"))? {
            let label = |name: &str| labels.get(name).cloned().unwrap_or_default();
            snapshot.builds.insert(label("instance"), label("build_id"));
        }
        for name in [COMPLETED, FAILED, TASK_FAILURES, ACTIVITY_FAILURES] {
            let query = format!("sum by (instance) ({name}{JOB})");
            snapshot.add(name, http::query(prometheus, &query)?);
        }
        let query = format!(
            "sum by (instance) ({TASK_FAILURES}{{job=\"keel-worker\",failure_reason=\"NonDeterminismError\"}})"
        );
        snapshot.add(NONDETERMINISM, http::query(prometheus, &query)?);
        for name in [TASKS, ACTIVITIES] {
            let query = format!("sum by (instance, le) ({name}_bucket{JOB})");
            snapshot.add(name, http::query(prometheus, &query)?);
        }
        Ok(snapshot)
    }

    fn add(&mut self, name: &str, samples: Vec<(BTreeMap<String, String>, f64)>) {
        for (labels, value) in samples {
            let key = match labels.get("le") {
                Some(le) => format!("{name} {le}"),
                None => name.to_owned(),
            };
            let Some(instance) = labels.get("instance") else { continue };
            self.counters.entry(key).or_default().insert(instance.clone(), value);
        }
    }

    /// What a build did since an earlier moment.
    pub fn since(&self, base: &Self, build: &str) -> Figures {
        let grown = |key: &str| self.grown(base, build, key);
        let (tasks, task_p95) = self.histogram(base, build, TASKS);
        let (activities, activity_p95) = self.histogram(base, build, ACTIVITIES);
        Figures {
            completed: grown(COMPLETED),
            failed: grown(FAILED),
            tasks,
            task_failures: grown(TASK_FAILURES),
            nondeterminism: grown(NONDETERMINISM),
            activities,
            activity_failures: grown(ACTIVITY_FAILURES),
            task_p95,
            activity_p95,
        }
    }

    /// Workers of a build that Prometheus sees.
    pub fn instances(&self, build: &str) -> usize {
        self.builds.values().filter(|one| *one == build).count()
    }

    fn grown(&self, base: &Self, build: &str, key: &str) -> f64 {
        let Some(now) = self.counters.get(key) else { return 0.0 };
        let before = base.counters.get(key);
        now.iter()
            .filter(|(instance, _)| self.builds.get(*instance).is_some_and(|one| one == build))
            .map(|(instance, value)| {
                let then = before
                    // An address may have belonged to a worker of another build.
                    .filter(|_| base.builds.get(instance).is_some_and(|one| one == build))
                    .and_then(|before| before.get(instance))
                    .copied()
                    .unwrap_or(0.0);
                // A counter that fell began again with its process.
                if *value >= then { value - then } else { *value }
            })
            .sum()
    }

    /// How many figures a histogram got, and their 95th percentile.
    fn histogram(&self, base: &Self, build: &str, name: &str) -> (f64, Option<f64>) {
        let prefix = format!("{name} ");
        let mut buckets: Vec<(f64, f64)> = self
            .counters
            .keys()
            .filter_map(|key| {
                let le = key.strip_prefix(&prefix)?;
                let bound = if le == "+Inf" { f64::INFINITY } else { le.parse().ok()? };
                Some((bound, self.grown(base, build, key)))
            })
            .collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        (buckets.last().map_or(0.0, |(_, count)| *count), quantile(&buckets, 0.95))
    }
}

/// As Prometheus reckons it: evenly spread within a bucket. Buckets are cumulative, by their upper bound.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let all = buckets.last()?.1;
    if all <= 0.0 {
        return None;
    }
    let wanted = all * share;
    let (mut low, mut below) = (0.0, 0.0);
    for (bound, count) in buckets {
        if *count >= wanted {
            if bound.is_infinite() || *count <= below {
                return Some(low);
            }
            return Some(low + (bound - low) * (wanted - below) / (count - below));
        }
        (low, below) = (*bound, *count);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{ACTIVITIES, COMPLETED, Snapshot, quantile};

    fn snapshot(builds: &[(&str, &str)], counters: &[(&str, &str, f64)]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        for (instance, build) in builds {
            snapshot.builds.insert((*instance).to_owned(), (*build).to_owned());
        }
        for (key, instance, value) in counters {
            snapshot.counters.entry((*key).to_owned()).or_default().insert((*instance).to_owned(), *value);
        }
        snapshot
    }

    #[test]
    fn each_build_gets_what_its_instances_counted_since() {
        let builds = [("i1", "a"), ("i2", "a"), ("i3", "b")];
        let base = snapshot(&builds[..2], &[(COMPLETED, "i1", 10.0), (COMPLETED, "i2", 20.0)]);
        let now = snapshot(
            &builds,
            &[
                (COMPLETED, "i1", 15.0),
                (COMPLETED, "i2", 2.0),
                (COMPLETED, "i3", 7.0),
                (COMPLETED, "gone", 99.0),
            ],
        );
        // 5 on the first; the second began again.
        assert!((now.since(&base, "a").completed - 7.0).abs() < 1e-9);
        assert!((now.since(&base, "b").completed - 7.0).abs() < 1e-9);
        assert_eq!((now.instances("a"), now.instances("b")), (2, 1));
    }

    #[test]
    fn an_address_that_changed_hands_brings_nothing_along() {
        let base = snapshot(&[("i1", "a")], &[(COMPLETED, "i1", 3.0)]);
        let now = snapshot(&[("i1", "b")], &[(COMPLETED, "i1", 5.0)]);
        assert!((now.since(&base, "b").completed - 5.0).abs() < 1e-9);
        assert!(now.since(&base, "a").completed.abs() < 1e-9);
    }

    #[test]
    fn histograms_come_with_count_and_percentile() {
        let key = |le: &str| format!("{ACTIVITIES} {le}");
        let now = snapshot(
            &[("i1", "a")],
            &[(&key("0.1"), "i1", 90.0), (&key("0.2"), "i1", 100.0), (&key("+Inf"), "i1", 100.0)],
        );
        let figures = now.since(&Snapshot::default(), "a");
        assert!((figures.activities - 100.0).abs() < 1e-9);
        assert!((figures.activity_p95.unwrap() - 0.15).abs() < 1e-9);
        assert_eq!(figures.task_p95, None);
    }

    #[test]
    fn a_percentile_beyond_the_last_bound_is_that_bound() {
        assert_eq!(quantile(&[(1.0, 1.0), (f64::INFINITY, 10.0)], 0.95), Some(1.0));
        assert_eq!(quantile(&[], 0.95), None);
        assert_eq!(quantile(&[(1.0, 0.0), (f64::INFINITY, 0.0)], 0.95), None);
    }
}
