//! The protocol over HTTP: routes, idempotency header, faults, journal.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Extension, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use serde::Deserialize;
use serde_json::json;

use crate::fault::{DEFAULT_DELAY_MS, DEFAULT_STATUS, Fault, Mode};
use crate::ledger::Decision;
use crate::protocol::{Operation, Provider, Request};
use crate::serve::Line;
use crate::state::{Caller, Sandbox};

/// Journal entries per chunk of an answer, so that a long journal is never copied whole.
const PAGE: usize = 1_000;
/// Longest idempotency key accepted, in bytes.
const MAX_KEY_BYTES: usize = 512;

/// The line the request came over, where the server can cut it.
type Wire = Option<Extension<ConnectInfo<Line>>>;

/// The routes of the sandbox. A `hangup` fault needs [`crate::serve()`]; elsewhere it breaks off the answer's
/// body.
pub fn app(sandbox: Sandbox) -> Router {
    let operation = |operation: Operation| {
        post(move |State(sandbox): State<Sandbox>, wire: Wire, headers: HeaderMap, body: Bytes| async move {
            operate(&sandbox, operation, wire, &headers, &body).await
        })
    };
    Router::new()
        .route("/payments/charges", operation(Operation::Charges))
        .route("/payments/refunds", operation(Operation::Refunds))
        .route("/courier/shipments", operation(Operation::Shipments))
        .route("/courier/cancellations", operation(Operation::Cancellations))
        .route("/journal", get(journal))
        .route("/journal/summary", get(summary))
        .route("/faults", get(show_faults))
        .route("/faults/{provider}", put(set_fault))
        .route("/healthz", get(|| async { "ok\n" }))
        .with_state(sandbox)
}

async fn operate(
    sandbox: &Sandbox,
    operation: Operation,
    wire: Wire,
    headers: &HeaderMap,
    body: &[u8],
) -> Response {
    let fault = sandbox.faults().draw(operation.provider());
    let traceparent = headers.get("traceparent").and_then(|value| value.to_str().ok());
    let (caller, request) = match understand(operation, headers, body) {
        Ok((key, request)) => (Caller { key, traceparent }, request),
        Err(message) => {
            let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok()).unwrap_or_default();
            let key = key.get(..MAX_KEY_BYTES).unwrap_or(key);
            sandbox.record_unanswered(operation, Caller { key, traceparent }, body, 400);
            return json_answer(400, &json!({"error": "bad_request", "message": message}).to_string());
        }
    };
    let Some(fault) = fault else {
        return give(sandbox.answer(operation, caller, &request, None));
    };
    let seen = seen_status(&fault);
    let applied = fault.after.then(|| sandbox.answer(operation, caller, &request, seen));
    let default_delay = if fault.mode == Mode::Slow { DEFAULT_DELAY_MS } else { 0 };
    tokio::time::sleep(Duration::from_millis(fault.delay_ms.unwrap_or(default_delay))).await;
    let Some(status) = seen else {
        return give(applied.unwrap_or_else(|| sandbox.answer(operation, caller, &request, None)));
    };
    if !fault.after {
        sandbox.record_unanswered(operation, caller, body, status);
    }
    match fault.mode {
        Mode::Hangup => hang_up(wire),
        Mode::Rubbish => html("<html><body>It works!</body></html>"),
        Mode::Fail | Mode::Slow | Mode::None => {
            json_answer(status, r#"{"error":"fault","message":"the sandbox was told to fail"}"#)
        }
    }
}

fn understand<'h>(
    operation: Operation,
    headers: &'h HeaderMap,
    body: &[u8],
) -> Result<(&'h str, Request), String> {
    let key = headers.get("idempotency-key").ok_or("the header Idempotency-Key is missing")?;
    let key = key.to_str().map_err(|_| "the header Idempotency-Key is not plain text")?;
    if key.is_empty() || key.len() > MAX_KEY_BYTES {
        return Err(format!("the header Idempotency-Key must have 1 to {MAX_KEY_BYTES} bytes"));
    }
    let request = Request::parse(operation, body).map_err(|error| format!("the body is wrong: {error}"))?;
    Ok((key, request))
}

/// The status the caller sees because of the fault; none if the fault only delays.
fn seen_status(fault: &Fault) -> Option<u16> {
    match fault.mode {
        Mode::None | Mode::Slow => None,
        Mode::Fail => Some(fault.status.unwrap_or(DEFAULT_STATUS)),
        Mode::Rubbish => Some(200),
        Mode::Hangup => Some(0),
    }
}

fn give(answer: std::io::Result<Decision>) -> Response {
    match answer {
        Ok(decision) => {
            let mut response = json_answer(decision.status, decision.answer.get());
            if decision.replay {
                response.headers_mut().insert("idempotent-replay", HeaderValue::from_static("true"));
            }
            response
        }
        Err(error) => {
            tracing::error!(%error, "cannot write the state file; the request had no effect");
            json_answer(
                500,
                r#"{"error":"state","message":"the state file cannot be written: check the disk"}"#,
            )
        }
    }
}

fn hang_up(wire: Wire) -> Response {
    if let Some(Extension(ConnectInfo(line))) = wire {
        line.cut();
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let broken = futures::stream::once(async { Err::<Bytes, _>(std::io::Error::other("hangup")) });
    Response::new(Body::from_stream(broken))
}

fn html(page: &'static str) -> Response {
    axum::response::Html(page).into_response()
}

fn json_answer(status: u16, body: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_owned()).into_response()
}

#[derive(Deserialize)]
struct JournalQuery {
    order: Option<String>,
}

async fn journal(State(sandbox): State<Sandbox>, Query(query): Query<JournalQuery>) -> Response {
    let dropped = sandbox.journal_dropped();
    let pages = futures::stream::unfold((sandbox, 0, query.order), |(sandbox, seq, order)| async move {
        // An empty page only means that no entry in it was of this order: go on until the end of the journal.
        let mut from = seq;
        loop {
            let (text, next) = sandbox.journal_page(from, PAGE, order.as_deref());
            let at_end = sandbox.journal_page(next, 1, None).1 == next;
            if !text.is_empty() {
                return Some((Ok::<_, std::convert::Infallible>(text), (sandbox, next, order)));
            }
            if at_end {
                return None;
            }
            from = next;
        }
    });
    let headers =
        [(header::CONTENT_TYPE.as_str(), "application/x-ndjson"), ("dropped", &dropped.to_string())];
    (headers, Body::from_stream(pages)).into_response()
}

async fn summary(State(sandbox): State<Sandbox>) -> Response {
    json_answer(200, &sandbox.summary())
}

async fn show_faults(State(sandbox): State<Sandbox>) -> Response {
    let faults = sandbox.faults();
    let all = json!({"payments": faults.get(Provider::Payments), "courier": faults.get(Provider::Courier)});
    json_answer(200, &all.to_string())
}

async fn set_fault(State(sandbox): State<Sandbox>, Path(provider): Path<String>, body: Bytes) -> Response {
    let refuse = |status, message: String| {
        json_answer(status, &json!({"error": "bad_fault", "message": message}).to_string())
    };
    let provider = match provider.as_str() {
        "payments" => Provider::Payments,
        "courier" => Provider::Courier,
        _ => return refuse(404, "there are only the providers payments and courier".to_owned()),
    };
    let fault: Fault = match serde_json::from_slice(&body) {
        Ok(fault) => fault,
        Err(error) => return refuse(400, format!("the fault is wrong: {error}")),
    };
    if let Some(problem) = fault.problem() {
        return refuse(400, problem);
    }
    let answer = json!(fault).to_string();
    sandbox.faults().set(provider, fault);
    json_answer(200, &answer)
}
