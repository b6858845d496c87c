//! The one table of failure types: stable strings, and whether trying again can help.
//!
//! `docs/failures.md` says what an operator does about each; a test keeps the two in step.

use serde::{Deserialize, Serialize};

/// Why an order, a task or a dataset run failed. The string form is part of the wire contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailureType {
    /// A person rejected the order.
    OrderRejected,
    /// Nobody decided before the deadline.
    OrderExpired,
    /// The order was cancelled; only seen when a closed order is run again.
    OrderCancelled,
    /// No order with this id is in the store.
    OrderNotFound,
    /// The order itself is wrong: a missing field, a bad quantity, an unknown SKU.
    OrderInvalid,
    /// Another running workflow already handles this order.
    OrderInProgress,
    /// The stock does not cover the order.
    OutOfStock,
    /// The payment provider declined the charge.
    PaymentDeclined,
    /// The courier refused the shipment.
    ShipmentRefused,
    /// No dataset with this id, or it is not a file.
    DatasetNotFound,
    /// The dataset cannot be read as order lines.
    DatasetInvalid,
    /// The input of a workflow or activity cannot be understood.
    InputInvalid,
    /// A provider is away, slow or answers with a server error.
    ProviderUnavailable,
    /// A provider answers something that is not its protocol.
    ProviderProtocol,
    /// A provider was not asked, because too many calls to it failed or were slow.
    ProviderCircuitOpen,
    /// A provider was not asked, because this worker already makes as many calls to it as it may.
    ProviderBusy,
    /// The store is away or refuses the statement.
    StoreUnavailable,
    /// Another attempt still works on this dataset.
    DatasetBusy,
    /// The disk under the datasets fails.
    DatasetIo,
    /// A step neither succeeded nor was refused in the time it had.
    StepFailed,
    /// The worker was asked to stop before the activity was done.
    WorkerStopping,
}

impl FailureType {
    /// Every failure type, in the order of the documentation.
    pub const ALL: [Self; 21] = [
        Self::OrderRejected,
        Self::OrderExpired,
        Self::OrderCancelled,
        Self::OrderNotFound,
        Self::OrderInvalid,
        Self::OrderInProgress,
        Self::OutOfStock,
        Self::PaymentDeclined,
        Self::ShipmentRefused,
        Self::DatasetNotFound,
        Self::DatasetInvalid,
        Self::InputInvalid,
        Self::ProviderUnavailable,
        Self::ProviderProtocol,
        Self::ProviderCircuitOpen,
        Self::ProviderBusy,
        Self::StoreUnavailable,
        Self::DatasetBusy,
        Self::DatasetIo,
        Self::StepFailed,
        Self::WorkerStopping,
    ];

    /// The string on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OrderRejected => "ORDER_REJECTED",
            Self::OrderExpired => "ORDER_EXPIRED",
            Self::OrderCancelled => "ORDER_CANCELLED",
            Self::OrderNotFound => "ORDER_NOT_FOUND",
            Self::OrderInvalid => "ORDER_INVALID",
            Self::OrderInProgress => "ORDER_IN_PROGRESS",
            Self::OutOfStock => "OUT_OF_STOCK",
            Self::PaymentDeclined => "PAYMENT_DECLINED",
            Self::ShipmentRefused => "SHIPMENT_REFUSED",
            Self::DatasetNotFound => "DATASET_NOT_FOUND",
            Self::DatasetInvalid => "DATASET_INVALID",
            Self::InputInvalid => "INPUT_INVALID",
            Self::ProviderUnavailable => "PROVIDER_UNAVAILABLE",
            Self::ProviderProtocol => "PROVIDER_PROTOCOL",
            Self::ProviderCircuitOpen => "PROVIDER_CIRCUIT_OPEN",
            Self::ProviderBusy => "PROVIDER_BUSY",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::DatasetBusy => "DATASET_BUSY",
            Self::DatasetIo => "DATASET_IO",
            Self::StepFailed => "STEP_FAILED",
            Self::WorkerStopping => "WORKER_STOPPING",
        }
    }

    /// The type with this string, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.as_str() == text)
    }

    /// What an operator does about it: the words of `docs/failures.md`.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::OrderRejected => "Nothing. A changed order needs a new order id.",
            Self::OrderExpired => {
                "Place it again under a new id; look at the reminders and at `order.deadline`."
            }
            Self::OrderCancelled => "Place it again under a new id.",
            Self::OrderNotFound => {
                "Check the id, or start with the whole order: `keel order submit --file FILE`."
            }
            Self::OrderInvalid => "Correct the order and submit it again.",
            Self::OrderInProgress => {
                "Use that workflow. Runs started with `keel` share the id `order-<id>` and cannot collide."
            }
            Self::OutOfStock => "Restock, then place a new order.",
            Self::PaymentDeclined => "Ask the customer for another means of payment; new order.",
            Self::ShipmentRefused => "Check the address and the goods with the courier; new order.",
            Self::DatasetNotFound => {
                "Put the file at `<data dir>/datasets/<id>.csv`, or `keel dataset generate`."
            }
            Self::DatasetInvalid => "Correct the file or raise the named setting; start again.",
            Self::InputInvalid => "Correct the call; see the wire contract.",
            Self::ProviderUnavailable => {
                "Check the provider and `payments.url` and `courier.url`; the step goes on by itself when it is back."
            }
            Self::ProviderProtocol => {
                "Check that the URL points to the provider and not to a proxy's error page."
            }
            Self::ProviderCircuitOpen => {
                "Check the provider; the step goes on by itself within `breaker.open_max` of its recovery."
            }
            Self::ProviderBusy => {
                "Nothing when it is rare. Otherwise the provider is slow, or \
                 `payments.max_in_flight`/`courier.max_in_flight` is too low for the load."
            }
            Self::StoreUnavailable => "Check the database and `store.url`; the step goes on by itself.",
            Self::DatasetBusy => {
                "Wait; if no worker is alive, look for a process that holds the lock in `<data dir>/work`."
            }
            Self::DatasetIo => "Check space, permissions and the disk.",
            Self::WorkerStopping => {
                "Nothing. If it is frequent, workers are restarted often: look at their orchestrator."
            }
            Self::StepFailed => "Look at the cause in the run's history and at the workers; new order.",
        }
    }

    /// Whether trying the same thing again can succeed: true for faults, false for refusals.
    #[must_use]
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::ProviderUnavailable
                | Self::ProviderProtocol
                | Self::ProviderCircuitOpen
                | Self::ProviderBusy
                | Self::StoreUnavailable
                | Self::DatasetBusy
                | Self::DatasetIo
                | Self::WorkerStopping
        )
    }

    /// Whether an attempt with this failure did not fail but was put off to a better moment. The fault behind it, if
    /// there is one, is reported where it is seen.
    #[must_use]
    pub const fn is_put_off(self) -> bool {
        matches!(self, Self::ProviderCircuitOpen | Self::ProviderBusy | Self::WorkerStopping)
    }
}

impl std::fmt::Display for FailureType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::FailureType;

    #[test]
    fn strings_are_what_serde_writes_and_parse_back() {
        for failure in FailureType::ALL {
            let json = serde_json::to_string(&failure).expect("a unit variant");
            assert_eq!(json, format!("\"{failure}\""));
            assert_eq!(FailureType::parse(failure.as_str()), Some(failure));
        }
    }

    #[test]
    fn every_failure_type_is_documented_for_operators() {
        let page = include_str!("../../../docs/failures.md");
        for failure in FailureType::ALL {
            let row = page.lines().find(|line| line.starts_with(&format!("| `{failure}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/failures.md does not explain `{failure}`"));
            let end = format!("| {} |", failure.advice());
            assert!(
                row.ends_with(&end),
                "docs/failures.md should advise for `{failure}`: {}",
                failure.advice()
            );
        }
    }
}
