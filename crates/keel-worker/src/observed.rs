//! Who watches a worker.

use keel_telemetry::Health;
use keel_temporal::Instruments;

/// What a worker reports to: its health, and the SDK's series and traces. Nothing by default.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Where the parts of the worker say how they are.
    pub health: Health,
    /// What watches the connections and the SDK.
    pub instruments: Instruments,
}
