//! The gate in front of an SDK worker's workflow polls.
//!
//! A poll that is dropped while the server answers it takes a workflow task with it, and the SDK drops its polls when it
//! is told to shut down. So before that the gate is closed: polls under way still bring home what they get, new ones are
//! not begun, and once none is left nothing can be lost. The SDK asks for a slot before each poll, and that is where the
//! gate stands.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use temporalio_sdk_core::{
    ActivitySlotKind, LocalActivitySlotKind, NexusSlotKind, SlotMarkUsedContext, SlotReleaseContext,
    SlotReservationContext, SlotSupplier, SlotSupplierPermit, WorkerTuner, WorkflowSlotKind,
};
use tokio::sync::watch;

use crate::slot::{Inner, Slot};

type Supplier<K> = Arc<dyn SlotSupplier<SlotKind = K> + Send + Sync>;

/// Which polls may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    All,
    /// Those at the worker's own queue.
    Sticky,
    None,
}

impl Open {
    const fn admits(self, sticky: bool) -> bool {
        match self {
            Self::All => true,
            Self::Sticky => sticky,
            Self::None => false,
        }
    }
}

/// Whether new workflow polls may begin, and how many slots wait or work. Clones are one gate.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    open: watch::Sender<Open>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Slots whose poll at the shared queue is under way, or about to be.
    shared: AtomicUsize,
    /// The same at the worker's own queue, which the server calls sticky.
    sticky: AtomicUsize,
    /// Whether the last poll at the worker's own queue came home without a task.
    dry: AtomicBool,
    /// Slots that hold a workflow task.
    working: AtomicUsize,
}

impl Counts {
    fn polls(&self, sticky: bool) -> &AtomicUsize {
        if sticky { &self.sticky } else { &self.shared }
    }

    fn came_home(&self, sticky: bool, empty: bool) {
        if sticky {
            self.dry.store(empty, Ordering::Release);
        }
        self.polls(sticky).fetch_sub(1, Ordering::AcqRel);
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

    /// Whether no poll is under way and no workflow task is open, from the moment the server's answer is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.polls() == 0 && self.counts.working.load(Ordering::Acquire) == 0
    }

    /// Polls under way, those about to begin included.
    pub(crate) fn polls(&self) -> usize {
        self.sticky_polls() + self.counts.shared.load(Ordering::Acquire)
    }

    /// Those of them at the worker's own queue.
    pub(crate) fn sticky_polls(&self) -> usize {
        self.counts.sticky.load(Ordering::Acquire)
    }

    /// Whether the last poll at the worker's own queue came home without a task.
    pub(crate) fn is_dry(&self) -> bool {
        self.counts.dry.load(Ordering::Acquire)
    }

    /// Puts this gate before the workflow slots of `tuner`.
    pub(crate) fn before(
        &self,
        tuner: Arc<dyn WorkerTuner + Send + Sync>,
    ) -> Arc<dyn WorkerTuner + Send + Sync> {
        Arc::new(GatedTuner { gate: self.clone(), tuner })
    }
}

struct GatedTuner {
    gate: Gate,
    tuner: Arc<dyn WorkerTuner + Send + Sync>,
}

impl WorkerTuner for GatedTuner {
    fn workflow_task_slot_supplier(&self) -> Supplier<WorkflowSlotKind> {
        Arc::new(GatedSlots { gate: self.gate.clone(), slots: self.tuner.workflow_task_slot_supplier() })
    }

    fn activity_task_slot_supplier(&self) -> Supplier<ActivitySlotKind> {
        self.tuner.activity_task_slot_supplier()
    }

    fn local_activity_slot_supplier(&self) -> Supplier<LocalActivitySlotKind> {
        self.tuner.local_activity_slot_supplier()
    }

    fn nexus_task_slot_supplier(&self) -> Supplier<NexusSlotKind> {
        self.tuner.nexus_task_slot_supplier()
    }
}

struct GatedSlots {
    gate: Gate,
    slots: Supplier<WorkflowSlotKind>,
}

impl fmt::Debug for GatedSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatedSlots").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl GatedSlots {
    fn issue(&self, permit: SlotSupplierPermit, sticky: bool) -> SlotSupplierPermit {
        self.gate.counts.polls(sticky).fetch_add(1, Ordering::AcqRel);
        Slot { permit, sticky }.into_permit()
    }
}

#[async_trait]
impl SlotSupplier for GatedSlots {
    type SlotKind = WorkflowSlotKind;

    async fn reserve_slot(&self, ctx: &dyn SlotReservationContext) -> SlotSupplierPermit {
        let sticky = ctx.is_sticky();
        let mut open = self.gate.open.subscribe();
        loop {
            // The SDK drops this future when the worker shuts down. The sender cannot be gone: the gate holds it.
            let _ = open.wait_for(|open| open.admits(sticky)).await;
            tokio::select! {
                biased;
                _ = open.wait_for(|open| !open.admits(sticky)) => {}
                permit = self.slots.reserve_slot(ctx) => return self.issue(permit, sticky),
            }
        }
    }

    fn try_reserve_slot(&self, ctx: &dyn SlotReservationContext) -> Option<SlotSupplierPermit> {
        if !self.gate.open.borrow().admits(ctx.is_sticky()) {
            return None;
        }
        self.slots.try_reserve_slot(ctx).map(|permit| self.issue(permit, ctx.is_sticky()))
    }

    fn mark_slot_used(&self, ctx: &dyn SlotMarkUsedContext<SlotKind = Self::SlotKind>) {
        let Some(slot) = Slot::of(ctx.permit()) else { return };
        // In this order, so that the slot is counted at every moment.
        self.gate.counts.working.fetch_add(1, Ordering::AcqRel);
        self.gate.counts.came_home(slot.sticky, false);
        self.slots.mark_slot_used(&Inner { slot, info: ctx.info(), meter: ctx.get_metrics_meter() });
    }

    fn release_slot(&self, ctx: &dyn SlotReleaseContext<SlotKind = Self::SlotKind>) {
        let Some(slot) = Slot::of(ctx.permit()) else { return };
        self.slots.release_slot(&Inner { slot, info: ctx.info(), meter: ctx.get_metrics_meter() });
        if ctx.info().is_some() {
            self.gate.counts.working.fetch_sub(1, Ordering::AcqRel);
        } else {
            self.gate.counts.came_home(slot.sticky, true);
        }
    }

    fn available_slots(&self) -> Option<usize> {
        self.slots.available_slots()
    }

    fn slot_supplier_kind(&self) -> String {
        self.slots.slot_supplier_kind()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use temporalio_common::protos::coresdk::WorkflowSlotInfo;
    use temporalio_common::worker::WorkerDeploymentVersion;
    use temporalio_sdk_core::{
        SlotMarkUsedContext, SlotReleaseContext, SlotReservationContext, SlotSupplierPermit, TunerHolder,
        WorkflowSlotKind,
    };
    use tokio::time::timeout;

    use super::Gate;

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

    struct Task(SlotSupplierPermit, Option<WorkflowSlotInfo>);

    impl SlotMarkUsedContext for Task {
        type SlotKind = WorkflowSlotKind;
        fn permit(&self) -> &SlotSupplierPermit {
            &self.0
        }
        fn info(&self) -> &WorkflowSlotInfo {
            self.1.as_ref().expect("a used slot has its task")
        }
    }

    impl SlotReleaseContext for Task {
        type SlotKind = WorkflowSlotKind;
        fn permit(&self) -> &SlotSupplierPermit {
            &self.0
        }
        fn info(&self) -> Option<&WorkflowSlotInfo> {
            self.1.as_ref()
        }
    }

    #[tokio::test]
    async fn a_closed_gate_empties_as_its_polls_come_home() {
        let gate = Gate::default();
        let slots = gate.before(Arc::new(TunerHolder::fixed_size(3, 1, 1, 1))).workflow_task_slot_supplier();
        let busy = Task(slots.reserve_slot(&SHARED).await, Some(WorkflowSlotInfo::default()));
        let idle = Task(slots.try_reserve_slot(&SHARED).expect("one of three is taken"), None);
        assert_eq!((gate.polls(), slots.available_slots()), (2, Some(1)));
        gate.close();
        assert!(slots.try_reserve_slot(&SHARED).is_none());
        assert!(timeout(Duration::from_millis(20), slots.reserve_slot(&SHARED)).await.is_err());

        slots.release_slot(&idle);
        slots.mark_slot_used(&busy);
        assert!(gate.polls() == 0 && !gate.is_empty(), "a task is open");
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
        assert_eq!((gate.sticky_polls(), gate.polls()), (2, 2));
        slots.release_slot(&Task(first, None));
        assert!(gate.is_dry());
        let busy = Task(second, Some(WorkflowSlotInfo::default()));
        slots.mark_slot_used(&busy);
        assert!(
            !gate.is_dry() && gate.sticky_polls() == 0 && !gate.is_empty(),
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
        assert!(poll.is_ok() && gate.sticky_polls() == 1);
    }
}
