//! What an order must come to.

use serde_json::{Value, json};

/// How an order must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Charged, shipped, completed.
    Completed,
    /// Declined by the payment provider.
    Declined,
    /// Charged, refused by the courier, refunded.
    Refused,
}

impl Ending {
    /// The status in the store.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Declined | Self::Refused => "failed",
        }
    }

    /// The status of the workflow.
    pub const fn workflow(self) -> &'static str {
        match self {
            Self::Completed => "COMPLETED",
            Self::Declined | Self::Refused => "FAILED",
        }
    }

    /// The failure type, where it fails.
    pub const fn failure(self) -> Option<&'static str> {
        match self {
            Self::Completed => None,
            Self::Declined => Some("PAYMENT_DECLINED"),
            Self::Refused => Some("SHIPMENT_REFUSED"),
        }
    }
}

/// One order of the run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Its id.
    pub id: String,
    /// How it must end.
    pub ending: Ending,
    /// What is bought.
    pub lines: Vec<(String, u64)>,
}

impl Planned {
    /// The order as the wire contract has it.
    pub fn object(&self) -> Value {
        let customer = match self.ending {
            Ending::Completed => "CUST",
            Ending::Declined => "DECLINE",
            Ending::Refused => "NOSHIP",
        };
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|(sku, quantity)| json!({"sku": sku, "quantity": quantity, "unitPriceMinor": 1990}))
            .collect();
        json!({
            "orderId": self.id,
            "customerId": format!("{customer}-{}", self.id),
            "currency": "EUR",
            "lines": lines,
            "requestedBy": "clerk@company.com",
        })
    }
}
