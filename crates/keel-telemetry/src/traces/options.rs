//! The section `[traces]`, and the standard variables that stand in for what it leaves open.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::target::{Target, check_endpoint};

/// Whether and where traces go.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceOptions {
    /// The collector's OTLP endpoint over gRPC, such as `http://localhost:4317`. Empty, the default: what
    /// `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT` says, else no traces.
    pub endpoint: String,
    /// The share of new traces that is kept, 0 to 1. A caller's decision is followed whatever this says. Default:
    /// what `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say, else all.
    pub sample_ratio: Option<f64>,
    /// The service's name in the traces. Empty, the default: `OTEL_SERVICE_NAME`, else the program's name.
    pub service_name: String,
    /// How often spans are sent, 100 ms to 1 min. A process that is killed loses what ended since. Default 1 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub interval: Duration,
    /// How long one sending may take, up to 1 min; the spans of one that takes longer are dropped. Default 3 s.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub timeout: Duration,
    /// Ended spans kept for the next sending, 512 to 65536; what does not fit is dropped. About 1 KB each. Default
    /// 4096.
    pub queue_size: usize,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            endpoint: String::new(),
            sample_ratio: None,
            service_name: String::new(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(3),
            queue_size: 4096,
        }
    }
}

/// Longest interval and longest sending that make sense.
const MINUTE: Duration = Duration::from_secs(60);
/// Shortest interval that does not cost more than it gives.
const SHORTEST: Duration = Duration::from_millis(100);

impl TraceOptions {
    /// Every mistake in this section.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if let Some(problem) =
            (!self.endpoint.is_empty()).then(|| check_endpoint(&self.endpoint).err()).flatten()
        {
            problems.push(format!("traces.endpoint: {problem}"));
        }
        if let Some(ratio) = self.sample_ratio.filter(|ratio| !(0.0..=1.0).contains(ratio)) {
            problems.push(format!("traces.sample_ratio: {ratio} is not a share; write a number from 0 to 1"));
        }
        if !(SHORTEST..=MINUTE).contains(&self.interval) {
            problems.push(format!("traces.interval: {:?} is not between 100ms and 1m", self.interval));
        }
        if self.timeout.is_zero() || self.timeout > MINUTE {
            problems.push(format!("traces.timeout: {:?} is not above zero and up to 1m", self.timeout));
        }
        if !(512..=65_536).contains(&self.queue_size) {
            problems.push(format!("traces.queue_size: {} is not between 512 and 65536", self.queue_size));
        }
        problems
    }

    /// Where traces go, if anywhere, by this section and the standard variables.
    pub(super) fn target(&self, env: impl Fn(&str) -> Option<String>) -> Result<Option<Target>, String> {
        Target::find(&self.endpoint, env)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::TraceOptions;

    #[test]
    fn the_section_reads_as_documented_and_its_defaults_are_fine() {
        assert_eq!(TraceOptions::default().problems(), Vec::<String>::new());
        let text = r#"{"endpoint": "http://collector:4317", "sample_ratio": 0.25, "interval": "500ms"}"#;
        let options: TraceOptions = serde_json::from_str(text).unwrap();
        assert_eq!((options.sample_ratio, options.interval), (Some(0.25), Duration::from_millis(500)));
        assert_eq!(options.problems(), Vec::<String>::new());
        assert!(serde_json::from_str::<TraceOptions>(r#"{"endpiont": ""}"#).is_err());
    }

    #[test]
    fn every_mistake_is_named() {
        let options = TraceOptions {
            endpoint: "collector:4317".to_owned(),
            sample_ratio: Some(1.5),
            interval: Duration::ZERO,
            timeout: Duration::from_secs(61),
            queue_size: 1,
            ..TraceOptions::default()
        };
        let problems = options.problems();
        let keys: Vec<&str> =
            problems.iter().filter_map(|text| text.split_once(':')).map(|(key, _)| key).collect();
        assert_eq!(
            keys,
            [
                "traces.endpoint",
                "traces.sample_ratio",
                "traces.interval",
                "traces.timeout",
                "traces.queue_size"
            ]
        );
    }
}
