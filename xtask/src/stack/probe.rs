//! What the worker's HTTP endpoints say: ready or not, and its metrics.

use std::time::Duration;

use super::{Page, http};

/// An endpoint that takes longer counts as silent.
const LIMIT: Duration = Duration::from_secs(2);

/// Asks one worker's endpoints.
#[derive(Clone, Debug)]
pub struct Probe {
    agent: ureq::Agent,
    base: String,
}

impl Probe {
    /// For the worker that listens on `host:port`.
    pub fn new(listen: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(LIMIT))
            .http_status_as_error(false)
            .max_idle_connections(0)
            .build();
        Self { agent: ureq::Agent::new_with_config(config), base: format!("http://{listen}") }
    }

    /// Whether `/readyz` says yes. A worker that does not answer is not ready.
    pub fn is_ready(&self) -> bool {
        self.agent
            .get(format!("{}/readyz", self.base))
            .call()
            .is_ok_and(|answer| answer.status().as_u16() == 200)
    }

    /// The metrics of this moment.
    ///
    /// # Errors
    /// When the worker does not answer.
    pub fn metrics(&self) -> anyhow::Result<Page> {
        http::get(&format!("{}/metrics", self.base)).map(Page)
    }
}
