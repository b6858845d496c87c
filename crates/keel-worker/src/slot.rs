//! A slot as the gate hands it out: the slot of the supplier behind it, and what it is for.

use temporalio_common::telemetry::metrics::TemporalMeter;
use temporalio_sdk_core::{
    SlotKind, SlotMarkUsedContext, SlotReleaseContext, SlotReservationContext, SlotSupplierPermit,
};

/// Where a poll waits at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// For workflow tasks, with all workers of the queue.
    Shared,
    /// For workflow tasks at the worker's own queue, which the server calls sticky.
    Sticky,
    /// For activities, with all workers of the queue. A slot that the SDK keeps free for an activity which the answer to a
    /// workflow task may bring back counts here as well.
    Activities,
}

impl Line {
    /// The line of a poll for workflow tasks.
    pub(crate) fn of_workflows(poll: &dyn SlotReservationContext) -> Self {
        if poll.is_sticky() { Self::Sticky } else { Self::Shared }
    }

    /// Whether it is one for workflow tasks.
    pub(crate) const fn is_of_workflows(self) -> bool {
        !matches!(self, Self::Activities)
    }
}

/// A slot of the gate, kept in the permit that the SDK carries around.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The permit of the supplier behind the gate.
    pub(crate) permit: SlotSupplierPermit,
    /// What it was taken for.
    pub(crate) line: Line,
}

impl Slot {
    /// For the SDK.
    pub(crate) fn into_permit(self) -> SlotSupplierPermit {
        SlotSupplierPermit::with_user_data(self)
    }

    /// What the gate put into `permit`; always there in permits that it issued.
    pub(crate) fn of(permit: &SlotSupplierPermit) -> Option<&Self> {
        let slot = permit.user_data();
        debug_assert!(slot.is_some(), "a permit of another supplier");
        slot
    }
}

/// What the supplier behind the gate is told when a slot gets its task: the same, about its own permit.
pub(crate) struct Used<'a, K: SlotKind> {
    pub(crate) slot: &'a Slot,
    pub(crate) info: &'a K::Info,
    pub(crate) meter: Option<TemporalMeter>,
}

impl<K: SlotKind> SlotMarkUsedContext for Used<'_, K> {
    type SlotKind = K;

    fn permit(&self) -> &SlotSupplierPermit {
        &self.slot.permit
    }

    fn info(&self) -> &K::Info {
        self.info
    }

    fn get_metrics_meter(&self) -> Option<TemporalMeter> {
        self.meter.clone()
    }
}

/// The same when a slot is given back, with the task it had, if any.
pub(crate) struct Released<'a, K: SlotKind> {
    pub(crate) slot: &'a Slot,
    pub(crate) info: Option<&'a K::Info>,
    pub(crate) meter: Option<TemporalMeter>,
}

impl<K: SlotKind> SlotReleaseContext for Released<'_, K> {
    type SlotKind = K;

    fn permit(&self) -> &SlotSupplierPermit {
        &self.slot.permit
    }

    fn info(&self) -> Option<&K::Info> {
        self.info
    }

    fn get_metrics_meter(&self) -> Option<TemporalMeter> {
        self.meter.clone()
    }
}
