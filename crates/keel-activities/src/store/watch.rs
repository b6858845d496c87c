//! Every transaction seen from outside: how long it took, and where in a trace it stands.

use std::time::Instant;

use keel_types::names::metric;
use tokio::time::error::Elapsed;
use tracing::Instrument;
use tracing::field::Empty;

use super::engine::OpError;

/// Runs `work` within a span and counts its time. Neither holds a statement or a value.
pub(super) async fn watched<T>(
    system: &'static str,
    operation: &'static str,
    work: impl Future<Output = Result<Result<T, OpError>, Elapsed>> + Send,
) -> Result<Result<T, OpError>, Elapsed> {
    let span = tracing::debug_span!(
        "store",
        otel.name = operation,
        otel.kind = "client",
        db.system.name = system,
        db.operation.name = operation,
        "error.type" = Empty,
        otel.status_code = Empty,
    );
    let start = Instant::now();
    let result = work.instrument(span.clone()).await;
    metrics::histogram!(metric::STORE_SECONDS, "operation" => operation).record(start.elapsed());
    let failure = match &result {
        // A refusal is an answer.
        Ok(Ok(_) | Err(OpError::Refused(_))) => None,
        Ok(Err(OpError::Database(_))) => Some("database"),
        Ok(Err(OpError::Damaged(_))) => Some("damaged"),
        Err(_) => Some("timeout"),
    };
    if let Some(failure) = failure {
        span.record("error.type", failure).record("otel.status_code", "ERROR");
    }
    result
}
