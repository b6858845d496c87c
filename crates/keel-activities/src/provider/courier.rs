//! The courier.

use keel_types::names::activity;
use keel_types::order::Order;
use serde::{Deserialize, Serialize};

use super::http::{Ask, HttpProvider};
use super::{BuildError, ProviderError, ProviderHealth, ProviderOptions};

/// Books and cancels shipments.
#[derive(Clone, Debug)]
pub struct CourierClient(HttpProvider);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shipment<'a> {
    order_id: &'a str,
    customer_id: &'a str,
    lines: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    sku: &'a str,
    quantity: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cancellation<'a> {
    shipment_key: &'a str,
    order_id: &'a str,
}

/// The status is read so that another service's answer with the same field is not taken for a booking.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Booked {
    shipment_id: String,
    #[serde(rename = "status")]
    _status: ShipmentStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ShipmentStatus {
    Booked,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cancelled {
    cancellation_id: String,
    #[serde(rename = "status")]
    _status: CancellationStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CancellationStatus {
    Cancelled,
    NothingToCancel,
}

impl CourierClient {
    /// A client with these settings; it connects when it is first used.
    ///
    /// # Errors
    /// [`BuildError`] when the settings are wrong.
    pub fn new(options: &ProviderOptions) -> Result<Self, BuildError> {
        HttpProvider::new("courier", &[activity::BOOK_SHIPMENT, activity::CANCEL_SHIPMENT], options).map(Self)
    }

    /// How the provider does, as seen by this client and its clones.
    #[must_use]
    pub fn health(&self) -> ProviderHealth {
        self.0.health()
    }

    /// Books the shipment of `order` once, under the key `<order>:bookShipment`, and returns the shipment's
    /// id.
    ///
    /// # Errors
    /// [`ProviderError::Refused`] when it is refused or was cancelled before it came; otherwise a fault.
    pub async fn book(&self, order: &Order) -> Result<String, ProviderError> {
        let lines = order.lines.iter().map(|line| Line { sku: &line.sku, quantity: line.quantity }).collect();
        let ask = Ask {
            path: "shipments",
            operation: activity::BOOK_SHIPMENT,
            order_id: &order.order_id,
            key: &shipment_key(&order.order_id),
            body: &Shipment { order_id: &order.order_id, customer_id: &order.customer_id, lines },
            refusal: Some((422, "refused")),
        };
        self.0.ask(ask).await.map(|Booked { shipment_id, .. }| shipment_id)
    }

    /// Cancels the shipment of an order, or forbids it if there is none yet. Returns the cancellation's id.
    ///
    /// # Errors
    /// A fault; a cancellation is never refused.
    pub async fn cancel(&self, order_id: &str) -> Result<String, ProviderError> {
        let ask = Ask {
            path: "cancellations",
            operation: activity::CANCEL_SHIPMENT,
            order_id,
            key: &format!("{order_id}:cancelShipment"),
            body: &Cancellation { shipment_key: &shipment_key(order_id), order_id },
            refusal: None,
        };
        self.0.ask(ask).await.map(|Cancelled { cancellation_id, .. }| cancellation_id)
    }
}

fn shipment_key(order_id: &str) -> String {
    format!("{order_id}:bookShipment")
}
