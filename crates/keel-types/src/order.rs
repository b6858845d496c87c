//! An order as it travels: parsed strictly enough to be refused with every problem named.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Longest id accepted anywhere, in bytes.
pub const MAX_ID_BYTES: usize = 128;
/// Most lines in one order.
pub const MAX_LINES: usize = 1_000;
/// Most pieces in one line.
pub const MAX_QUANTITY: u32 = 1_000_000;

/// A customer's order. Money is in minor units of [`Order::currency`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Order {
    /// The order's id, unique over all time.
    pub order_id: String,
    /// Who buys.
    pub customer_id: String,
    /// ISO 4217 code, such as `EUR`.
    pub currency: String,
    /// What is bought; at least one line.
    pub lines: Vec<OrderLine>,
    /// Who placed it; may not approve it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
}

/// One line of an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// Stock keeping unit.
    pub sku: String,
    /// Pieces, 1 to [`MAX_QUANTITY`].
    pub quantity: u32,
    /// Price of one piece in minor units, 0 or more.
    pub unit_price_minor: i64,
}

/// Everything wrong with an order, one sentence each.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid order: {}", .problems.join("; "))]
pub struct OrderInvalid {
    /// The problems, in the order of the fields; never empty.
    pub problems: Vec<String>,
}

impl Order {
    /// Reads an order from JSON. Unknown fields are ignored.
    ///
    /// # Errors
    /// [`OrderInvalid`] names every missing or wrong field at once.
    pub fn from_json(value: &Value) -> Result<Self, OrderInvalid> {
        let mut problems = Vec::new();
        let Some(object) = value.as_object() else {
            return Err(OrderInvalid {
                problems: vec![format!("expected an order object, found {}", kind(value))],
            });
        };
        let order = Self {
            order_id: text(object, "orderId", "", &mut problems),
            customer_id: text(object, "customerId", "", &mut problems),
            currency: text(object, "currency", "", &mut problems),
            lines: lines(object, &mut problems),
            requested_by: optional_text(object, "requestedBy", &mut problems),
        };
        order.check_values(&mut problems);
        if problems.is_empty() { Ok(order) } else { Err(OrderInvalid { problems }) }
    }

    /// Checks an order that was built rather than parsed.
    ///
    /// # Errors
    /// [`OrderInvalid`] as for [`Order::from_json`].
    pub fn validate(&self) -> Result<(), OrderInvalid> {
        let value =
            serde_json::to_value(self).map_err(|error| OrderInvalid { problems: vec![error.to_string()] })?;
        Self::from_json(&value).map(drop)
    }

    /// The sum of all lines in minor units.
    ///
    /// Saturates at the largest `i64`; validation refuses such an order before it is stored.
    #[must_use]
    pub fn total_minor(&self) -> i64 {
        self.checked_total().unwrap_or(i64::MAX)
    }

    fn checked_total(&self) -> Option<i64> {
        self.lines.iter().try_fold(0_i64, |sum, line| {
            let amount = i64::from(line.quantity).checked_mul(line.unit_price_minor)?;
            sum.checked_add(amount)
        })
    }

    fn check_values(&self, problems: &mut Vec<String>) {
        check_id("orderId", &self.order_id, problems);
        check_id("customerId", &self.customer_id, problems);
        if !self.currency.is_empty() && iso_currency::Currency::from_code(&self.currency).is_none() {
            problems
                .push(format!("currency `{}` is not an ISO 4217 code such as EUR", excerpt(&self.currency)));
        }
        if self.checked_total().is_none() {
            problems.push("the total is larger than any amount of money".to_owned());
        }
    }
}

/// Why an id cannot be used, if it cannot: empty, too long, or with characters that are unsafe in file names and URLs.
#[must_use]
pub fn id_problem(name: &str, id: &str) -> Option<String> {
    if id.is_empty() {
        return Some(format!("{name} is empty"));
    }
    if id.len() > MAX_ID_BYTES {
        return Some(format!("{name} is longer than {MAX_ID_BYTES} bytes"));
    }
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | ':' | '+');
    if !id.chars().all(safe) || id.starts_with('.') {
        return Some(format!(
            "{name} `{}` may hold only letters, digits and - _ . @ : +, and may not start with a dot",
            excerpt(id)
        ));
    }
    None
}

fn check_id(name: &str, id: &str, problems: &mut Vec<String>) {
    let already_named = id.is_empty() && problems.iter().any(|p| p.starts_with(name));
    if !already_named {
        problems.extend(id_problem(name, id));
    }
}

fn lines(object: &Map<String, Value>, problems: &mut Vec<String>) -> Vec<OrderLine> {
    let values = match object.get("lines") {
        Some(Value::Array(values)) => values,
        Some(other) => {
            problems.push(format!("lines must be a list, found {}", kind(other)));
            return Vec::new();
        }
        None => {
            problems.push("lines is missing".to_owned());
            return Vec::new();
        }
    };
    if values.is_empty() {
        problems.push("lines is empty: an order needs at least one line".to_owned());
    }
    if values.len() > MAX_LINES {
        problems.push(format!("lines has {} entries, at most {MAX_LINES} fit", values.len()));
        return Vec::new();
    }
    values.iter().enumerate().map(|(index, value)| line(index + 1, value, problems)).collect()
}

fn line(number: usize, value: &Value, problems: &mut Vec<String>) -> OrderLine {
    let empty = Map::new();
    let prefix = format!("line {number}: ");
    let object = value.as_object().unwrap_or_else(|| {
        problems.push(format!("{prefix}expected an object, found {}", kind(value)));
        &empty
    });
    if value.is_object() {
        let sku = text(object, "sku", &prefix, problems);
        if let Some(problem) = (!sku.is_empty()).then(|| id_problem("sku", &sku)).flatten() {
            problems.push(format!("{prefix}{problem}"));
        }
        let quantity = integer(object, "quantity", &prefix, 1, i64::from(MAX_QUANTITY), problems);
        OrderLine {
            sku,
            quantity: u32::try_from(quantity).unwrap_or(1),
            unit_price_minor: integer(object, "unitPriceMinor", &prefix, 0, i64::MAX, problems),
        }
    } else {
        OrderLine { sku: String::new(), quantity: 1, unit_price_minor: 0 }
    }
}

fn text(object: &Map<String, Value>, name: &str, prefix: &str, problems: &mut Vec<String>) -> String {
    match object.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => text.clone(),
        Some(Value::String(_)) => {
            problems.push(format!("{prefix}{name} is empty"));
            String::new()
        }
        Some(Value::Null) | None => {
            problems.push(format!("{prefix}{name} is missing"));
            String::new()
        }
        Some(other) => {
            problems.push(format!("{prefix}{name} must be a string, found {}", kind(other)));
            String::new()
        }
    }
}

fn optional_text(object: &Map<String, Value>, name: &str, problems: &mut Vec<String>) -> Option<String> {
    match object.get(name) {
        None | Some(Value::Null) => None,
        Some(_) => Some(text(object, name, "", problems)),
    }
}

fn integer(
    object: &Map<String, Value>,
    name: &str,
    prefix: &str,
    min: i64,
    max: i64,
    problems: &mut Vec<String>,
) -> i64 {
    let value = match object.get(name) {
        None | Some(Value::Null) => {
            problems.push(format!("{prefix}{name} is missing"));
            return min;
        }
        Some(value) => value,
    };
    match value.as_i64() {
        Some(number) if (min..=max).contains(&number) => number,
        Some(number) => {
            let bound = if number < min { format!("at least {min}") } else { format!("at most {max}") };
            problems.push(format!("{prefix}{name} must be {bound}, found {number}"));
            min
        }
        None => {
            let found = match value {
                Value::Number(number) => excerpt(&number.to_string()),
                other => kind(other).to_owned(),
            };
            problems.push(format!("{prefix}{name} must be a whole number, found {found}"));
            min
        }
    }
}

/// What a JSON value is, in words a person would use.
#[must_use]
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// At most 40 characters of untrusted text, so that no message grows with its input.
#[must_use]
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 40;
    if text.chars().count() <= MOST {
        text.to_owned()
    } else {
        text.chars().take(MOST).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests;
