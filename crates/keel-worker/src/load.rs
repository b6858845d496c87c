//! What a generation of SDK workers is busy with, counted as it happens.
//!
//! The SDK tells its slots only to its metrics. Two interceptors see every activity and every workflow task instead.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::WorkerOptions;
use crate::settings::Tuner;

/// The work of one generation.
#[derive(Debug)]
pub(crate) struct Load {
    state: Mutex<State>,
    run: AtomicU64,
    /// After so many activities [`Load::worn_out`] resolves; 0 is never.
    limit: u64,
    reached: Notify,
}

#[derive(Debug)]
struct State {
    activities: Slots,
    local_activities: Slots,
    workflows: Slots,
    /// Runs that hold a workflow task, with the local activities each waits for.
    tasks: HashMap<String, usize>,
}

/// The slots of one kind.
#[derive(Debug)]
struct Slots {
    used: usize,
    /// With the resource tuner nobody knows.
    max: Option<usize>,
    full_since: Option<Instant>,
}

/// The kinds of slots that [`Load`] counts one by one.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Activity,
    LocalActivity,
}

/// One slot in use, until it is dropped.
#[derive(Debug)]
pub(crate) struct Busy<'a> {
    load: &'a Load,
    kind: Kind,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut state = self.load.state();
        let slots = state.slots(self.kind);
        slots.set(slots.used.saturating_sub(1));
    }
}

impl Load {
    pub(crate) fn new(options: &WorkerOptions) -> Self {
        let slots = |max: usize| Slots {
            used: 0,
            max: (options.tuner == Tuner::Fixed).then_some(max),
            full_since: None,
        };
        Self {
            state: Mutex::new(State {
                activities: slots(options.activity_slots()),
                local_activities: slots(options.local_activity_slots()),
                workflows: slots(options.workflow_slots()),
                tasks: HashMap::new(),
            }),
            run: AtomicU64::new(0),
            limit: options.rebuild_after_activities,
            reached: Notify::new(),
        }
    }

    /// An activity begins.
    pub(crate) fn begin(&self, kind: Kind) -> Busy<'_> {
        {
            let mut state = self.state();
            let slots = state.slots(kind);
            slots.set(slots.used + 1);
        }
        if self.run.fetch_add(1, Ordering::Relaxed) + 1 == self.limit {
            self.reached.notify_one();
        }
        Busy { load: self, kind }
    }

    /// A workflow task begins, goes on with `resolved` local activities, or gives its run back to the server.
    pub(crate) fn activated(&self, run_id: &str, resolved: usize, evicted: bool) {
        let mut state = self.state();
        let waiting = match state.tasks.get_mut(run_id) {
            Some(waiting) => waiting,
            None => state.tasks.entry(run_id.to_owned()).or_default(),
        };
        *waiting = if evicted { 0 } else { waiting.saturating_sub(resolved) };
        state.count_tasks();
    }

    /// The workflow answered; with local activities under way its task goes on.
    pub(crate) fn answered(&self, run_id: &str, scheduled: usize) {
        let mut state = self.state();
        let waiting = state.tasks.get_mut(run_id).map_or(0, |waiting| {
            *waiting += scheduled;
            *waiting
        });
        if waiting == 0 {
            state.tasks.remove(run_id);
        }
        state.count_tasks();
    }

    /// Resolves once as many activities ran as the settings allow a generation.
    pub(crate) async fn worn_out(&self) {
        self.reached.notified().await;
    }

    /// Whether as many activities ran as the settings allow a generation.
    pub(crate) fn is_worn_out(&self) -> bool {
        self.limit > 0 && self.activities_run() >= self.limit
    }

    /// Activities begun, local ones included.
    pub(crate) fn activities_run(&self) -> u64 {
        self.run.load(Ordering::Relaxed)
    }

    /// Activities that run now.
    pub(crate) fn activities(&self) -> usize {
        let state = self.state();
        state.activities.used + state.local_activities.used
    }

    /// Whether every slot of activities or of workflow tasks is taken, so that no polls are to be expected.
    pub(crate) fn is_full(&self) -> bool {
        let state = self.state();
        state.activities.full_since.is_some() || state.workflows.full_since.is_some()
    }

    /// Which kind of slots has been busy longer than `limit` without one coming free, and what to do.
    pub(crate) fn saturated(&self, limit: Duration) -> Option<String> {
        let state = self.state();
        [
            (&state.activities, "activity", "worker.max_concurrent_activities"),
            (&state.workflows, "workflow task", "worker.max_concurrent_workflows"),
        ]
        .into_iter()
        .find_map(|(slots, kind, key)| {
            let busy = slots.full_since?.elapsed();
            (busy > limit).then(|| {
                format!(
                    "all {} {kind} slots have been busy for {} s without one coming free; see what hangs, then \
                     raise {key} or add workers",
                    slots.used,
                    busy.as_secs()
                )
            })
        })
    }

    /// For `/health`.
    pub(crate) fn report(&self) -> Value {
        let state = self.state();
        let slots = |slots: &Slots| json!({"used": slots.used, "max": slots.max});
        json!({
            "activities": slots(&state.activities),
            "localActivities": slots(&state.local_activities),
            "workflowTasks": slots(&state.workflows),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn slots(&mut self, kind: Kind) -> &mut Slots {
        match kind {
            Kind::Activity => &mut self.activities,
            Kind::LocalActivity => &mut self.local_activities,
        }
    }

    fn count_tasks(&mut self) {
        self.workflows.set(self.tasks.len());
    }
}

impl Slots {
    fn set(&mut self, used: usize) {
        self.used = used;
        if self.max.is_none_or(|max| used < max) {
            self.full_since = None;
        } else if self.full_since.is_none() {
            self.full_since = Some(Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Kind, Load};
    use crate::WorkerOptions;

    fn load(slots: usize, limit: u64) -> Load {
        Load::new(&WorkerOptions {
            max_concurrent_activities: Some(slots),
            max_concurrent_workflows: Some(2),
            rebuild_after_activities: limit,
            ..WorkerOptions::default()
        })
    }

    #[test]
    fn slots_are_saturated_only_while_none_comes_free() {
        let load = load(2, 0);
        let one = load.begin(Kind::Activity);
        assert!(!load.is_full());
        let two = load.begin(Kind::Activity);
        assert!(load.is_full() && load.saturated(Duration::from_secs(60)).is_none());
        let why = load.saturated(Duration::ZERO).unwrap();
        assert!(why.starts_with("all 2 activity slots have been busy for 0 s"), "{why}");
        drop(one);
        assert!(!load.is_full() && load.saturated(Duration::ZERO).is_none());
        drop(two);
        assert_eq!((load.activities(), load.activities_run()), (0, 2));
    }

    #[test]
    fn a_workflow_task_lasts_as_long_as_its_local_activities() {
        let load = load(1, 0);
        for run in ["a", "b"] {
            load.activated(run, 0, false);
            load.answered(run, 1);
        }
        assert!(load.is_full(), "both wait for a local activity");
        load.activated("a", 1, false);
        load.answered("a", 0);
        assert!(!load.is_full());
        load.activated("b", 0, true);
        load.answered("b", 0);
        assert_eq!(load.report()["workflowTasks"]["used"], 0);
    }

    #[tokio::test]
    async fn a_generation_wears_out_with_its_last_activity() {
        let load = load(10, 3);
        for kind in [Kind::Activity, Kind::LocalActivity] {
            drop(load.begin(kind));
        }
        assert!(!load.is_worn_out());
        drop(load.begin(Kind::Activity));
        assert!(load.is_worn_out());
        load.worn_out().await;
    }
}
