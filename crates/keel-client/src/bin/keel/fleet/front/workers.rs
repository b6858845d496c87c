//! What each worker says of itself, asked at every address of one name.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use futures::{StreamExt, stream};
use serde::Serialize;
use serde_json::Value;
use url::Url;

/// Longest wait for the name, and for one worker.
const NAME: Duration = Duration::from_secs(1);
const WORKER: Duration = Duration::from_secs(1);
/// Workers asked at once, and at all: more than that show as pollers only.
const AT_ONCE: usize = 16;
const MOST: usize = 64;

/// The health of one worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Answer {
    /// Where it was asked.
    pub(super) instance: String,
    pub(super) ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) build_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uptime_seconds: Option<u64>,
    /// Why it is not ready, or did not answer.
    pub(super) problems: Vec<String>,
}

/// Asks every worker.
///
/// # Errors
/// In words for people, when the name has no address.
pub(super) async fn ask(url: &Url) -> Result<Vec<Answer>, String> {
    let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let host = host.trim_matches(['[', ']']).to_owned();
    let resolved = tokio::time::timeout(NAME, tokio::net::lookup_host((host.as_str(), port))).await;
    let found: BTreeSet<SocketAddr> = match resolved {
        Ok(Ok(found)) => found.take(MOST).collect(),
        Ok(Err(error)) => {
            return Err(format!(
                "the workers' name {host} has no address ({error}); does a worker run, and is --workers right?"
            ));
        }
        Err(_) => {
            return Err(format!(
                "the workers' name {host} was not resolved within {NAME:?}; see the DNS server"
            ));
        }
    };
    let answers = stream::iter(found).map(one).buffered(AT_ONCE).collect().await;
    Ok(answers)
}

async fn one(address: SocketAddr) -> Answer {
    // The HTTP client blocks; its own limit ends the thread.
    let asked = tokio::task::spawn_blocking(move || read(address)).await;
    match asked.unwrap_or_else(|_| Err("the call broke off".to_owned())) {
        Ok(report) => judge(address, &report),
        Err(problem) => Answer { problems: vec![problem], ..judge(address, &Value::Null) },
    }
}

fn read(address: SocketAddr) -> Result<Value, String> {
    let agent =
        ureq::Agent::config_builder().timeout_global(Some(WORKER)).http_status_as_error(false).build();
    let mut answer = ureq::Agent::new_with_config(agent)
        .get(format!("http://{address}/health"))
        .call()
        .map_err(|error| error.to_string())?;
    answer.body_mut().read_json().map_err(|error| format!("that is not a worker's health report: {error}"))
}

fn judge(address: SocketAddr, report: &Value) -> Answer {
    let text = |key: &str| report[key].as_str().map(str::to_owned);
    let problems = report["problems"].as_array().into_iter().flatten().filter_map(Value::as_str);
    Answer {
        instance: address.to_string(),
        ready: report["ready"] == true,
        build_id: text("buildId"),
        version: text("version"),
        phase: text("phase"),
        uptime_seconds: report["uptimeSeconds"].as_u64(),
        problems: problems.map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{ask, judge};

    #[test]
    fn a_report_is_read_as_far_as_it_goes() {
        let at = "127.0.0.1:8080".parse().unwrap();
        let report =
            json!({"ready": false, "buildId": "b", "phase": "running", "problems": ["store: gone"], "x": 1});
        let answer = judge(at, &report);
        assert!(
            !answer.ready && answer.build_id.as_deref() == Some("b") && answer.problems == ["store: gone"]
        );
        assert!(!judge(at, &json!("nonsense")).ready);
    }

    #[tokio::test]
    async fn a_worker_that_is_not_there_is_told_and_holds_up_nobody() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let answers = ask(&format!("http://{closed}").parse().unwrap()).await.unwrap();
        assert_eq!(answers.len(), 1);
        assert!(!answers[0].ready && !answers[0].problems.is_empty(), "{answers:?}");
        let unknown = ask(&"http://no-such-name.invalid:1".parse().unwrap()).await.unwrap_err();
        assert!(unknown.contains("no-such-name.invalid") && unknown.contains("--workers"), "{unknown}");
    }
}
