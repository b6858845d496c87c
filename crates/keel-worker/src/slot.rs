//! A workflow slot as the gate hands it out: the slot of the supplier behind it, and what it is for.

use temporalio_common::protos::coresdk::WorkflowSlotInfo;
use temporalio_common::telemetry::metrics::TemporalMeter;
use temporalio_sdk_core::{SlotMarkUsedContext, SlotReleaseContext, SlotSupplierPermit, WorkflowSlotKind};

/// A slot of the gate, kept in the permit that the SDK carries around.
#[derive(Debug)]
pub(crate) struct Slot {
    /// The permit of the supplier behind the gate.
    pub(crate) permit: SlotSupplierPermit,
    /// Whether it was taken for a poll at the worker's own queue.
    pub(crate) sticky: bool,
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

/// What the supplier behind the gate is told: the same, about its own permit.
pub(crate) struct Inner<'a, Info> {
    pub(crate) slot: &'a Slot,
    pub(crate) info: Info,
    pub(crate) meter: Option<TemporalMeter>,
}

impl SlotMarkUsedContext for Inner<'_, &WorkflowSlotInfo> {
    type SlotKind = WorkflowSlotKind;

    fn permit(&self) -> &SlotSupplierPermit {
        &self.slot.permit
    }

    fn info(&self) -> &WorkflowSlotInfo {
        self.info
    }

    fn get_metrics_meter(&self) -> Option<TemporalMeter> {
        self.meter.clone()
    }
}

impl SlotReleaseContext for Inner<'_, Option<&WorkflowSlotInfo>> {
    type SlotKind = WorkflowSlotKind;

    fn permit(&self) -> &SlotSupplierPermit {
        &self.slot.permit
    }

    fn info(&self) -> Option<&WorkflowSlotInfo> {
        self.info
    }

    fn get_metrics_meter(&self) -> Option<TemporalMeter> {
        self.meter.clone()
    }
}
