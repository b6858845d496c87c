//! How a connection, and the workers on it, are observed.

use std::sync::Arc;

use temporalio_client::ErasedClientPlugin;
use temporalio_common::telemetry::metrics::{CoreMeter, TemporalMeter};
use temporalio_common::telemetry::{TelemetryOptions, telemetry_init};

/// What watches a connection; nothing by default.
#[derive(Clone, Default)]
pub struct Instruments {
    /// Where the SDK's own series go.
    pub meter: Option<Arc<dyn CoreMeter>>,
    /// Plugins of the SDK, such as tracing. Workers on the connection get them too.
    pub plugins: Vec<ErasedClientPlugin>,
}

impl std::fmt::Debug for Instruments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Instruments")
            .field("meter", &self.meter)
            .field("plugins", &self.plugins.len())
            .finish()
    }
}

impl Instruments {
    /// How the SDK's runtime reports: its series to our meter, its logs to the process's own subscriber.
    #[must_use]
    pub fn telemetry(&self) -> TelemetryOptions {
        TelemetryOptions::builder().maybe_metrics(self.meter.clone()).attach_service_name(false).build()
    }

    /// The meter for calls on the connection, with the SDK's prefix.
    pub(crate) fn connection_meter(&self) -> Option<TemporalMeter> {
        // Without a logger in the options nothing in here can fail.
        telemetry_init(self.telemetry()).ok().and_then(|telemetry| telemetry.get_temporal_metric_meter())
    }
}
