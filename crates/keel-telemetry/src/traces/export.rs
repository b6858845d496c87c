//! Sending spans so that nobody ever waits for it: a thread of its own, a bound on each sending, and one warning.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_otlp::{ExporterBuildError, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// A collector that stays away is mentioned once in this time.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// The OTLP exporter on a runtime of its own, so that neither a busy worker nor a silent collector holds up the other.
#[derive(Debug)]
pub(super) struct Exporter {
    otlp: Arc<tokio::sync::RwLock<opentelemetry_otlp::SpanExporter>>,
    runtime: Handle,
    timeout: Duration,
    pub(super) tally: Arc<Tally>,
    _runtime_end: DropGuard,
}

/// What became of the spans.
#[derive(Debug, Default)]
pub(super) struct Tally {
    sent: AtomicU64,
    lost: AtomicU64,
    /// When a failure was last mentioned; `None` while all is well.
    mentioned: Mutex<Option<Instant>>,
}

impl Exporter {
    pub(super) fn new(endpoint: &str, timeout: Duration) -> Result<Self, BuildError> {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(BuildError::Thread)?;
        let handle = runtime.handle().clone();
        let otlp = {
            // The connection belongs to the runtime it is made in. It is opened with the first sending.
            let _inside = handle.enter();
            opentelemetry_otlp::SpanExporter::builder()
                .with_tonic()
                .with_endpoint(endpoint)
                .with_timeout(timeout)
                .build()
                .map_err(BuildError::Otlp)?
        };
        let end = CancellationToken::new();
        let ended = end.clone();
        std::thread::Builder::new()
            .name("keel-traces".to_owned())
            .spawn(move || runtime.block_on(ended.cancelled()))
            .map_err(BuildError::Thread)?;
        Ok(Self {
            otlp: Arc::new(tokio::sync::RwLock::new(otlp)),
            runtime: handle,
            timeout,
            tally: Arc::default(),
            _runtime_end: end.drop_guard(),
        })
    }
}

/// Why traces cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The system gives no thread.
    #[error("no thread for sending traces")]
    Thread(#[source] std::io::Error),
    /// The exporter refuses its settings.
    #[error(
        "traces cannot be sent with these settings; check traces.endpoint and the OTEL_EXPORTER_OTLP_* variables"
    )]
    Otlp(#[source] ExporterBuildError),
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let (otlp, timeout) = (Arc::clone(&self.otlp), self.timeout);
        // The bound holds for everything, the connecting included, which the exporter's own does not.
        let sending = async move { tokio::time::timeout(timeout, otlp.read().await.export(batch)).await };
        let sent = match self.runtime.spawn(sending).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(OTelSdkError::Timeout(timeout)),
            Err(error) => Err(OTelSdkError::InternalFailure(error.to_string())),
        };
        self.tally.count(count, &sent);
        sent
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.blocking_write().set_resource(resource);
    }
}

impl Tally {
    fn count(&self, spans: u64, result: &OTelSdkResult) {
        let mut mentioned = self.mentioned.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(()) => {
                self.sent.fetch_add(spans, Ordering::Relaxed);
                if mentioned.take().is_some() {
                    tracing::info!(lost = self.lost(), "traces are sent again");
                }
            }
            Err(error) => {
                let lost = self.lost.fetch_add(spans, Ordering::Relaxed) + spans;
                if mentioned.is_none_or(|last| last.elapsed() >= WARN_EVERY) {
                    *mentioned = Some(Instant::now());
                    tracing::warn!(
                        lost,
                        error = %error,
                        "traces cannot be sent and are dropped; the work goes on. Check traces.endpoint and the collector"
                    );
                }
            }
        }
    }

    /// Spans that reached the collector.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Spans that were dropped because a sending failed.
    pub(super) fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
