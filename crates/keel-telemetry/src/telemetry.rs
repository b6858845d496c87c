//! Setting a process's telemetry up once, and ending it in time.

use std::time::Duration;

use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt, Tracer};
use temporalio_client::ErasedClientPlugin;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::logs::{self, LevelError, LogLevel, LogOptions};
use crate::traces::{self, TraceError, TraceOptions, Traces};

/// What a process says about itself.
#[derive(Clone, Copy, Debug)]
pub struct TelemetryOptions<'a> {
    /// The program, such as `keel-worker`: the default service name of its traces.
    pub program: &'a str,
    /// What the program is here for, such as `worker`; on each log line.
    pub role: &'static str,
    /// Which build it is; on each log line and in each trace.
    pub build_id: &'a str,
    /// The section `[log]`.
    pub log: &'a LogOptions,
    /// The section `[traces]`.
    pub traces: &'a TraceOptions,
}

/// Why telemetry could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// `log.level` cannot be understood.
    #[error("log.level is wrong")]
    Level(#[source] LevelError),
    /// Traces cannot be sent.
    #[error("traces are not possible")]
    Traces(#[source] TraceError),
    /// The process already has a subscriber.
    #[error("telemetry was set up twice in one process; call `keel_telemetry::init` once, in main")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// The telemetry of this process. End it with [`Telemetry::shutdown`], or the last traces are lost.
#[derive(Clone, Debug)]
pub struct Telemetry {
    level: LogLevel,
    traces: Option<Traces>,
}

/// Sets up telemetry for this process. Call it once, in main, before anything logs; it needs no runtime.
///
/// # Errors
/// [`Error`]: a level or endpoint that cannot be used, or a second call.
pub fn init(options: &TelemetryOptions<'_>) -> Result<Telemetry, Error> {
    let (log, level) = logs::layer(options.log, options.role, options.build_id).map_err(Error::Level)?;
    let traces = Traces::start(options.traces, options.program, options.build_id).map_err(Error::Traces)?;
    let spans = traces.as_ref().map(|traces| traces::layer(traces.tracer()));
    Registry::default().with(log).with(spans).try_init().map_err(Error::Twice)?;
    if let Some(traces) = &traces {
        tracing::debug!(endpoint = traces.endpoint(), "traces are sent");
    }
    Ok(Telemetry { level, traces })
}

impl Telemetry {
    /// The level of the logs, to read and change.
    #[must_use]
    pub fn log_level(&self) -> LogLevel {
        self.level.clone()
    }

    /// The SDK's plugins for every client; workers on the client get them too. They carry traces, when these are on,
    /// and put an activity's ids on its log lines.
    #[must_use]
    pub fn plugins(&self) -> Vec<ErasedClientPlugin> {
        let traces = self.traces.iter().flat_map(Traces::plugins);
        traces.chain([crate::activity::plugin().into()]).collect()
    }

    /// Runs `work`, all that one call of a program does, as one span within the trace that `TRACEPARENT` names, else
    /// as a trace of its own.
    pub async fn trace<T>(&self, name: &'static str, work: impl Future<Output = T>) -> T {
        let Some(traces) = &self.traces else { return work.await };
        let parent = traces::from_environment();
        let tracer = traces.tracer();
        let span =
            tracer.span_builder(name).with_kind(SpanKind::Internal).start_with_context(&tracer, &parent);
        work.with_context(parent.with_span(span)).await
    }

    /// Sends the traces that are left, for at most `within`. Call it last, when everything that makes spans is done.
    pub async fn shutdown(self, within: Duration) {
        if let Some(traces) = self.traces {
            traces.shutdown(within).await;
        }
    }
}
