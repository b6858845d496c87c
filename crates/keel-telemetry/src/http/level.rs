//! `/log/level`: reading and changing the level of the logs while the process runs.

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::listener::Peer;
use crate::logs::{LevelError, LogLevel};

/// Where the level is.
pub(super) const PATH: &str = "/log/level";

/// `GET /log/level` shows the level to whoever asks; `PUT` with the text of `log.level` changes it until the process ends. The
/// endpoints know nobody's name, so that only this machine, or container, may change anything.
pub fn log_level(level: LogLevel) -> Router {
    Router::new().route(PATH, get(show).put(change)).with_state(level)
}

async fn show(State(level): State<LogLevel>) -> String {
    level.current() + "\n"
}

async fn change(
    State(level): State<LogLevel>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    wanted: String,
) -> Response {
    if !peer.is_local {
        let why = "the log level is changed from inside only: run `keel-worker log-level LEVEL` where the worker runs\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_this_machine_changes_the_level() {
        let (_filter, level) = LogLevel::new("info").unwrap();
        let put = async |is_local| {
            change(State(level.clone()), ConnectInfo(Peer { is_local }), "debug".to_owned()).await.status()
        };
        assert_eq!(put(false).await, StatusCode::FORBIDDEN);
        assert_eq!(level.current(), "info");
        assert_eq!(put(true).await, StatusCode::OK);
        assert_eq!(level.current(), "debug");
    }
}
