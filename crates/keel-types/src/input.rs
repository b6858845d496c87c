//! What an order workflow is started with: an order id or a whole order.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::order::{Order, id_problem, kind};

/// The input of `interactiveOrderWorkflow`.
///
/// Reading never fails: a value that is neither an id nor an order becomes [`OrderInput::Invalid`], so that a bad start
/// fails the run with a message instead of blocking its workflow task for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderInput {
    /// The id of an order that the store already holds.
    Id(String),
    /// The order itself; the first activity stores it.
    Order(Order),
    /// Neither; every problem in one sentence each.
    Invalid(Vec<String>),
}

impl OrderInput {
    /// Reads an input from JSON; see the type for what happens to a bad one.
    #[must_use]
    pub fn from_json(value: &Value) -> Self {
        match value {
            Value::String(id) => match id_problem("order id", id) {
                None => Self::Id(id.clone()),
                Some(problem) => Self::Invalid(vec![problem]),
            },
            Value::Object(_) => match Order::from_json(value) {
                Ok(order) => Self::Order(order),
                Err(invalid) => Self::Invalid(invalid.problems),
            },
            other => Self::Invalid(vec![format!(
                "expected an order id (a string) or an order object, found {}",
                kind(other)
            )]),
        }
    }

    /// The id of the order, where the input has a usable one.
    #[must_use]
    pub fn order_id(&self) -> Option<&str> {
        match self {
            Self::Id(id) => Some(id),
            Self::Order(order) => Some(&order.order_id),
            Self::Invalid(_) => None,
        }
    }
}

impl Serialize for OrderInput {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => serializer.serialize_str(id),
            Self::Order(order) => order.serialize(serializer),
            Self::Invalid(_) => serializer.serialize_unit(),
        }
    }
}

impl<'de> Deserialize<'de> for OrderInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(|value| Self::from_json(&value))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::OrderInput;

    #[test]
    fn an_id_and_an_order_are_told_apart() {
        assert_eq!(OrderInput::from_json(&json!("ORDER-1")), OrderInput::Id("ORDER-1".to_owned()));
        let order = json!({"orderId": "O-1", "customerId": "C", "currency": "EUR",
            "lines": [{"sku": "S", "quantity": 1, "unitPriceMinor": 5}]});
        assert_eq!(OrderInput::from_json(&order).order_id(), Some("O-1"));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let problems = |value| match OrderInput::from_json(&value) {
            OrderInput::Invalid(problems) => problems,
            other => panic!("{other:?} should be invalid"),
        };
        assert_eq!(problems(json!("")), ["order id is empty"]);
        assert_eq!(
            problems(json!(5)),
            ["expected an order id (a string) or an order object, found a number"]
        );
        assert_eq!(
            problems(json!({"orderId": "O", "customerId": "C", "currency": "EUR"})),
            ["lines is missing"]
        );
    }
}
