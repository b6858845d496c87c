//! The HTTP endpoints of a process: health, metrics, and what else it offers to its operators.
//!
//! They run on a thread and a runtime of their own, so that they answer when the rest of the process is busy or stuck.
//! Nothing here calls anybody: every answer is what the process knows already, unless it has a [`Source`] that finds out
//! when it is asked.

mod level;
mod listener;
mod options;
mod pages;
mod probe;
#[cfg(test)]
mod tests;

pub use level::log_level;
pub use options::HttpOptions;
pub use pages::{About, Endpoints, Refreshed, Source};
pub use probe::{Probe, ProbeError, change_log_level, current_log_level, probe};

use std::net::{SocketAddr, TcpListener};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::metrics::{Metrics, UPKEEP_INTERVAL};
use listener::{BoundedListener, Peer};

/// The endpoints of this process; they answer until the value goes.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    _stop: DropGuard,
}

/// Why the endpoints cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {listen} for health and metrics; set http.listen to a free address such as 127.0.0.1:0, \
         or to `off` to do without"
    )]
    Bind {
        /// The address as set.
        listen: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The thread cannot be started.
    #[error("cannot start the thread of the HTTP endpoints; check the limits of memory and processes")]
    Thread(#[source] std::io::Error),
}

impl HttpServer {
    /// Binds `options.listen` and begins to answer; `None` when it is off.
    ///
    /// # Errors
    /// [`HttpError`] when the address cannot be bound or the system gives no thread.
    pub fn start(options: &HttpOptions, endpoints: Endpoints) -> Result<Option<Self>, HttpError> {
        let listen = options.listen.trim();
        if options.is_off() {
            return Ok(None);
        }
        let bound = |source| HttpError::Bind { listen: listen.to_owned(), source };
        let socket = TcpListener::bind(listen).map_err(bound)?;
        socket.set_nonblocking(true).map_err(bound)?;
        let address = socket.local_addr().map_err(bound)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(HttpError::Thread)?;
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        std::thread::Builder::new()
            .name("keel-http".to_owned())
            .spawn(move || runtime.block_on(serve(socket, endpoints, stopped)))
            .map_err(HttpError::Thread)?;
        tracing::info!(%address, "http endpoints listening");
        Ok(Some(Self { address, _stop: stop.drop_guard() }))
    }

    /// The address that was bound, with the real port when the setting says 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn serve(socket: TcpListener, endpoints: Endpoints, stopped: impl Future<Output = ()>) {
    let listener = match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => BoundedListener::new(listener),
        Err(error) => {
            tracing::error!(%error, "the http endpoints cannot be served: the socket was refused");
            return;
        }
    };
    let metrics = endpoints.metrics.clone();
    let pages = pages::router(endpoints).into_make_service_with_connect_info::<Peer>();
    tokio::select! {
        served = axum::serve(listener, pages).into_future() => {
            if let Err(error) = served {
                tracing::error!(%error, "the http endpoints ended");
            }
        }
        () = upkeep(metrics) => {}
        () = stopped => {}
    }
}

/// Never ends.
async fn upkeep(metrics: Option<Metrics>) {
    let Some(metrics) = metrics else { return std::future::pending().await };
    let mut turn = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        turn.tick().await;
        metrics.upkeep();
    }
}
