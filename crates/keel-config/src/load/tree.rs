//! Trees of settings: their leaves, and setting one of them.

use serde_json::{Map, Value};

/// A value with named keys of its own; an empty map is an ordinary value, free in its keys.
pub(crate) fn is_section(value: &Value) -> bool {
    value.as_object().is_some_and(|object| !object.is_empty())
}

/// Visits every leaf with its dotted key.
pub(crate) fn leaves(prefix: &str, value: &Value, visit: &mut impl FnMut(String, &Value)) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (name, child) in object {
                leaves(&join(prefix, name), child, visit);
            }
        }
        leaf => visit(prefix.to_owned(), leaf),
    }
}

pub(crate) fn lookup<'a>(tree: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(tree, |value, name| value.get(name))
}

pub(crate) fn set(tree: &mut Value, key: &str, value: Value) {
    let mut place = tree;
    for name in key.split('.') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = place
            .as_object_mut()
            .expect("it was just made an object")
            .entry(name.to_owned())
            .or_insert(Value::Null);
    }
    *place = value;
}

pub(crate) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
