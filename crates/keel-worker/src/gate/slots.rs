//! The slots behind the gate, as the SDK sees them.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use temporalio_sdk_core::{
    ActivitySlotKind, LocalActivitySlotKind, NexusSlotKind, SlotKind, SlotMarkUsedContext,
    SlotReleaseContext, SlotReservationContext, SlotSupplier, SlotSupplierPermit, WorkerTuner,
    WorkflowSlotKind,
};

use super::Gate;
use crate::slot::{Line, Released, Slot, Used};

type Supplier<K> = Arc<dyn SlotSupplier<SlotKind = K> + Send + Sync>;

/// `tuner` with `gate` before its slots for workflow tasks and activities.
pub(super) fn gated(
    gate: Gate,
    tuner: Arc<dyn WorkerTuner + Send + Sync>,
) -> Arc<dyn WorkerTuner + Send + Sync> {
    Arc::new(GatedTuner { gate, tuner })
}

struct GatedTuner {
    gate: Gate,
    tuner: Arc<dyn WorkerTuner + Send + Sync>,
}

impl WorkerTuner for GatedTuner {
    fn workflow_task_slot_supplier(&self) -> Supplier<WorkflowSlotKind> {
        let slots = self.tuner.workflow_task_slot_supplier();
        Arc::new(GatedSlots { gate: self.gate.clone(), slots, line: Line::of_workflows })
    }

    fn activity_task_slot_supplier(&self) -> Supplier<ActivitySlotKind> {
        let slots = self.tuner.activity_task_slot_supplier();
        Arc::new(GatedSlots { gate: self.gate.clone(), slots, line: |_| Line::Activities })
    }

    fn local_activity_slot_supplier(&self) -> Supplier<LocalActivitySlotKind> {
        self.tuner.local_activity_slot_supplier()
    }

    fn nexus_task_slot_supplier(&self) -> Supplier<NexusSlotKind> {
        self.tuner.nexus_task_slot_supplier()
    }
}

struct GatedSlots<K: SlotKind> {
    gate: Gate,
    slots: Supplier<K>,
    /// The line of a poll.
    line: fn(&dyn SlotReservationContext) -> Line,
}

impl<K: SlotKind> fmt::Debug for GatedSlots<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GatedSlots").field("gate", &self.gate).finish_non_exhaustive()
    }
}

impl<K: SlotKind> GatedSlots<K> {
    fn issue(&self, permit: SlotSupplierPermit, line: Line) -> SlotSupplierPermit {
        self.gate.counts.polls(line).fetch_add(1, Ordering::AcqRel);
        Slot { permit, line }.into_permit()
    }
}

#[async_trait]
impl<K: SlotKind + 'static> SlotSupplier for GatedSlots<K> {
    type SlotKind = K;

    async fn reserve_slot(&self, ctx: &dyn SlotReservationContext) -> SlotSupplierPermit {
        let line = (self.line)(ctx);
        let mut open = self.gate.open.subscribe();
        loop {
            // The SDK drops this future when the worker shuts down. The sender cannot be gone: the gate holds it.
            let _ = open.wait_for(|open| open.admits(line)).await;
            tokio::select! {
                biased;
                _ = open.wait_for(|open| !open.admits(line)) => {}
                permit = self.slots.reserve_slot(ctx) => return self.issue(permit, line),
            }
        }
    }

    fn try_reserve_slot(&self, ctx: &dyn SlotReservationContext) -> Option<SlotSupplierPermit> {
        let line = (self.line)(ctx);
        if !self.gate.open.borrow().admits(line) {
            return None;
        }
        self.slots.try_reserve_slot(ctx).map(|permit| self.issue(permit, line))
    }

    fn mark_slot_used(&self, ctx: &dyn SlotMarkUsedContext<SlotKind = K>) {
        let Some(slot) = Slot::of(ctx.permit()) else { return };
        // In this order, so that the slot is counted at every moment.
        if slot.line.is_of_workflows() {
            self.gate.counts.working.fetch_add(1, Ordering::AcqRel);
        }
        self.gate.counts.came_home(slot.line, false);
        self.slots.mark_slot_used(&Used::<K> { slot, info: ctx.info(), meter: ctx.get_metrics_meter() });
    }

    fn release_slot(&self, ctx: &dyn SlotReleaseContext<SlotKind = K>) {
        let Some(slot) = Slot::of(ctx.permit()) else { return };
        self.slots.release_slot(&Released::<K> { slot, info: ctx.info(), meter: ctx.get_metrics_meter() });
        if ctx.info().is_none() {
            self.gate.counts.came_home(slot.line, true);
        } else if slot.line.is_of_workflows() {
            self.gate.counts.working.fetch_sub(1, Ordering::AcqRel);
        }
    }

    fn available_slots(&self) -> Option<usize> {
        self.slots.available_slots()
    }

    fn slot_supplier_kind(&self) -> String {
        self.slots.slot_supplier_kind()
    }
}
