//! What every attempt of an activity says about itself, whatever its body says.

use std::sync::Arc;

use opentelemetry::KeyValue;
use opentelemetry::trace::{Status, TraceContextExt};
use temporalio_common::error::{ApplicationErrorCategory, ApplicationFailure};
use temporalio_sdk::SimplePlugin;
use temporalio_sdk::activities::{ActivityError, ActivityInfo};
use temporalio_sdk::interceptors::{
    ActivityInboundInterceptor, ExecuteActivityInput, ExecuteActivityOutput, Next,
};
use tracing::{Instrument, Span};

use crate::logs::CONTEXT_TARGET;

/// The plugin that puts [`Attempts`] around each activity. It comes after the one for traces, so that it is inside.
pub(crate) fn plugin() -> SimplePlugin {
    let interceptor: Arc<dyn ActivityInboundInterceptor> = Arc::new(Attempts);
    SimplePlugin::builder("keel-logs").activity_inbound_interceptors(vec![interceptor]).build()
}

/// Puts the ids of an attempt on each log line from inside it, and says once how a failed one ended.
struct Attempts;

impl ActivityInboundInterceptor for Attempts {
    fn execute_activity<'a>(
        &'a self,
        input: ExecuteActivityInput,
        next: Next<'a, ExecuteActivityInput, ExecuteActivityOutput<'a>>,
    ) -> ExecuteActivityOutput<'a> {
        let span = span(input.activity_info());
        let attempt = async move {
            let result = next.run(input).await;
            match &result {
                Ok(_) => tracing::debug!("activity attempt done"),
                Err(error) => ended(error),
            }
            result
        };
        Box::pin(attempt.instrument(span))
    }
}

/// At the highest level, so that the fields are there whatever level is logged.
fn span(info: &ActivityInfo) -> Span {
    tracing::error_span!(
        target: CONTEXT_TARGET,
        "activity",
        activity = info.activity_type,
        activity_id = info.activity_id,
        attempt = info.attempt,
        task_queue = info.task_queue,
        workflow_id = info.workflow_id.as_deref(),
        run_id = info.workflow_run_id.as_deref(),
        workflow_type = info.workflow_type.as_deref(),
    )
}

fn ended(error: &ActivityError) {
    match error {
        ActivityError::Application(failure) => failed(failure),
        ActivityError::Cancelled { .. } => tracing::info!("activity attempt cancelled"),
        ActivityError::WillCompleteAsync => {}
        _ => tracing::warn!(failure = "other", "activity attempt ended without a result"),
    }
}

/// A refusal is an answer, a planned hand-over is none; everything else is a fault, which is retried.
fn failed(failure: &ApplicationFailure) {
    let kind = failure.type_name().unwrap_or("untyped");
    let error: &(dyn std::error::Error + 'static) = failure.source_error();
    if failure.is_non_retryable() {
        tracing::info!(failure = kind, error, "activity attempt refused");
    } else if failure.category() == ApplicationErrorCategory::Benign {
        tracing::info!(failure = kind, error, "activity attempt put off");
    } else {
        let retry_in_ms =
            failure.next_retry_delay().map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        tracing::warn!(failure = kind, error, retry_in_ms, "activity attempt failed");
    }
    let context = opentelemetry::Context::current();
    let span = context.span();
    span.set_attribute(KeyValue::new("error.type", kind.to_owned()));
    span.set_status(Status::error(kind.to_owned()));
}
