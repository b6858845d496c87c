//! The part of `[worker]` that decides how much work is taken at once. `docs/tuning.md` explains when to change what.

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use temporalio_sdk::runtime::worker_tuner::{
    FixedSizeSlotSupplier, ResourceBasedController, ResourceBasedSlotOptions, ResourceBasedTunerOptions,
    ResourceBasedTunerWithController, TunerHolder, WorkerTuner,
};
use temporalio_sdk::runtime::{AutoscalingOptions, PollerBehavior};

use super::worker::WorkerOptions;

/// More at once than any machine can use.
const MOST_SLOTS: usize = 100_000;

/// How many slots there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tuner {
    /// As many as the settings say.
    #[default]
    Fixed,
    /// As many as memory and CPU allow.
    Resource,
}

/// How many polls wait at the server at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pollers {
    /// Five, or as many as the load asks for where the namespace enrols its workers for that.
    #[default]
    Auto,
    /// As many as the server asks for, 1 to 100.
    Scaling,
    /// Always this many.
    Fixed(usize),
}

impl Pollers {
    fn behavior(self) -> Option<PollerBehavior> {
        match self {
            Self::Auto => None,
            Self::Scaling => {
                let options = AutoscalingOptions::builder().minimum(1).maximum(100).initial(5).build();
                Some(PollerBehavior::Autoscaling(options))
            }
            Self::Fixed(polls) => Some(PollerBehavior::SimpleMaximum(polls)),
        }
    }
}

impl Serialize for Pollers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Scaling => serializer.serialize_str("scaling"),
            Self::Fixed(polls) => serializer.serialize_u64(*polls as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Pollers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PollersVisitor)
    }
}

struct PollersVisitor;

impl Visitor<'_> for PollersVisitor {
    type Value = Pollers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`auto`, `scaling` or a number of polls")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Pollers, E> {
        match text.trim() {
            "auto" => Ok(Pollers::Auto),
            "scaling" => Ok(Pollers::Scaling),
            // The environment has only text.
            other => other
                .parse()
                .map(Pollers::Fixed)
                .map_err(|_| E::invalid_value(de::Unexpected::Str(other), &self)),
        }
    }

    fn visit_u64<E: de::Error>(self, polls: u64) -> Result<Pollers, E> {
        usize::try_from(polls)
            .map(Pollers::Fixed)
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(polls), &self))
    }

    fn visit_i64<E: de::Error>(self, polls: i64) -> Result<Pollers, E> {
        usize::try_from(polls)
            .map(Pollers::Fixed)
            .map_err(|_| E::invalid_value(de::Unexpected::Signed(polls), &self))
    }
}

/// The part of `total` that one of `threads` gets; at least 1 of what is not 0.
pub(crate) const fn share(total: usize, threads: usize) -> usize {
    if threads == 0 { total } else { total.div_ceil(threads) }
}

/// What one SDK worker of the process gets.
pub(crate) struct Tuning {
    pub(crate) tuner: WorkerTuner,
    pub(crate) workflow_pollers: Option<PollerBehavior>,
    pub(crate) activity_pollers: Option<PollerBehavior>,
    pub(crate) max_cached_workflows: usize,
    pub(crate) activities_per_second: Option<f64>,
    pub(crate) queue_activities_per_second: Option<f64>,
}

/// The resource tuner looks at the whole process, so all its SDK workers share one.
pub(crate) fn controller(options: &WorkerOptions) -> Option<ResourceBasedController> {
    (options.tuner == Tuner::Resource).then(|| {
        let targets = ResourceBasedTunerOptions::builder()
            .target_memory_usage(options.target_memory)
            .target_cpu_usage(options.target_cpu)
            .build();
        ResourceBasedController::new(targets)
    })
}

impl Tuning {
    /// The share of one of the process's SDK workers.
    pub(crate) fn new(options: &WorkerOptions, controller: Option<&ResourceBasedController>) -> Self {
        let threads = options.workflow_threads;
        let limit = |rate: f64| (rate > 0.0).then_some(rate);
        #[expect(clippy::cast_precision_loss, reason = "there are at most 64 threads")]
        let of_thread = |rate: f64| rate / threads.max(1) as f64;
        Self {
            tuner: controller.map_or_else(|| fixed(options).into(), |shared| resource(shared).into()),
            workflow_pollers: options.workflow_pollers.behavior(),
            activity_pollers: options.activity_pollers.behavior(),
            max_cached_workflows: share(options.max_cached_workflows, threads),
            activities_per_second: limit(options.max_activities_per_second).map(of_thread),
            queue_activities_per_second: limit(options.max_task_queue_activities_per_second),
        }
    }
}

fn fixed(options: &WorkerOptions) -> TunerHolder {
    let threads = options.workflow_threads;
    let slots = |total: usize, least: usize| FixedSizeSlotSupplier::new(share(total, threads).max(least));
    TunerHolder::builder()
        .workflow_task_slot_supplier(slots(options.workflow_slots(), 2))
        .activity_task_slot_supplier(slots(options.activity_slots(), 1))
        .local_activity_task_slot_supplier(slots(options.local_activity_slots(), 1))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build()
}

fn resource(controller: &ResourceBasedController) -> ResourceBasedTunerWithController {
    ResourceBasedTunerWithController::builder()
        .controller(controller.clone())
        // One of each would leave a worker with nothing to poll with when memory is short.
        .workflow_task_slot_options(ResourceBasedSlotOptions::builder().minimum_slots(5).build())
        .build()
}

impl WorkerOptions {
    pub(super) fn tuning_problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, slots, least) in [
            ("max_concurrent_activities", self.max_concurrent_activities, 1),
            ("max_concurrent_workflows", self.max_concurrent_workflows, 2),
            ("max_concurrent_local_activities", self.max_concurrent_local_activities, 1),
        ] {
            match slots {
                Some(_) if self.tuner == Tuner::Resource => problems.push(format!(
                    "worker.{key}: a fixed number and worker.tuner = \"resource\" exclude each other; remove one"
                )),
                Some(slots) if !(least..=MOST_SLOTS).contains(&slots) => {
                    problems.push(format!("worker.{key}: must be from {least} to {MOST_SLOTS}"));
                }
                Some(slots) if slots < least.saturating_mul(self.workflow_threads) => problems.push(format!(
                    "worker.{key}: {slots} cannot be divided among worker.workflow_threads ({}), which take at least \
                     {least} each; raise it or take fewer threads",
                    self.workflow_threads
                )),
                _ => {}
            }
        }
        for (key, target) in [("target_memory", self.target_memory), ("target_cpu", self.target_cpu)] {
            if !(target > 0.0 && target <= 1.0) {
                problems.push(format!("worker.{key}: must be above 0 and at most 1, such as 0.8"));
            }
        }
        for (key, rate) in [
            ("max_activities_per_second", self.max_activities_per_second),
            ("max_task_queue_activities_per_second", self.max_task_queue_activities_per_second),
        ] {
            if !(rate >= 0.0 && rate.is_finite()) {
                problems.push(format!("worker.{key}: must be 0 (no limit) or more"));
            }
        }
        for (key, pollers, least) in
            [("workflow_pollers", self.workflow_pollers, 2), ("activity_pollers", self.activity_pollers, 1)]
        {
            if matches!(pollers, Pollers::Fixed(polls) if polls < least) {
                problems.push(format!("worker.{key}: must be auto, scaling, or {least} and more"));
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::{Pollers, Tuner, share};
    use crate::WorkerOptions;

    #[test]
    fn pollers_are_a_word_or_a_number() {
        for (text, pollers) in [
            ("\"auto\"", Pollers::Auto),
            ("\"scaling\"", Pollers::Scaling),
            ("8", Pollers::Fixed(8)),
            ("\"8\"", Pollers::Fixed(8)),
        ] {
            assert_eq!(serde_json::from_str::<Pollers>(text).unwrap(), pollers, "{text}");
        }
        assert!(serde_json::from_str::<Pollers>("\"many\"").is_err());
        assert_eq!(serde_json::to_string(&Pollers::Fixed(8)).unwrap(), "8");
    }

    #[test]
    fn every_thread_gets_a_share() {
        assert_eq!([share(100, 1), share(100, 3), share(1, 4), share(0, 2)], [100, 34, 1, 0]);
    }

    #[test]
    fn the_resource_tuner_takes_no_fixed_numbers() {
        let options = WorkerOptions {
            tuner: Tuner::Resource,
            max_concurrent_activities: Some(10),
            target_memory: 1.5,
            workflow_pollers: Pollers::Fixed(1),
            max_activities_per_second: f64::NAN,
            ..WorkerOptions::default()
        };
        let keys: Vec<String> =
            options.problems().iter().map(|p| p.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(
            keys,
            [
                "worker.max_concurrent_activities",
                "worker.target_memory",
                "worker.max_activities_per_second",
                "worker.workflow_pollers"
            ]
        );
    }
}
