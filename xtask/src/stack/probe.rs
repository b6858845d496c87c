//! What the worker's HTTP endpoints say: ready or not, and its metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;

/// An endpoint that takes longer counts as silent.
const LIMIT: Duration = Duration::from_secs(2);

/// Asks one worker's endpoints.
#[derive(Clone, Debug)]
pub struct Probe {
    agent: ureq::Agent,
    base: String,
}

/// The sums of all series of each name at one moment.
#[derive(Debug, Default)]
pub struct Metrics {
    sums: BTreeMap<String, f64>,
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
    pub fn metrics(&self) -> anyhow::Result<Metrics> {
        let url = format!("{}/metrics", self.base);
        let mut answer = self.agent.get(&url).call().with_context(|| format!("GET {url}"))?;
        let text = answer.body_mut().read_to_string().with_context(|| format!("GET {url}"))?;
        Ok(Metrics::parse(&text))
    }
}

impl Metrics {
    fn parse(text: &str) -> Self {
        let mut sums = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            let name = series.split('{').next().unwrap_or(series).trim();
            if let Ok(value) = value.trim().parse::<f64>() {
                *sums.entry(name.to_owned()).or_default() += value;
            }
        }
        Self { sums }
    }

    /// The sum over all series of this name; `None` when there is none.
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.sums.get(name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn the_series_of_a_name_are_summed() {
        let text = "# TYPE a_total counter\na_total{x=\"1\",y=\"a b\"} 2\na_total{x=\"2\"} 3\nb 0.5\n";
        let metrics = Metrics::parse(text);
        assert_eq!(
            (metrics.sum("a_total"), metrics.sum("b"), metrics.sum("c")),
            (Some(5.0), Some(0.5), None)
        );
    }
}
