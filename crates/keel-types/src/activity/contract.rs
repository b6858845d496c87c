//! The markers themselves, as the macro wants them written.
#![allow(
    dead_code,
    missing_docs,
    unreachable_pub,
    reason = "the macro's markers carry no docs; `names::activity` documents them"
)]

use temporalio_common::ActivityError;
use temporalio_macros::activity_definitions;

use super::{Closing, DecisionRecord, IgnoredRecord, OpenedOrder};
use crate::gate::Witness;
use crate::input::OrderInput;
use crate::names::activity as name;

struct OrderContract;

#[activity_definitions]
impl OrderContract {
    #[activity(name = name::OPEN_ORDER)]
    pub fn open_order(_: OrderInput) -> Result<OpenedOrder, ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::RECORD_DECISION)]
    pub fn record_decision(_: DecisionRecord) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::RECORD_IGNORED)]
    pub fn record_ignored(_: IgnoredRecord) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::REMIND_APPROVER)]
    pub fn remind_approver(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::RESERVE_INVENTORY)]
    pub fn reserve_inventory(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::CHARGE_PAYMENT)]
    pub fn charge_payment(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::BOOK_SHIPMENT)]
    pub fn book_shipment(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::PROCESS_APPROVED_ORDER)]
    pub fn process_approved_order(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::RELEASE_INVENTORY)]
    pub fn release_inventory(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::REFUND_PAYMENT)]
    pub fn refund_payment(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::CANCEL_SHIPMENT)]
    pub fn cancel_shipment(_: String) -> Result<(), ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::CLOSE_ORDER)]
    pub fn close_order(_: Closing) -> Result<(), ActivityError> {
        unimplemented!()
    }
}

struct DatasetContract;

#[activity_definitions]
impl DatasetContract {
    #[activity(name = name::PROCESS_STEP)]
    pub fn process_step(_task_id: String, _step: String) -> Result<String, ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::PROCESS_LARGE_DATASET)]
    pub fn process_large_dataset(_: String) -> Result<String, ActivityError> {
        unimplemented!()
    }
}

struct GateContract;

#[activity_definitions]
impl GateContract {
    #[activity(name = name::GATE_STORE)]
    pub fn gate_store(_: String) -> Result<Witness, ActivityError> {
        unimplemented!()
    }
    #[activity(name = name::GATE_DATA)]
    pub fn gate_data(_: String) -> Result<Witness, ActivityError> {
        unimplemented!()
    }
}

pub use dataset_contract::{ProcessLargeDataset, ProcessStep};
pub use gate_contract::{GateData, GateStore};
pub use order_contract::{
    BookShipment, CancelShipment, ChargePayment, CloseOrder, OpenOrder, ProcessApprovedOrder, RecordDecision,
    RecordIgnored, RefundPayment, ReleaseInventory, RemindApprover, ReserveInventory,
};
