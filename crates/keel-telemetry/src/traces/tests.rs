//! What happens to spans when nobody takes them.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::{Span, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};

use super::{TraceOptions, Traces};

/// Keeps what it is given.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl Kept {
    fn spans(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }
}

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}

/// Nothing in here takes longer, whatever the collector does.
const DEADLINE: Duration = Duration::from_secs(20);

/// Many more spans than wait for sending.
const SPANS: usize = 5_000;

/// Traces to `endpoint`, with short limits.
fn traces(endpoint: &str) -> Traces {
    let options = TraceOptions {
        endpoint: endpoint.to_owned(),
        interval: Duration::from_millis(100),
        timeout: Duration::from_millis(200),
        queue_size: 512,
        ..TraceOptions::default()
    };
    Traces::start(&options, "test", "1").unwrap().expect("an endpoint is set")
}

fn closed_port() -> String {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}

async fn flood(endpoint: &str) {
    let traces = traces(endpoint);
    let (tracer, tally) = (traces.tracer(), traces.tally.clone());
    for _ in 0..SPANS {
        tracer.start("span").end();
    }
    tokio::time::timeout(DEADLINE, traces.shutdown(Duration::from_secs(2)))
        .await
        .expect("the end is bounded");
    assert_eq!(tally.sent(), 0);
    assert!(tally.lost() > 0 && tally.lost() <= SPANS as u64, "{tally:?}");
}

#[tokio::test]
async fn spans_for_nobody_are_dropped_and_the_end_is_bounded() {
    flood(&closed_port()).await;
}

#[tokio::test]
async fn spans_for_a_silent_listener_are_dropped_and_the_end_is_bounded() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    flood(&format!("http://{}", silent.local_addr().unwrap())).await;
}

#[test]
fn without_an_endpoint_there_are_no_traces() {
    let off = TraceOptions { endpoint: String::new(), ..TraceOptions::default() };
    assert_eq!(off.target(|_| None), Ok(None));
}

/// The names of the spans that `body` makes beneath a parent that is sampled, or not.
fn beneath(sampled: Option<bool>, body: impl FnOnce()) -> Vec<String> {
    use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TracerProvider};
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let subscriber = Registry::default().with(super::layer(provider.tracer("test")));
    tracing::subscriber::with_default(subscriber, || {
        let parent = sampled.map(|sampled| {
            let flags = TraceFlags::default().with_sampled(sampled);
            SpanContext::new(TraceId::from(1), SpanId::from(2), flags, true, Default::default())
        });
        let context =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let _current = context.attach();
        body();
    });
    kept.spans().into_iter().map(|span| span.name.into_owned()).collect()
}

#[test]
fn our_spans_join_a_trace_that_is_kept_and_start_none() {
    let body = || {
        tracing::debug_span!("ours").in_scope(|| tracing::info!("an event"));
        tracing::error_span!(target: crate::logs::CONTEXT_TARGET, "fields only").in_scope(|| ());
        tracing::error_span!(target: "hyper::proto", "theirs").in_scope(|| ());
        tracing::error_span!(target: "temporalio_sdk_core::worker", "the SDK's").in_scope(|| ());
        tracing::trace_span!("too fine").in_scope(|| ());
    };
    assert_eq!(beneath(Some(true), body), ["ours"]);
    assert_eq!(beneath(Some(false), body), Vec::<String>::new());
    assert_eq!(beneath(None, body), Vec::<String>::new());
}

#[test]
fn what_the_plugin_says_of_errors_is_left_out_and_lasting_spans_are_sent_at_once() {
    use opentelemetry::trace::{Status, TracerProvider};
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(kept.clone()).build();
    let tracer = super::workflow::PluginTracer(provider.tracer("test"));
    let lasting = tracer.start("RunWorkflow:order");
    assert_eq!(kept.spans().len(), 1);
    assert!(lasting.span_context().is_valid());
    let mut attempt = tracer.start("RunActivity:charge");
    attempt.add_event("exception", vec![KeyValue::new("exception.message", "CUST-1")]);
    attempt.set_status(Status::error("CUST-1"));
    attempt.end();
    let spans = kept.spans();
    assert_eq!(spans[1].status, Status::error(""));
    assert!(spans[1].events.is_empty(), "{spans:?}");
}
