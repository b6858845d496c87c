//! Bounded requests to the processes of a stack.

use std::time::Duration;

use anyhow::Context;

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

/// As [`get`], with what stands behind the question mark.
///
/// # Errors
/// When there is none in ten seconds.
pub fn get_with(url: &str, query: &[(&str, &str)]) -> anyhow::Result<String> {
    let request = agent().get(url).query_pairs(query.iter().copied());
    let mut answer = request.call().with_context(|| format!("GET {url}"))?;
    answer.body_mut().with_config().limit(MAX_BYTES).read_to_string().with_context(|| format!("GET {url}"))
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
