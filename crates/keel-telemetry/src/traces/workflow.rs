//! The tracer that the SDK's plugin writes with, made fit for runs that outlive their worker.
//!
//! The plugin ends the span of a run, and of an activity that a run waits for, only when the end is seen by the worker
//! that saw the start. A run that moves to another worker would leave its children without a parent. So such spans are
//! ended, and thereby sent, at their start: they mark the moment, and what took time is beneath them. The ids of these
//! spans come from the run's own random stream, so the next worker continues the same trace.

use std::borrow::Cow;
use std::time::SystemTime;

use opentelemetry::trace::{Span, SpanBuilder, SpanContext, Status, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SdkTracer;

/// Spans that may be open for days and end somewhere else.
const LASTING: [&str; 3] = ["RunWorkflow:", "StartActivity:", "StartChildWorkflow:"];

/// The SDK's tracer with two changes: lasting spans are sent at once, and errors carry no payloads.
#[derive(Clone, Debug)]
pub(super) struct PluginTracer(pub(super) SdkTracer);

impl Tracer for PluginTracer {
    type Span = PluginSpan;

    fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> PluginSpan {
        let lasting = LASTING.iter().any(|prefix| builder.name.starts_with(prefix));
        let mut span = self.0.build_with_context(builder, parent);
        if lasting {
            span.end();
        }
        PluginSpan(span)
    }
}

/// A span whose errors are only marked: the plugin would describe them with everything they hold, payloads included.
#[derive(Debug)]
pub(super) struct PluginSpan(opentelemetry_sdk::trace::Span);

impl Span for PluginSpan {
    fn add_event_with_timestamp<T>(&mut self, name: T, at: SystemTime, attributes: Vec<KeyValue>)
    where
        T: Into<Cow<'static, str>>,
    {
        let name = name.into();
        if name != "exception" {
            self.0.add_event_with_timestamp(name, at, attributes);
        }
    }

    fn span_context(&self) -> &SpanContext {
        self.0.span_context()
    }

    fn is_recording(&self) -> bool {
        self.0.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        self.0.set_attribute(attribute);
    }

    fn set_status(&mut self, status: Status) {
        // Whoever knows the failure's type says it on the span; see `traces::failed`.
        self.0.set_status(match status {
            Status::Error { .. } => Status::error(""),
            other => other,
        });
    }

    fn update_name<T>(&mut self, name: T)
    where
        T: Into<Cow<'static, str>>,
    {
        self.0.update_name(name);
    }

    fn add_link(&mut self, to: SpanContext, attributes: Vec<KeyValue>) {
        self.0.add_link(to, attributes);
    }

    fn end_with_timestamp(&mut self, at: SystemTime) {
        self.0.end_with_timestamp(at);
    }
}
