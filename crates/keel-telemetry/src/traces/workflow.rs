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
use temporalio_common::error::OutgoingWorkflowError;
use temporalio_sdk::workflow_interceptors::{
    ExecuteWorkflowInput, ExecuteWorkflowResult, WorkflowInterceptor, WorkflowInterceptorConstructor,
    WorkflowInterceptorContext, WorkflowInterceptorFuture, WorkflowNext,
};
use temporalio_sdk::{SimplePlugin, WorkflowTermination};

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
        // Who knows the failure's type says it on the span; see `activity`.
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

/// The plugin that marks the end of runs. It comes after the SDK's, so that it is inside.
pub(super) fn ends(tracer: SdkTracer) -> SimplePlugin {
    let constructor = WorkflowInterceptorConstructor::new(move |_| Ends(tracer.clone()));
    SimplePlugin::builder("keel-traces").workflow_interceptors(vec![constructor]).build()
}

/// Sends `CompleteWorkflow:<type>` when a run ends: from the run's first task to its end, with how it ended. Whichever
/// worker sees the end sends it, and none does on replay.
struct Ends(SdkTracer);

impl WorkflowInterceptor for Ends {
    fn execute<'a>(
        &'a self,
        ctx: WorkflowInterceptorContext,
        input: ExecuteWorkflowInput,
        next: WorkflowNext<'a, ExecuteWorkflowInput, WorkflowInterceptorFuture<'a, ExecuteWorkflowResult>>,
    ) -> WorkflowInterceptorFuture<'a, ExecuteWorkflowResult> {
        let begun = ctx.workflow_time();
        let run = next.run(input);
        WorkflowInterceptorFuture::new(async move {
            let result = run.await;
            let how = outcome(&result);
            if let Some(how) = how.filter(|_| !ctx.is_replaying_history_events()) {
                self.mark(&ctx, begun, how, failure(&result));
            }
            result
        })
    }
}

impl Ends {
    fn mark(
        &self,
        ctx: &WorkflowInterceptorContext,
        begun: Option<SystemTime>,
        how: &'static str,
        failure: Option<&str>,
    ) {
        let builder = SpanBuilder::from_name(format!("CompleteWorkflow:{}", ctx.workflow_type()));
        let builder = SpanBuilder { start_time: begun, ..builder }.with_attributes([
            KeyValue::new("temporalWorkflowID", ctx.workflow_id().to_owned()),
            KeyValue::new("temporalRunID", ctx.run_id().to_owned()),
            KeyValue::new("keel.outcome", how),
        ]);
        let mut span = self.0.build_with_context(builder, &Context::current());
        if how == "failed" {
            let kind = failure.unwrap_or("untyped").to_owned();
            span.set_attribute(KeyValue::new("error.type", kind.clone()));
            span.set_status(Status::error(kind));
        }
        span.end();
    }
}

/// How a run ended; `None` if it only left this worker's memory.
fn outcome(result: &ExecuteWorkflowResult) -> Option<&'static str> {
    match result {
        Ok(_) => Some("completed"),
        Err(WorkflowTermination::Cancelled { .. }) => Some("cancelled"),
        Err(WorkflowTermination::ContinueAsNew(_)) => Some("continued"),
        Err(WorkflowTermination::Failed(_)) => Some("failed"),
        Err(WorkflowTermination::Evicted) => None,
    }
}

fn failure(result: &ExecuteWorkflowResult) -> Option<&str> {
    match result {
        Err(WorkflowTermination::Failed(OutgoingWorkflowError::Application(failure))) => failure.type_name(),
        _ => None,
    }
}
