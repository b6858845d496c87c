//! A provider's call as part of the trace: a span here, and the trace's name in the request for the other side.

use opentelemetry::global;
use opentelemetry::propagation::Injector;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{RequestBuilder, Response};
use tracing::Instrument;
use tracing::field::Empty;

/// Sends `request` within a span of its own, with the W3C headers of the trace it belongs to. Without a trace it only
/// sends. The span holds the names of provider, operation and path, and the status: nothing of what was said.
pub(super) async fn send(
    request: RequestBuilder,
    provider: &'static str,
    path: &'static str,
    operation: &'static str,
) -> Result<Response, reqwest::Error> {
    let span = tracing::debug_span!(
        "provider",
        otel.name = %format_args!("POST {path}"),
        otel.kind = "client",
        http.request.method = "POST",
        url.path = path,
        provider,
        operation,
        http.response.status_code = Empty,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    let headers = span.in_scope(current_trace);
    let result = request.headers(headers).send().instrument(span.clone()).await;
    match &result {
        Ok(response) => {
            let status = response.status();
            span.record("http.response.status_code", status.as_u16());
            if status.is_client_error() || status.is_server_error() {
                span.record("error.type", status.as_str()).record("otel.status_code", "ERROR");
            }
        }
        Err(error) => {
            let kind = if error.is_timeout() { "timeout" } else { "connection" };
            span.record("error.type", kind).record("otel.status_code", "ERROR");
        }
    }
    result
}

/// `traceparent` and `tracestate` of the code that calls; none outside a trace.
fn current_trace() -> HeaderMap {
    struct Headers(HeaderMap);
    impl Injector for Headers {
        fn set(&mut self, key: &str, value: String) {
            if let (Ok(name), Ok(value)) = (key.parse::<HeaderName>(), HeaderValue::try_from(value)) {
                self.0.insert(name, value);
            }
        }
    }
    let mut headers = Headers(HeaderMap::new());
    global::get_text_map_propagator(|propagator| propagator.inject(&mut headers));
    headers.0
}
