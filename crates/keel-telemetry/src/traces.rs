//! Traces: one from a client's call over the workflow and its activities to the provider's request and the SQL.
//!
//! The SDK's plugin makes the spans of Temporal's own operations and carries the trace across the server. Below an
//! activity, every span of `tracing` (`#[instrument]`, `debug_span!`) of our own crates becomes part of the trace. Spans
//! leave over OTLP from a thread of their own; a collector that is away or silent costs spans and nothing else.

mod export;
mod layer;
mod options;
mod target;
#[cfg(test)]
mod tests;
mod workflow;

pub use export::BuildError;
pub use options::TraceOptions;

pub(crate) use layer::layer;

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Context, KeyValue, global};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use temporalio_client::ErasedClientPlugin;
use temporalio_sdk::opentelemetry::{OpenTelemetryPlugin, WorkflowIdGenerator, WorkflowSpanProcessor};

use export::{Exporter, Tally};
use workflow::PluginTracer;

/// Name of the instrumentation in each span.
const SCOPE: &str = "keel";

/// The tracing of this process.
#[derive(Clone, Debug)]
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tally: Arc<Tally>,
    endpoint: String,
}

/// Why traces cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// A standard variable is wrong. The text names it.
    #[error("{0}")]
    Endpoint(String),
    /// The exporter cannot be made.
    #[error("traces cannot be set up")]
    Build(#[source] BuildError),
}

impl Traces {
    /// The tracing that `options` and the standard variables ask for, if any.
    pub(crate) fn start(
        options: &TraceOptions,
        program: &str,
        build_id: &str,
    ) -> Result<Option<Self>, TraceError> {
        let env = |name: &str| std::env::var(name).ok();
        let Some(target) = options.target(env).map_err(TraceError::Endpoint)? else { return Ok(None) };
        let exporter = Exporter::new(&target.endpoint, options.timeout).map_err(TraceError::Build)?;
        let tally = Arc::clone(&exporter.tally);
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(options.queue_size)
            .with_scheduled_delay(options.interval)
            .build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let mut provider = SdkTracerProvider::builder()
            .with_id_generator(WorkflowIdGenerator::default())
            .with_span_processor(WorkflowSpanProcessor::new(processor))
            .with_resource(resource(options, program, build_id));
        if let Some(ratio) = options.sample_ratio {
            let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio)));
            provider = provider.with_sampler(sampler);
        }
        global::set_text_map_propagator(TraceContextPropagator::new());
        Ok(Some(Self { provider: provider.build(), tally, endpoint: target.endpoint }))
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer(SCOPE)
    }

    /// Where the spans go.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The SDK's plugin and our addition to it, for clients and the workers on them.
    pub(crate) fn plugins(&self) -> [ErasedClientPlugin; 2] {
        let tracer = PluginTracer(self.provider.tracer("temporalio-sdk"));
        let plugin = OpenTelemetryPlugin::builder().tracer(tracer).build();
        [plugin.into(), workflow::ends(self.tracer()).into()]
    }

    /// Sends what is left, for at most `within`, and says how it ended. Spans that end later are dropped.
    pub(crate) async fn shutdown(self, within: Duration) {
        let Self { provider, tally, .. } = self;
        let (done, ended) = tokio::sync::oneshot::channel();
        let flush = move || {
            // Nobody may listen any more; then nobody is interested.
            let _ = done.send(provider.shutdown_with_timeout(within));
        };
        // A thread of its own: the caller's runtime may have no other, and is needed for nothing here.
        let started = std::thread::Builder::new().name("keel-flush".to_owned()).spawn(flush);
        let flushed = match started {
            Ok(_) => tokio::time::timeout(within, ended).await,
            Err(_) => return,
        };
        let (sent, lost) = (tally.sent(), tally.lost());
        match flushed {
            Ok(Ok(Ok(()))) => tracing::debug!(sent, lost, "traces flushed"),
            _ => tracing::warn!(
                sent,
                lost,
                ?within,
                "the last traces could not be sent in time and are dropped"
            ),
        }
    }
}

fn resource(options: &TraceOptions, program: &str, build_id: &str) -> Resource {
    // Reads OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
    let detected = Resource::builder().build();
    let named = detected.get(&"service.name".into()).map(|name| name.to_string());
    let unnamed = named.is_none_or(|name| name.is_empty() || name.starts_with("unknown_service"));
    let name = if options.service_name.is_empty() { program } else { options.service_name.as_str() };
    let mut builder = Resource::builder()
        .with_attribute(KeyValue::new("service.version", build_id.to_owned()))
        .with_attribute(KeyValue::new("service.instance.id", std::process::id().to_string()));
    if unnamed || !options.service_name.is_empty() {
        builder = builder.with_service_name(name.to_owned());
    }
    builder.build()
}

/// The caller's trace as `TRACEPARENT` and `TRACESTATE` in the environment give it, the usual way to hand one to a
/// program; else an empty context.
pub(crate) fn from_environment() -> Context {
    struct Environment;
    impl opentelemetry::propagation::Extractor for Environment {
        fn get(&self, key: &str) -> Option<&str> {
            // The trait lends text, so the two variables are read once and kept.
            static READ: std::sync::OnceLock<[Option<String>; 2]> = std::sync::OnceLock::new();
            let read =
                READ.get_or_init(|| ["TRACEPARENT", "TRACESTATE"].map(|name| std::env::var(name).ok()));
            match key {
                "traceparent" => read[0].as_deref(),
                "tracestate" => read[1].as_deref(),
                _ => None,
            }
        }

        fn keys(&self) -> Vec<&str> {
            vec!["traceparent", "tracestate"]
        }
    }
    global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &Environment)
    })
}
