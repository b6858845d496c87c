//! What the two providers are asked, and how a request names its order and its effect.

use serde::{Deserialize, Serialize};

/// The party that is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Takes and returns money.
    Payments,
    /// Ships goods.
    Courier,
}

/// What is asked of a provider; the names are the last part of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Take money.
    Charges,
    /// Return the money of one charge.
    Refunds,
    /// Book a shipment.
    Shipments,
    /// Cancel one shipment.
    Cancellations,
}

impl Operation {
    /// Who offers the operation.
    #[must_use]
    pub const fn provider(self) -> Provider {
        match self {
            Self::Charges | Self::Refunds => Provider::Payments,
            Self::Shipments | Self::Cancellations => Provider::Courier,
        }
    }
}

/// The body of `POST /payments/charges`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Charge {
    /// The order that is paid.
    pub order_id: String,
    /// Who pays; a name that starts with `DECLINE` is declined.
    pub customer_id: String,
    /// Amount in minor units of `currency`, 0 or more.
    pub amount_minor: u64,
    /// ISO 4217 code.
    pub currency: String,
}

/// The body of `POST /payments/refunds`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Refund {
    /// The idempotency key of the charge to return.
    pub charge_key: String,
    /// The order it belongs to.
    pub order_id: String,
}

/// The body of `POST /courier/shipments`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shipment {
    /// The order that is shipped.
    pub order_id: String,
    /// Who receives it; a name that starts with `NOSHIP` is refused.
    pub customer_id: String,
    /// What is in the parcel.
    pub lines: Vec<ShipmentLine>,
}

/// One line of a [`Shipment`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShipmentLine {
    /// Stock keeping unit.
    pub sku: String,
    /// Pieces.
    pub quantity: u32,
}

/// The body of `POST /courier/cancellations`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cancellation {
    /// The idempotency key of the shipment to cancel.
    pub shipment_key: String,
    /// The order it belongs to.
    pub order_id: String,
}

/// A body that was understood.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Request {
    /// Of [`Operation::Charges`].
    Charge(Charge),
    /// Of [`Operation::Refunds`].
    Refund(Refund),
    /// Of [`Operation::Shipments`].
    Shipment(Shipment),
    /// Of [`Operation::Cancellations`].
    Cancellation(Cancellation),
}

impl Request {
    /// Reads the body of `operation`. Unknown fields are ignored.
    ///
    /// # Errors
    /// What serde says about the first field that is missing or wrong.
    pub fn parse(operation: Operation, body: &[u8]) -> Result<Self, serde_json::Error> {
        Ok(match operation {
            Operation::Charges => Self::Charge(serde_json::from_slice(body)?),
            Operation::Refunds => Self::Refund(serde_json::from_slice(body)?),
            Operation::Shipments => Self::Shipment(serde_json::from_slice(body)?),
            Operation::Cancellations => Self::Cancellation(serde_json::from_slice(body)?),
        })
    }

    /// The order the request is about.
    #[must_use]
    pub fn order_id(&self) -> &str {
        match self {
            Self::Charge(body) => &body.order_id,
            Self::Refund(body) => &body.order_id,
            Self::Shipment(body) => &body.order_id,
            Self::Cancellation(body) => &body.order_id,
        }
    }
}
