//! Inputs that are decoded by hand, so that a payload of the wrong shape becomes a message.
//!
//! The SDK fails the workflow task when a typed input does not decode, and the server then retries that task for ever: one
//! bad signal would block its order. A raw value always decodes.

use serde_json::Value;
use temporalio_common::data_converters::{
    DecodablePayloads, PayloadConverter, RawValue, SerializationContextData, WorkflowSerializationContext,
};

use keel_types::order::{excerpt, id_problem, kind};

/// The first argument as JSON.
///
/// # Errors
/// A sentence that says what is wrong with the payload.
pub(crate) fn json(raw: RawValue, converter: &PayloadConverter) -> Result<Value, String> {
    let Some(first) = raw.payloads.into_iter().next() else {
        return Ok(Value::Null);
    };
    let context = SerializationContextData::Workflow(WorkflowSerializationContext::new());
    DecodablePayloads::new(vec![first], converter.clone(), context)
        .deserialize::<Value>()
        .map_err(|error| format!("the input is not JSON: {}", excerpt(&error.to_string())))
}

/// The first argument as a string.
///
/// # Errors
/// A sentence that says what was found instead.
pub(crate) fn text(raw: RawValue, converter: &PayloadConverter) -> Result<String, String> {
    match json(raw, converter)? {
        Value::String(text) => Ok(text),
        other => Err(format!("expected a string, found {}", kind(&other))),
    }
}

/// The first argument as an id.
///
/// # Errors
/// A sentence that names `what` and the problem.
pub(crate) fn id(what: &str, raw: RawValue, converter: &PayloadConverter) -> Result<String, String> {
    let id = text(raw, converter).map_err(|problem| format!("{what}: {problem}"))?;
    match id_problem(what, &id) {
        None => Ok(id),
        Some(problem) => Err(problem),
    }
}
