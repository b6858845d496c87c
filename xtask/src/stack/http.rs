//! Bounded requests to the processes of a stack.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use serde::Deserialize;

/// Longest wait for an answer.
const LIMIT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const MAX_BYTES: u64 = 512 << 20;

/// The body of a successful answer.
///
/// # Errors
/// When there is none in ten seconds.
pub fn get(url: &str) -> anyhow::Result<String> {
    let mut answer = agent().get(url).call().with_context(|| format!("GET {url}"))?;
    answer.body_mut().with_config().limit(MAX_BYTES).read_to_string().with_context(|| format!("GET {url}"))
}

/// The body of an answer, whatever its status.
///
/// # Errors
/// When there is none in ten seconds.
pub fn get_whatever_status(url: &str) -> anyhow::Result<String> {
    let config =
        ureq::Agent::config_builder().timeout_global(Some(LIMIT)).http_status_as_error(false).build();
    let asked = ureq::Agent::new_with_config(config).get(url).call();
    let mut answer = asked.with_context(|| format!("GET {url}"))?;
    answer.body_mut().with_config().limit(MAX_BYTES).read_to_string().with_context(|| format!("GET {url}"))
}

/// What a query of Prometheus at `url` finds at this moment: labels and figures.
///
/// # Errors
/// When it does not answer, or does not understand the query.
pub fn query(url: &str, query: &str) -> anyhow::Result<Vec<(BTreeMap<String, String>, f64)>> {
    #[derive(Deserialize)]
    struct Answer {
        data: Data,
    }
    #[derive(Deserialize)]
    struct Data {
        result: Vec<Sample>,
    }
    #[derive(Deserialize)]
    struct Sample {
        metric: BTreeMap<String, String>,
        value: (f64, String),
    }
    let url = format!("{url}/api/v1/query");
    let mut answer =
        agent().get(&url).query("query", query).call().with_context(|| format!("{url}: {query}"))?;
    let answer: Answer = answer.body_mut().read_json().with_context(|| format!("{url}: {query}"))?;
    let samples = answer.data.result.into_iter();
    samples
        .map(|sample| Ok((sample.metric, sample.value.1.parse().context("a sample of Prometheus")?)))
        .collect()
}

/// Puts a JSON document.
///
/// # Errors
/// When it is not taken in ten seconds.
pub fn put(url: &str, document: &serde_json::Value) -> anyhow::Result<()> {
    agent().put(url).send_json(document).map(drop).with_context(|| format!("PUT {url}"))
}

fn agent() -> ureq::Agent {
    ureq::Agent::new_with_config(ureq::Agent::config_builder().timeout_global(Some(LIMIT)).build())
}
