//! One JSON object a line, with every field at the top level, where operators and log stores look for it.

use std::fmt::{self, Debug};
use std::io::Write;

use opentelemetry::trace::TraceContextExt;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Names that every line has or may have from here; fields of that name are left out.
const OURS: [&str; 7] = ["timestamp", "level", "target", "role", "build_id", "trace_id", "span_id"];

/// Writes each event as one line: time, level, message, the event's fields, those of the spans around it (the
/// innermost wins), and which trace it belongs to.
pub(super) struct JsonLines<W> {
    writer: W,
    /// `,"role":"worker","build_id":"1.2.3"`, the same on each line.
    process: Vec<u8>,
}

/// Fields of a span, encoded once.
#[derive(Debug, Default)]
struct Fields(Vec<(&'static str, Vec<u8>)>);

impl<W> JsonLines<W> {
    pub(super) fn new(writer: W, role: &str, build_id: &str) -> Self {
        let mut process = Vec::new();
        put(&mut process, "role", role);
        put(&mut process, "build_id", build_id);
        Self { writer, process }
    }

    fn line<S>(&self, event: &Event<'_>, context: &Context<'_, S>) -> Vec<u8>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let metadata = event.metadata();
        let mut line = Vec::with_capacity(512);
        line.extend_from_slice(b"{\"timestamp\":\"");
        let mut time = String::new();
        // A clock that cannot be written leaves the field empty.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        line.extend_from_slice(time.as_bytes());
        line.push(b'"');
        put(&mut line, "level", metadata.level().as_str());
        let mut fields = Fields::default();
        event.record(&mut fields);
        put(&mut line, "target", metadata.target());
        line.extend_from_slice(&self.process);
        trace(&mut line);
        for (name, value) in &fields.0 {
            raw(&mut line, name, value);
        }
        let mut seen: Vec<&str> = fields.0.iter().map(|(name, _)| *name).collect();
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<Fields>() {
                for (name, value) in &fields.0 {
                    if !seen.contains(name) {
                        seen.push(name);
                        raw(&mut line, name, value);
                    }
                }
            }
        }
        line.extend_from_slice(b"}\n");
        line
    }
}

impl<S, W> Layer<S> for JsonLines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: for<'writer> MakeWriter<'writer> + 'static,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let line = self.line(event, &context);
        // One write a line keeps lines of several threads apart. A log that cannot be written must not end anything.
        let _ = self.writer.make_writer_for(event.metadata()).write_all(&line);
    }
}

/// Which trace the code that logs runs in, if any.
fn trace(line: &mut Vec<u8>) {
    opentelemetry::Context::map_current(|current| {
        let span = current.span();
        let context = span.span_context();
        if context.is_valid() {
            put(line, "trace_id", &context.trace_id().to_string());
            put(line, "span_id", &context.span_id().to_string());
        }
    });
}

fn put(line: &mut Vec<u8>, name: &str, value: &str) {
    raw(line, name, &encoded(value));
}

fn raw(line: &mut Vec<u8>, name: &str, value: &[u8]) {
    line.extend_from_slice(b",\"");
    // Names are identifiers of the code with dots, so they need no escaping.
    line.extend_from_slice(name.as_bytes());
    line.extend_from_slice(b"\":");
    line.extend_from_slice(value);
}

fn encoded<T: serde::Serialize + ?Sized>(value: &T) -> Vec<u8> {
    // Text, numbers and truth values always encode.
    serde_json::to_vec(value).unwrap_or_else(|_| b"null".to_vec())
}

impl Fields {
    fn set(&mut self, field: &Field, value: Vec<u8>) {
        let name = field.name();
        if OURS.contains(&name) || name.starts_with("otel.") {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, encoded(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, encoded(&value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, encoded(&value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, encoded(&value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, encoded(&value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field, encoded(&Chain(value).to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.set(field, encoded(&format!("{value:?}")));
    }
}

/// An error with everything beneath it.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            write!(f, ": {cause}")?;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
