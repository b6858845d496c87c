//! What a worker says of itself.

use std::time::Duration;

use serde_json::{Value, json};

use super::report::{Checkup, Family};
use crate::settings::Context;

/// Where a worker listens if nothing else is configured.
const USUAL: &str = "http://127.0.0.1:8080";

pub(super) async fn examine(context: &Context, url: Option<&str>, checkup: &mut Checkup) {
    let base = url.unwrap_or(USUAL).trim_end_matches('/').to_owned();
    let limit = context.timeout();
    let (page, base) = (format!("{base}/health"), without_secrets(&base));
    // The HTTP client blocks; its own limit ends the thread.
    let asked = tokio::task::spawn_blocking(move || ask(&page, limit)).await;
    match asked.unwrap_or_else(|_| Err("the call broke off".to_owned())) {
        Ok(report) => judge(&base, &report, checkup),
        Err(error) if url.is_none() => checkup.skip(
            Family::Worker,
            format!("none answers at {base} ({error}); --worker-url names another place"),
        ),
        Err(error) => checkup.fail(
            Family::Worker,
            format!("{base}/health does not answer: {error}"),
            "check http.listen of the worker, and that the worker runs",
        ),
    }
}

/// The address for people: a password in it is for the worker alone.
fn without_secrets(base: &str) -> String {
    match base.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => base.to_owned(),
    }
}

fn ask(page: &str, limit: Duration) -> Result<Value, String> {
    let agent = ureq::Agent::config_builder().timeout_global(Some(limit)).http_status_as_error(false).build();
    let mut answer =
        ureq::Agent::new_with_config(agent).get(page).call().map_err(|error| error.to_string())?;
    let report: Value = answer.body_mut().read_json().map_err(|error| error.to_string())?;
    if report["ready"].is_boolean() {
        Ok(report)
    } else {
        Err("that is not a worker's health report".to_owned())
    }
}

fn judge(base: &str, report: &Value, checkup: &mut Checkup) {
    let phase = report["phase"].as_str().unwrap_or_default();
    let up = report["uptimeSeconds"].as_u64().unwrap_or_default();
    if report["ready"] == true {
        checkup.ok(Family::Worker, format!("{base} is ready, {phase} for {up} s"), json!({}));
    } else {
        let problems: Vec<&str> =
            report["problems"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        checkup.fail(
            Family::Worker,
            format!("{base} is not ready ({phase}): {}", problems.join("; ")),
            format!("mend what it names; `curl {base}/health` shows all of it"),
        );
    }
    checkup.figures(report.clone());
}

#[cfg(test)]
mod tests {
    use super::without_secrets;

    #[test]
    fn a_password_is_not_shown() {
        for (given, shown) in [
            ("http://me:secret@worker:8080/a@b", "http://worker:8080/a@b"),
            ("http://worker:8080", "http://worker:8080"),
            ("worker", "worker"),
        ] {
            assert_eq!(without_secrets(given), shown);
        }
    }
}
