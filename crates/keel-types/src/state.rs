//! The state of an order, as the query `getState` and the update `decide` answer it.

use serde::{Deserialize, Serialize};

use crate::decision::IgnoredDecision;
use crate::failure::FailureType;

/// Where an order stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderStatus {
    /// Waits for a decision.
    #[default]
    Pending,
    /// Approved; fulfilment runs.
    Approved,
    /// Rejected by a person. Final.
    Rejected,
    /// Fulfilled. Final.
    Completed,
    /// Nobody decided in time. Final.
    Expired,
    /// Fulfilment failed and is being undone.
    Compensating,
    /// Fulfilment failed; everything is undone. Final.
    Failed,
    /// Cancelled; everything is undone. Final.
    Cancelled,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Approved,
        Self::Rejected,
        Self::Completed,
        Self::Expired,
        Self::Compensating,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The string on the wire and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Completed => "completed",
            Self::Expired => "expired",
            Self::Compensating => "compensating",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The status with this string, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }

    /// Whether nothing can happen to the order any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Rejected | Self::Completed | Self::Expired | Self::Failed | Self::Cancelled)
    }
}

impl std::fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The forward steps of fulfilment, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SagaStep {
    /// Stock is set aside.
    ReserveInventory,
    /// Money is taken.
    ChargePayment,
    /// The courier is booked.
    BookShipment,
    /// The order is closed as completed.
    ProcessApprovedOrder,
}

impl SagaStep {
    /// The steps in the order they run.
    pub const ALL: [Self; 4] =
        [Self::ReserveInventory, Self::ChargePayment, Self::BookShipment, Self::ProcessApprovedOrder];

    /// The activity that does the step.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        use crate::names::activity;
        match self {
            Self::ReserveInventory => activity::RESERVE_INVENTORY,
            Self::ChargePayment => activity::CHARGE_PAYMENT,
            Self::BookShipment => activity::BOOK_SHIPMENT,
            Self::ProcessApprovedOrder => activity::PROCESS_APPROVED_ORDER,
        }
    }

    /// The step with this name, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

impl std::fmt::Display for SagaStep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why an order failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderFailure {
    /// The stable failure type; absent for a fault that has none.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FailureType>,
    /// The message for people.
    pub message: String,
}

/// The answer of `getState`. Absent values are left out, never null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderState {
    /// The order's id.
    pub order_id: String,
    /// Where it stands.
    pub status: OrderStatus,
    /// Who approved it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<String>,
    /// Why it was rejected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_reason: Option<String>,
    /// Who rejected it, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rejected_by: Option<String>,
    /// Who placed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// Who buys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The total in minor units of `currency`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_minor: Option<i64>,
    /// ISO 4217 code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When the order expires if nobody decides, ISO-8601 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// When the approver was reminded, ISO-8601 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminded_at: Option<String>,
    /// When the decision was taken, ISO-8601 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// The activity that runs now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_step: Option<String>,
    /// Fulfilment steps that are done.
    #[serde(default)]
    pub completed_steps: Vec<SagaStep>,
    /// Fulfilment steps that were undone, or made sure not to happen any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compensated_steps: Vec<SagaStep>,
    /// Decisions without effect, at most [`crate::decision::MAX_IGNORED_KEPT`] of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored_decisions: Vec<IgnoredDecision>,
    /// How many decisions had no effect.
    #[serde(default)]
    pub ignored_count: u32,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<OrderFailure>,
}

#[cfg(test)]
mod tests {
    use super::{OrderState, OrderStatus, SagaStep};

    #[test]
    fn a_fresh_state_has_the_wire_form() {
        let state = OrderState { order_id: "O-1".to_owned(), ..OrderState::default() };
        let json = serde_json::to_value(&state).expect("a state serialises");
        assert_eq!(
            json,
            serde_json::json!({"orderId": "O-1", "status": "pending", "completedSteps": [], "ignoredCount": 0})
        );
    }

    #[test]
    fn names_on_the_wire_are_the_names_of_serde() {
        for status in OrderStatus::ALL {
            assert_eq!(serde_json::to_value(status).expect("a string"), status.as_str());
            assert_eq!(OrderStatus::parse(status.as_str()), Some(status));
        }
        for step in SagaStep::ALL {
            assert_eq!(serde_json::to_value(step).expect("a string"), step.as_str());
            assert_eq!(SagaStep::parse(step.as_str()), Some(step));
        }
    }
}
