//! What a test's world says over HTTP: the worker's endpoints, and the providers' journal and faults.

use serde_json::Value;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::World;
use crate::wait::{DEADLINE, eventually};

impl World {
    /// Waits until `/readyz` of the running worker answers with `status` and returns its text.
    ///
    /// # Panics
    /// When it does not in time.
    #[must_use]
    pub fn readiness(&self, status: u16) -> String {
        eventually(&format!("{status} of /readyz"), || {
            let (found, text) = self.get("/readyz");
            (found == status).then_some(text)
        })
    }

    /// Where the running worker offers health and metrics, `host:port`.
    ///
    /// # Panics
    /// When there is no worker, or it does not say.
    #[must_use]
    pub fn http_address(&self) -> String {
        let worker = self.worker.as_ref().expect("a running worker");
        eventually("a worker that offers its endpoints", || {
            let log = worker.log();
            let line = log.lines().rev().find(|line| line.contains("http endpoints listening"))?;
            let line: Value = serde_json::from_str(line).ok()?;
            Some(line["address"].as_str()?.to_owned())
        })
    }

    /// Asks the running worker for a page such as `/readyz`: status and text.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    pub fn get(&self, path: &str) -> (u16, String) {
        read(agent().get(format!("http://{}{path}", self.http_address())).call())
    }

    /// Sends `text` to a page of the running worker: status and answer.
    ///
    /// # Panics
    /// When nobody answers.
    #[must_use]
    pub fn put(&self, path: &str, text: &str) -> (u16, String) {
        read(agent().put(format!("http://{}{path}", self.http_address())).send(text))
    }

    /// What the providers did for an order: captured, refunded, booked, cancelled.
    #[must_use]
    pub fn effects(&self, order_id: &str) -> [u64; 4] {
        let summary: Value =
            serde_json::from_str(&self.ask_sandbox("/journal/summary")).expect("the summary is JSON");
        let order = &summary["orders"][order_id];
        ["captured", "refunded", "booked", "cancelled"].map(|key| order[key].as_u64().unwrap_or_default())
    }

    /// What the providers were asked for an order, oldest first.
    #[must_use]
    pub fn journal(&self, order_id: &str) -> Vec<Value> {
        let text = self.ask_sandbox(&format!("/journal?order={order_id}"));
        text.lines().map(|line| serde_json::from_str(line).expect("NDJSON")).collect()
    }

    /// Where the sandbox listens, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn sandbox_url(&self) -> &str {
        &self.sandbox_url
    }

    /// Makes a provider misbehave, or behave again.
    pub fn fault(&self, provider: &str, fault: &Value) {
        let url = format!("{}/faults/{provider}", self.sandbox_url);
        let (status, answer) = read(agent().put(url).send_json(fault));
        assert!((200..300).contains(&status), "the fault is not set: {status} {answer}");
    }

    fn ask_sandbox(&self, path: &str) -> String {
        let (status, text) = read(agent().get(format!("{}{path}", self.sandbox_url)).call());
        assert_eq!(status, 200, "the sandbox does not answer {path}: {text}");
        text
    }
}

/// Bounded, and every status is an answer.
fn agent() -> Agent {
    Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false).build().into()
}

fn read(answer: Result<Response<Body>, ureq::Error>) -> (u16, String) {
    let mut answer = answer.expect("an answer");
    (answer.status().as_u16(), answer.body_mut().read_to_string().expect("text"))
}
