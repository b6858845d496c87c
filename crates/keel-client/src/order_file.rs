//! Reading orders from a file: one JSON object, a JSON list, or one object a line.

use std::collections::HashMap;
use std::io::Read;
use std::path::Path;

use keel_types::order::Order;
use serde_json::Value;

/// The largest file that is read, in bytes.
pub const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a file of orders cannot be used. Nothing was submitted.
#[derive(Debug, thiserror::Error)]
pub enum OrderFileError {
    /// The file cannot be read.
    #[error("cannot read orders from {name}: {problem}")]
    Unreadable {
        /// The file, or `standard input`.
        name: String,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The content is not what it should be; one line per problem.
    #[error("{name} holds no valid orders; nothing was submitted:\n  {}", .problems.join("\n  "))]
    Invalid {
        /// The file, or `standard input`.
        name: String,
        /// Every problem, with its place.
        problems: Vec<String>,
    },
}

/// Reads all orders of a file; `-` is standard input.
///
/// # Errors
/// [`OrderFileError`] names the file and every problem in it.
pub fn read_orders(path: &Path) -> Result<Vec<Order>, OrderFileError> {
    let from_stdin = path == Path::new("-");
    let name = if from_stdin { "standard input".to_owned() } else { path.display().to_string() };
    let unreadable = |problem: String| OrderFileError::Unreadable { name: name.clone(), problem };
    if !from_stdin && path.is_dir() {
        return Err(unreadable("it is a directory; name a file in it".to_owned()));
    }
    let mut bytes = Vec::new();
    let read = if from_stdin {
        std::io::stdin().lock().take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
    };
    read.map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(unreadable(format!("it is larger than {} MiB; split it", MAX_BYTES >> 20)));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        unreadable(format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
    })?;
    parse_orders(&text).map_err(|problems| OrderFileError::Invalid { name, problems })
}

/// Parses the content of such a file.
///
/// # Errors
/// Every problem, each with its place; never an empty list.
pub fn parse_orders(text: &str) -> Result<Vec<Order>, Vec<String>> {
    let text = text.trim_start_matches('\u{feff}');
    let placed = places(text)?;
    let mut problems = Vec::new();
    let mut orders = Vec::new();
    let mut seen: HashMap<String, String> = HashMap::new();
    for (place, value) in placed {
        match value.and_then(|value| Order::from_json(&value).map_err(|invalid| invalid.problems)) {
            Ok(order) => {
                if let Some(first) = seen.insert(order.order_id.clone(), place.clone()) {
                    problems.push(format!(
                        "{place}orderId `{}` is also in {}",
                        order.order_id,
                        first.trim_end_matches(": ")
                    ));
                }
                orders.push(order);
            }
            Err(found) => problems.extend(found.into_iter().map(|problem| format!("{place}{problem}"))),
        }
    }
    if problems.is_empty() { Ok(orders) } else { Err(problems) }
}

type Placed = (String, Result<Value, Vec<String>>);

/// The values of the text, each with its place as a prefix for messages.
fn places(text: &str) -> Result<Vec<Placed>, Vec<String>> {
    const EXPECTED: &str = "expected one order as JSON, a list of orders, or one order a line";
    if text.trim().is_empty() {
        return Err(vec![format!("it is empty; {EXPECTED}")]);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Array(values)) if values.is_empty() => Err(vec!["the list is empty".to_owned()]),
        Ok(Value::Array(values)) => Ok(values
            .into_iter()
            .enumerate()
            .map(|(index, value)| (format!("entry {}: ", index + 1), Ok(value)))
            .collect()),
        Ok(value) => Ok(vec![(String::new(), Ok(value))]),
        Err(error) if !is_line_by_line(text) => Err(vec![format!("it is not JSON ({error}); {EXPECTED}")]),
        Err(_) => Ok(numbered_lines(text)
            .map(|(number, line)| {
                let value = serde_json::from_str(line).map_err(|error| vec![format!("not JSON ({error})")]);
                (format!("line {number}: "), value)
            })
            .collect()),
    }
}

/// Whether some line is a JSON value of its own, so that the others are meant to be too.
fn is_line_by_line(text: &str) -> bool {
    let mut lines = numbered_lines(text).take(2);
    let first = lines.next().is_some_and(|(_, line)| serde_json::from_str::<Value>(line).is_ok());
    lines.next().is_some()
        && (first || numbered_lines(text).all(|(_, line)| line.starts_with('{') && line.len() > 1))
}

fn numbered_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::parse_orders;

    fn order(id: &str, quantity: i64) -> String {
        format!(
            r#"{{"orderId":"{id}","customerId":"C","currency":"EUR","lines":[{{"sku":"S","quantity":{quantity},"unitPriceMinor":5}}]}}"#
        )
    }

    fn check(text: &str, expected: Result<usize, &[&str]>) {
        match (parse_orders(text), expected) {
            (Ok(orders), Ok(count)) => assert_eq!(orders.len(), count, "{text}"),
            (Err(problems), Err(expected)) => assert_eq!(problems, expected, "{text}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn three_forms_are_read() {
        check(&order("A", 1), Ok(1));
        check(&format!("[{},\n{}]", order("A", 1), order("B", 1)), Ok(2));
        check(&format!("\u{feff}{}\n\n{}\r\n", order("A", 1), order("B", 1)), Ok(2));
    }

    #[test]
    fn every_problem_is_named_with_its_place() {
        check(&order("A", -1), Err(&["line 1: quantity must be at least 1, found -1"]));
        check(
            &format!("{}\n{{\"orderId\n{}\n{}", order("A", 0), order("", 1), order("B", 1)),
            Err(&[
                "line 1: line 1: quantity must be at least 1, found 0",
                "line 2: not JSON (EOF while parsing a string at line 1 column 9)",
                "line 3: orderId is empty",
            ]),
        );
        check(
            &format!("[{}, 5]", order("A", 1)),
            Err(&["entry 2: expected an order object, found a number"]),
        );
        check(
            &format!("{}\n{}", order("A", 1), order("A", 1)),
            Err(&["line 2: orderId `A` is also in line 1"]),
        );
        check(
            " \n",
            Err(&["it is empty; expected one order as JSON, a list of orders, or one order a line"]),
        );
        check("[]", Err(&["the list is empty"]));
    }

    #[test]
    fn what_is_not_json_is_told_once() {
        let problems = parse_orders("orders: none\nat all\n").unwrap_err();
        assert_eq!(problems.len(), 1);
        assert!(
            problems[0].starts_with("it is not JSON (expected value at line 1 column 1); "),
            "{problems:?}"
        );
        assert_eq!(parse_orders("{\n \"orderId\": \"A\",\n}").unwrap_err().len(), 1);
    }
}
