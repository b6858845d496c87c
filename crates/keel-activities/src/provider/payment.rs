//! The payment provider.

use keel_types::names::activity;
use keel_types::order::Order;
use serde::{Deserialize, Serialize};

use super::http::{Ask, HttpProvider};
use super::{BuildError, ProviderError, ProviderHealth, ProviderOptions};

/// Charges and refunds orders.
#[derive(Clone, Debug)]
pub struct PaymentClient(HttpProvider);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Charge<'a> {
    order_id: &'a str,
    customer_id: &'a str,
    amount_minor: i64,
    currency: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Refund<'a> {
    charge_key: &'a str,
    order_id: &'a str,
}

/// The status is read so that another service's answer with the same field is not taken for a charge.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Charged {
    charge_id: String,
    #[serde(rename = "status")]
    _status: ChargeStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChargeStatus {
    Captured,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refunded {
    refund_id: String,
    #[serde(rename = "status")]
    _status: RefundStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RefundStatus {
    Refunded,
    NothingToRefund,
}

impl PaymentClient {
    /// A client with these settings; it connects when it is first used.
    ///
    /// # Errors
    /// [`BuildError`] when the settings are wrong.
    pub fn new(options: &ProviderOptions) -> Result<Self, BuildError> {
        HttpProvider::new("payments", &[activity::CHARGE_PAYMENT, activity::REFUND_PAYMENT], options)
            .map(Self)
    }

    /// How the provider does, as seen by this client and its clones.
    #[must_use]
    pub fn health(&self) -> ProviderHealth {
        self.0.health()
    }

    /// Takes the total of `order` once, under the key `<order>:chargePayment`, and returns the charge's id.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] when it is declined or was refunded before it came; otherwise a fault.
    pub async fn charge(&self, order: &Order) -> Result<String, ProviderError> {
        let body = Charge {
            order_id: &order.order_id,
            customer_id: &order.customer_id,
            amount_minor: order.total_minor(),
            currency: &order.currency,
        };
        let ask = Ask {
            path: "charges",
            operation: activity::CHARGE_PAYMENT,
            order_id: &order.order_id,
            key: &charge_key(&order.order_id),
            body: &body,
            refusal: Some((402, "declined")),
        };
        self.0.ask(ask).await.map(|Charged { charge_id, .. }| charge_id)
    }

    /// Returns the charge of an order, or forbids it if there is none yet. Returns the refund's id.
    ///
    /// # Errors
    /// A fault; a refund is never refused.
    pub async fn refund(&self, order_id: &str) -> Result<String, ProviderError> {
        let ask = Ask {
            path: "refunds",
            operation: activity::REFUND_PAYMENT,
            order_id,
            key: &format!("{order_id}:refundPayment"),
            body: &Refund { charge_key: &charge_key(order_id), order_id },
            refusal: None,
        };
        self.0.ask(ask).await.map(|Refunded { refund_id, .. }| refund_id)
    }
}

fn charge_key(order_id: &str) -> String {
    format!("{order_id}:chargePayment")
}
