use std::io::Write;
use std::sync::{Arc, Mutex};

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use serde_json::Value;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use super::JsonLines;

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn lines(body: impl FnOnce()) -> Vec<Value> {
    let written = Written::default();
    let writer = written.clone();
    let layer = JsonLines::new(move || writer.clone(), "worker", "1.2.3");
    tracing::subscriber::with_default(Registry::default().with(layer), body);
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn fields_of_the_event_and_of_its_spans_stand_side_by_side() {
    let lines = lines(|| {
        let outer = tracing::error_span!(
            "activity",
            workflow_id = "order-1",
            attempt = 1_u32,
            late = tracing::field::Empty
        );
        let _outer = outer.enter();
        outer.record("late", true);
        let _inner = tracing::info_span!("inner", attempt = 2_u32, otel.kind = "client").entered();
        tracing::info!(order_id = "a\"b", ratio = 0.5, "it's\ndone");
    });
    let line = &lines[0];
    assert_eq!(lines.len(), 1);
    for (name, value) in [
        ("message", Value::from("it's\ndone")),
        ("level", "INFO".into()),
        ("role", "worker".into()),
        ("build_id", "1.2.3".into()),
        ("workflow_id", "order-1".into()),
        ("order_id", "a\"b".into()),
        ("ratio", 0.5.into()),
        ("late", true.into()),
        // The innermost span wins.
        ("attempt", 2.into()),
    ] {
        assert_eq!(line[name], value, "{name} in {line}");
    }
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    assert!(line.get("otel.kind").is_none() && line.get("trace_id").is_none(), "{line}");
}

#[test]
fn names_of_the_line_itself_cannot_be_taken_and_appear_once() {
    let written = Written::default();
    let writer = written.clone();
    let layer = JsonLines::new(move || writer.clone(), "worker", "1.2.3");
    tracing::subscriber::with_default(Registry::default().with(layer), || {
        tracing::info!(level = "mine", build_id = "9", workflow_id = "w", "text");
    });
    let line = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    for name in ["level", "build_id", "workflow_id", "message"] {
        assert_eq!(line.matches(&format!("\"{name}\":")).count(), 1, "{name} in {line}");
    }
    assert!(line.contains(r#""level":"INFO""#) && line.contains(r#""build_id":"1.2.3""#), "{line}");
}

#[test]
fn a_line_inside_a_trace_names_it() {
    let remote = SpanContext::new(
        TraceId::from(0xabc),
        SpanId::from(0xdef),
        TraceFlags::default(),
        true,
        TraceState::default(),
    );
    let lines = lines(|| {
        let _current = opentelemetry::Context::new().with_remote_span_context(remote).attach();
        tracing::warn!("inside");
    });
    assert_eq!(lines[0]["trace_id"], "00000000000000000000000000000abc");
    assert_eq!(lines[0]["span_id"], "0000000000000def");
}

#[test]
fn an_error_is_written_with_its_causes() {
    let outer = std::io::Error::other(std::fmt::Error);
    let lines = lines(|| {
        let error: &(dyn std::error::Error + 'static) = &Wrapped(outer);
        tracing::error!(error, "failed");
    });
    let text = lines[0]["error"].as_str().unwrap();
    assert!(text.starts_with("wrapped: "), "{text}");
    assert!(text.len() > "wrapped: ".len(), "{text}");
}

#[derive(Debug, thiserror::Error)]
#[error("wrapped")]
struct Wrapped(#[source] std::io::Error);
