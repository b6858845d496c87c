//! The gate in front of an SDK worker's polls for workflow tasks and activities.
//!
//! A poll that is dropped while the server answers it takes a task with it, and the SDK drops its polls when it is told to
//! shut down. So before that the gate is closed: polls under way still bring home what they get, new ones are not begun,
//! and once none is left nothing can be lost. The SDK asks for a slot before each poll, and that is where the gate stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use temporalio_sdk_core::WorkerTuner;
use tokio::sync::watch;

use crate::slot::Line;

mod slots;

/// Which polls may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    All,
    /// Those at the worker's own queue.
    Sticky,
    None,
}

impl Open {
    const fn admits(self, line: Line) -> bool {
        match self {
            Self::All => true,
            Self::Sticky => matches!(line, Line::Sticky),
            Self::None => false,
        }
    }
}

/// Whether new polls may begin, and how many slots wait or work. Clones are one gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    open: watch::Sender<Open>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Slots whose poll is under way, or about to be, for each line.
    shared: AtomicUsize,
    sticky: AtomicUsize,
    activities: AtomicUsize,
    /// Whether the last poll at the worker's own queue came home without a task.
    dry: AtomicBool,
    /// Slots that hold a workflow task.
    working: AtomicUsize,
}

impl Counts {
    fn polls(&self, line: Line) -> &AtomicUsize {
        match line {
            Line::Shared => &self.shared,
            Line::Sticky => &self.sticky,
            Line::Activities => &self.activities,
        }
    }

    fn came_home(&self, line: Line, empty: bool) {
        if matches!(line, Line::Sticky) {
            self.dry.store(empty, Ordering::Release);
        }
        self.polls(line).fetch_sub(1, Ordering::AcqRel);
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { open: watch::Sender::new(Open::All), counts: Arc::default() }
    }
}

impl Gate {
    /// No poll begins from now on.
    pub(crate) fn close(&self) {
        self.open.send_replace(Open::None);
    }

    /// Polls begin at the worker's own queue, and at no other.
    pub(crate) fn open_sticky(&self) {
        self.open.send_replace(Open::Sticky);
    }

    /// Whether no poll for workflow tasks is under way and no workflow task is open, from the moment the server's answer
    /// is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.polls(Line::Shared) + self.polls(Line::Sticky) == 0
            && self.counts.working.load(Ordering::Acquire) == 0
    }

    /// Polls under way in one line, those about to begin included.
    pub(crate) fn polls(&self, line: Line) -> usize {
        self.counts.polls(line).load(Ordering::Acquire)
    }

    /// The same in all lines.
    pub(crate) fn all_polls(&self) -> usize {
        [Line::Shared, Line::Sticky, Line::Activities].map(|line| self.polls(line)).iter().sum()
    }

    /// Whether the last poll at the worker's own queue came home without a task.
    pub(crate) fn is_dry(&self) -> bool {
        self.counts.dry.load(Ordering::Acquire)
    }

    /// Puts this gate before the slots for workflow tasks and activities of `tuner`.
    pub(crate) fn before(
        &self,
        tuner: Arc<dyn WorkerTuner + Send + Sync>,
    ) -> Arc<dyn WorkerTuner + Send + Sync> {
        slots::gated(self.clone(), tuner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use temporalio_common::protos::coresdk::{ActivitySlotInfo, WorkflowSlotInfo};
    use temporalio_common::worker::WorkerDeploymentVersion;
    use temporalio_sdk_core::{
        ActivitySlotKind, SlotKind, SlotMarkUsedContext, SlotReleaseContext, SlotReservationContext,
        SlotSupplierPermit, TunerHolder, WorkflowSlotKind,
    };
    use tokio::time::timeout;

    use super::Gate;
    use crate::slot::Line;

    /// A poll at the worker's own queue, or at the shared one.
    struct Poll {
        sticky: bool,
    }

    const SHARED: Poll = Poll { sticky: false };
    const STICKY: Poll = Poll { sticky: true };

    impl SlotReservationContext for Poll {
        fn task_queue(&self) -> &str {
            "queue"
        }
        fn worker_identity(&self) -> &str {
            "worker"
        }
        fn worker_deployment_version(&self) -> &Option<WorkerDeploymentVersion> {
            &None
        }
        fn num_issued_slots(&self) -> usize {
            0
        }
        fn is_sticky(&self) -> bool {
            self.sticky
        }
    }

    struct Task<K: SlotKind = WorkflowSlotKind>(SlotSupplierPermit, Option<K::Info>);

    impl<K: SlotKind> SlotMarkUsedContext for Task<K> {
        type SlotKind = K;
        fn permit(&self) -> &SlotSupplierPermit {
            &self.0
        }
        fn info(&self) -> &K::Info {
            self.1.as_ref().expect("a used slot has its task")
        }
    }

    impl<K: SlotKind> SlotReleaseContext for Task<K> {
        type SlotKind = K;
        fn permit(&self) -> &SlotSupplierPermit {
            &self.0
        }
        fn info(&self) -> Option<&K::Info> {
            self.1.as_ref()
        }
    }

    #[tokio::test]
    async fn a_closed_gate_empties_as_its_polls_come_home() {
        let gate = Gate::default();
        let slots = gate.before(Arc::new(TunerHolder::fixed_size(3, 1, 1, 1))).workflow_task_slot_supplier();
        let busy = Task(slots.reserve_slot(&SHARED).await, Some(WorkflowSlotInfo::default()));
        let idle = Task(slots.try_reserve_slot(&SHARED).expect("one of three is taken"), None);
        assert_eq!((gate.all_polls(), slots.available_slots()), (2, Some(1)));
        gate.close();
        assert!(slots.try_reserve_slot(&SHARED).is_none());
        assert!(timeout(Duration::from_millis(20), slots.reserve_slot(&SHARED)).await.is_err());

        slots.release_slot(&idle);
        slots.mark_slot_used(&busy);
        assert!(gate.all_polls() == 0 && !gate.is_empty(), "a task is open");
        slots.release_slot(&busy);
        assert!(gate.is_empty());
    }

    #[tokio::test]
    async fn the_own_queue_is_dry_when_its_last_poll_came_home_empty() {
        let gate = Gate::default();
        let slots = gate.before(Arc::new(TunerHolder::fixed_size(3, 1, 1, 1))).workflow_task_slot_supplier();
        gate.close();
        gate.open_sticky();
        assert!(timeout(Duration::from_millis(20), slots.reserve_slot(&SHARED)).await.is_err());
        let [first, second] =
            [(); 2].map(|()| slots.try_reserve_slot(&STICKY).expect("the own queue is open"));
        assert_eq!((gate.polls(Line::Sticky), gate.all_polls()), (2, 2));
        slots.release_slot(&Task(first, None));
        assert!(gate.is_dry());
        let busy = Task(second, Some(WorkflowSlotInfo::default()));
        slots.mark_slot_used(&busy);
        assert!(
            !gate.is_dry() && gate.polls(Line::Sticky) == 0 && !gate.is_empty(),
            "the last one brought a task"
        );
        slots.release_slot(&busy);
        drop(busy);
        assert!(!gate.is_dry() && gate.is_empty() && slots.available_slots() == Some(3));
    }

    #[tokio::test]
    async fn a_poll_that_waits_at_a_closed_gate_begins_when_it_opens() {
        let gate = Gate::default();
        let slots = gate.before(Arc::new(TunerHolder::fixed_size(3, 1, 1, 1))).workflow_task_slot_supplier();
        gate.close();
        let opened = async {
            tokio::task::yield_now().await;
            gate.open_sticky();
        };
        let waits = timeout(Duration::from_secs(5), slots.reserve_slot(&STICKY));
        let (poll, ()) = tokio::join!(waits, opened);
        assert!(poll.is_ok() && gate.polls(Line::Sticky) == 1);
    }

    #[tokio::test]
    async fn activities_stand_before_the_same_gate() {
        let gate = Gate::default();
        let slots = gate.before(Arc::new(TunerHolder::fixed_size(1, 2, 1, 1))).activity_task_slot_supplier();
        let permit = slots.reserve_slot(&SHARED).await;
        assert_eq!((gate.polls(Line::Activities), slots.available_slots()), (1, Some(1)));
        gate.close();
        gate.open_sticky();
        assert!(slots.try_reserve_slot(&SHARED).is_none());
        assert!(timeout(Duration::from_millis(20), slots.reserve_slot(&SHARED)).await.is_err());

        let running = Task::<ActivitySlotKind>(permit, Some(ActivitySlotInfo::default()));
        slots.mark_slot_used(&running);
        assert!(gate.all_polls() == 0 && gate.is_empty(), "an activity that runs is no reason to stay");
        slots.release_slot(&running);
        drop(running);
        assert!(gate.all_polls() == 0 && slots.available_slots() == Some(2));
    }
}
