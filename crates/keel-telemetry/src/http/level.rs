//! `/log/level`: reading and changing the level of the logs while the process runs.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::logs::{LevelError, LogLevel};

/// `GET /log/level` shows the level, `PUT` with the text of `log.level` changes it until the process ends.
pub fn log_level(level: LogLevel) -> Router {
    Router::new().route("/log/level", get(show).put(change)).with_state(level)
}

async fn show(State(level): State<LogLevel>) -> String {
    level.current() + "\n"
}

async fn change(State(level): State<LogLevel>, wanted: String) -> Response {
    let before = level.current();
    match level.set(&wanted) {
        Ok(()) => {
            let now = level.current();
            // A warning, so that it stands in the log at nearly any level.
            tracing::warn!(before, now, "log level changed");
            (StatusCode::OK, now + "\n").into_response()
        }
        Err(error @ LevelError::Unknown { .. }) => {
            (StatusCode::BAD_REQUEST, format!("{error}\n")).into_response()
        }
        Err(error @ LevelError::Gone(_)) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response()
        }
    }
}
