//! Connections that are bounded in number and in time, so that no client can take the endpoints from the others.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard, WaitForCancellationFutureOwned};

/// Probes and scrapers need a handful; with more, the oldest gives way, so that a new probe is always heard.
pub(super) const MAX_CONNECTIONS: usize = 32;

/// From the connection, or the last byte of an answer, to the last byte of the next request; and for each piece of an
/// answer to be taken.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

/// No connection lasts longer, however slowly it trickles.
const MAX_LIFE: Duration = Duration::from_secs(300);

pub(super) struct BoundedListener {
    listener: TcpListener,
    open: VecDeque<CancellationToken>,
}

impl BoundedListener {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self { listener, open: VecDeque::with_capacity(MAX_CONNECTIONS) }
    }
}

impl Listener for BoundedListener {
    type Io = BoundedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Small answers must not wait for more data; without it they only come later.
        let _ = stream.set_nodelay(true);
        self.open.retain(|connection| !connection.is_cancelled());
        if self.open.len() >= MAX_CONNECTIONS
            && let Some(oldest) = self.open.pop_front()
        {
            oldest.cancel();
        }
        let token = CancellationToken::new();
        self.open.push_back(token.clone());
        (BoundedStream::new(stream, token), address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

/// A connection that ends when it is silent or alive for too long, or has to give way.
pub(super) struct BoundedStream {
    stream: TcpStream,
    end: Instant,
    silence: Pin<Box<Sleep>>,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    _open: DropGuard,
}

impl BoundedStream {
    fn new(stream: TcpStream, token: CancellationToken) -> Self {
        let now = Instant::now();
        Self {
            stream,
            end: now + MAX_LIFE,
            silence: Box::pin(sleep_until(now + MAX_SILENCE)),
            closed: Box::pin(token.clone().cancelled_owned()),
            _open: token.drop_guard(),
        }
    }

    fn progress(&mut self) {
        self.silence.as_mut().reset((Instant::now() + MAX_SILENCE).min(self.end));
    }

    /// The outcome of an operation, or the end of the connection if that is due.
    fn bounded<T>(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if outcome.is_pending() {
            if self.closed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            ready!(self.silence.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        outcome
    }
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer {
    /// Whether it is a process of this machine or container, as far as addresses tell: asked from the address that is asked.
    pub(super) is_local: bool,
}

impl Connected<IncomingStream<'_, BoundedListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, BoundedListener>) -> Self {
        let own = stream.io().stream.local_addr();
        Self { is_local: own.is_ok_and(|own| is_local(stream.remote_addr().ip(), own.ip())) }
    }
}

/// Not every loopback address is: a proxy in the same pod may pass on others' requests from one of its own.
pub(super) fn is_local(peer: IpAddr, own: IpAddr) -> bool {
    peer.to_canonical() == own.to_canonical()
}

impl AsyncRead for BoundedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Bytes that trickle in do not count as progress: a request has to be whole in time.
        if self.silence.is_elapsed() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        self.bounded(cx, read)
    }
}

impl AsyncWrite for BoundedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        if written.is_ready() {
            self.progress();
        }
        self.bounded(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
