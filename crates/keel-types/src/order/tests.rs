use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Order, OrderLine, id_problem};

fn valid() -> Value {
    json!({
        "orderId": "ORDER-1", "customerId": "C-7", "currency": "EUR",
        "lines": [{"sku": "KEEL-MUG", "quantity": 2, "unitPriceMinor": 1250}],
        "requestedBy": "clerk@company.com", "colour": "ignored"
    })
}

#[track_caller]
fn check_refused(change: impl FnOnce(&mut Value), expected: &[&str]) {
    let mut value = valid();
    change(&mut value);
    let error = Order::from_json(&value).expect_err("the order should be refused");
    assert_eq!(error.problems, expected);
}

#[test]
fn reads_an_order_and_ignores_unknown_fields() {
    let order = Order::from_json(&valid()).expect("a valid order");
    assert_eq!(order.total_minor(), 2500);
    assert_eq!(order.requested_by.as_deref(), Some("clerk@company.com"));
}

#[test]
fn names_every_missing_field_at_once() {
    let error = Order::from_json(&json!({})).expect_err("nothing is there");
    assert_eq!(
        error.problems,
        ["orderId is missing", "customerId is missing", "currency is missing", "lines is missing"]
    );
}

#[test]
fn refuses_bad_values_by_name() {
    check_refused(|v| v["orderId"] = json!(""), &["orderId is empty"]);
    check_refused(|v| v["orderId"] = json!(7), &["orderId must be a string, found a number"]);
    check_refused(
        |v| v["currency"] = json!("XYZW"),
        &["currency `XYZW` is not an ISO 4217 code such as EUR"],
    );
    check_refused(|v| v["lines"] = json!([]), &["lines is empty: an order needs at least one line"]);
    check_refused(
        |v| v["lines"][0]["quantity"] = json!(-3),
        &["line 1: quantity must be at least 1, found -3"],
    );
    check_refused(
        |v| v["lines"][0]["quantity"] = json!(1.5),
        &["line 1: quantity must be a whole number, found 1.5"],
    );
    check_refused(
        |v| v["lines"][0]["unitPriceMinor"] = json!(-1),
        &["line 1: unitPriceMinor must be at least 0, found -1"],
    );
    check_refused(|v| v["lines"][0] = json!("mug"), &["line 1: expected an object, found a string"]);
    check_refused(
        |v| v["lines"][0]["unitPriceMinor"] = json!(i64::MAX),
        &["the total is larger than any amount of money"],
    );
}

#[test]
fn refuses_what_is_not_an_object() {
    let error = Order::from_json(&json!([1])).expect_err("a list is no order");
    assert_eq!(error.problems, ["expected an order object, found a list"]);
}

#[test]
fn ids_are_safe_in_paths() {
    assert_eq!(id_problem("id", "ORDER-12345"), None);
    for bad in ["", "../etc/passwd", "a/b", ".hidden", "a b", "ü", &"x".repeat(129)] {
        assert!(id_problem("id", bad).is_some(), "`{bad}` should be refused");
    }
}

proptest! {
    #[test]
    fn a_written_order_reads_back_the_same(
        id in "[A-Z]{1,8}-[0-9]{1,6}",
        lines in prop::collection::vec(("[A-Z]{1,12}", 1u32..1000, 0i64..1_000_000), 1..20),
    ) {
        let order = Order {
            order_id: id, customer_id: "C-1".to_owned(), currency: "USD".to_owned(), requested_by: None,
            lines: lines.into_iter().map(|(sku, quantity, unit_price_minor)| OrderLine { sku, quantity, unit_price_minor }).collect(),
        };
        let json = serde_json::to_value(&order).expect("an order serialises");
        prop_assert_eq!(Order::from_json(&json), Ok(order));
    }

    #[test]
    fn any_json_is_read_or_refused_without_a_panic(text in "\\PC{0,200}") {
        let value = serde_json::from_str::<Value>(&text).unwrap_or(Value::String(text));
        let _ = Order::from_json(&value);
    }
}
