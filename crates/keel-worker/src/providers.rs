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

#[cfg(test)]
mod tests {
    use keel_telemetry::Health;

    use super::Providers;
    use crate::WorkerSettings;

    #[test]
    fn both_circuits_show_in_the_report_of_health() {
        let health = Health::new();
        Providers::new(&WorkerSettings::default()).expect("the defaults are right").report_to(&health);
        let report = health.report();
        for provider in ["payments", "courier"] {
            let seen = &report.details["providers"][provider];
            assert_eq!((&seen["circuit"], &seen["asked"]), (&"closed".into(), &0.into()), "{report:?}");
        }
    }
}
