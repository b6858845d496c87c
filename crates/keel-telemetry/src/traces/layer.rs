//! From `tracing` spans to spans of a trace.

use opentelemetry::trace::TraceContextExt;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::DynFilterFn;
use tracing_subscriber::registry::LookupSpan;

use crate::logs::CONTEXT_TARGET;

/// Whose spans never become part of a trace: the SDK's (the plugin makes better ones), those of the network libraries
/// (sending traces would trace itself), and those that only carry fields for logs. Fixed: a log level must not widen it.
const LEFT_OUT: [&str; 12] = [
    "temporalio",
    "opentelemetry",
    "hyper",
    "h2",
    "tonic",
    "tower",
    "reqwest",
    "rustls",
    "sqlx",
    "tokio",
    "axum",
    CONTEXT_TARGET,
];

/// Makes spans of our own code part of the trace they run in. Outside a trace, or in one that is not kept, it makes
/// nothing, so work nobody asked for (probes, upkeep) starts no traces, and sampling saves the whole cost.
pub(crate) fn layer<S>(tracer: SdkTracer) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let filter = DynFilterFn::new(|metadata: &Metadata<'_>, _: &_| is_ours(metadata) && is_traced())
        .with_callsite_filter(
            |metadata| if is_ours(metadata) { Interest::sometimes() } else { Interest::never() },
        )
        .with_max_level_hint(LevelFilter::DEBUG);
    tracing_opentelemetry::layer()
        .with_tracer(tracer)
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(filter)
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
        && *metadata.level() <= tracing::Level::DEBUG
        && !LEFT_OUT.iter().any(|target| metadata.target().starts_with(target))
}

fn is_traced() -> bool {
    opentelemetry::Context::map_current(|current| current.span().span_context().is_sampled())
}
