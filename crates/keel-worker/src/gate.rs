//! The gate in front of an SDK worker's workflow polls.
//!
//! A poll that is dropped while the server answers it takes a workflow task with it, and the SDK drops its polls when it
//! is told to shut down. So before that the gate is closed: polls under way still bring home what they get, new ones are
//! not begun, and once none is left nothing can be lost. The SDK asks for a slot before each poll, and that is where the
//! gate stands.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use temporalio_sdk_core::{
    ActivitySlotKind, LocalActivitySlotKind, NexusSlotKind, SlotMarkUsedContext, SlotReleaseContext,
    SlotReservationContext, SlotSupplier, SlotSupplierPermit, WorkerTuner, WorkflowSlotKind,
};
use tokio_util::sync::CancellationToken;

type Supplier<K> = Arc<dyn SlotSupplier<SlotKind = K> + Send + Sync>;

/// Whether new workflow polls may begin, and how many slots wait or work. Clones are one gate.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    closed: CancellationToken,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Slots whose poll is under way, or about to be.
    polling: AtomicUsize,
    /// Slots that hold a workflow task.
    working: AtomicUsize,
}

impl Gate {
    /// No poll begins from now on.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// Whether no poll is under way and no workflow task is open, from the moment the server's answer is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.polls() == 0 && self.counts.working.load(Ordering::Acquire) == 0
    }

    /// Polls under way, those about to begin included.
    pub(crate) fn polls(&self) -> usize {
        self.counts.polling.load(Ordering::Acquire)
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

#[async_trait]
impl SlotSupplier for GatedSlots {
    type SlotKind = WorkflowSlotKind;

    async fn reserve_slot(&self, ctx: &dyn SlotReservationContext) -> SlotSupplierPermit {
        let permit = tokio::select! {
            biased;
            // The SDK drops this future when the worker shuts down.
            () = self.gate.closed.cancelled() => std::future::pending().await,
            permit = self.slots.reserve_slot(ctx) => permit,
        };
        self.gate.counts.polling.fetch_add(1, Ordering::AcqRel);
        permit
    }

    fn try_reserve_slot(&self, ctx: &dyn SlotReservationContext) -> Option<SlotSupplierPermit> {
        if self.gate.closed.is_cancelled() {
            return None;
        }
        let permit = self.slots.try_reserve_slot(ctx)?;
        self.gate.counts.polling.fetch_add(1, Ordering::AcqRel);
        Some(permit)
    }

    fn mark_slot_used(&self, ctx: &dyn SlotMarkUsedContext<SlotKind = Self::SlotKind>) {
        // In this order, so that the slot is counted at every moment.
        self.gate.counts.working.fetch_add(1, Ordering::AcqRel);
        self.gate.counts.polling.fetch_sub(1, Ordering::AcqRel);
        self.slots.mark_slot_used(ctx);
    }

    fn release_slot(&self, ctx: &dyn SlotReleaseContext<SlotKind = Self::SlotKind>) {
        self.slots.release_slot(ctx);
        let counts = &self.gate.counts;
        let count = if ctx.info().is_some() { &counts.working } else { &counts.polling };
        count.fetch_sub(1, Ordering::AcqRel);
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

    struct Poll;

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
            false
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
        let busy = Task(slots.reserve_slot(&Poll).await, Some(WorkflowSlotInfo::default()));
        let idle = Task(slots.try_reserve_slot(&Poll).expect("one of three is taken"), None);
        assert_eq!((gate.polls(), slots.available_slots()), (2, Some(1)));
        gate.close();
        assert!(slots.try_reserve_slot(&Poll).is_none());
        assert!(timeout(Duration::from_millis(20), slots.reserve_slot(&Poll)).await.is_err());

        slots.release_slot(&idle);
        slots.mark_slot_used(&busy);
        assert!(gate.polls() == 0 && !gate.is_empty(), "a task is open");
        slots.release_slot(&busy);
        assert!(gate.is_empty());
    }
}
