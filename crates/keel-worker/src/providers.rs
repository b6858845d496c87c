//! The providers' clients.

use keel_activities::provider::{CourierClient, PaymentClient};
use keel_telemetry::Health;
use serde_json::json;

use crate::{WorkerError, WorkerSettings};

/// The clients, made once per process: what their circuit breakers have learnt outlives every worker that is rebuilt
/// inside it.
#[derive(Clone, Debug)]
pub(crate) struct Providers {
    pub(crate) payments: PaymentClient,
    pub(crate) courier: CourierClient,
}

impl Providers {
    pub(crate) fn new(settings: &WorkerSettings) -> Result<Self, WorkerError> {
        let payments = PaymentClient::new(&settings.payments).map_err(WorkerError::Provider)?;
        let courier = CourierClient::new(&settings.courier).map_err(WorkerError::Provider)?;
        Ok(Self { payments, courier })
    }

    /// Shows the state of both circuit breakers in `/health`. It is no condition of readiness: a worker whose provider is
    /// away still serves everything else.
    pub(crate) fn report_to(&self, health: &Health) {
        let (payments, courier) = (self.payments.health(), self.courier.health());
        health.detail(
            "providers",
            move || json!({ payments.name(): payments.snapshot(), courier.name(): courier.snapshot() }),
        );
    }
}
