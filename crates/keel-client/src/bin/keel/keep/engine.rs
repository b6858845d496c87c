//! The four questions to the Docker engine, over its socket.
//!
//! HTTP/1.0, so that each answer is whole and ends with its connection, and no more of HTTP is needed.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

const ANSWER: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The engine behind a socket.
#[derive(Debug)]
pub(super) struct Engine {
    socket: PathBuf,
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Id")]
    id: String,
}

impl Engine {
    pub(super) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// The ids of a project's containers that are kept and have ended.
    pub(super) fn ended(&self, project: &str) -> anyhow::Result<Vec<String>> {
        let project = format!("com.docker.compose.project={project}");
        let filters = json!({"status": ["exited"], "label": [project, "keel.keep=true"]});
        let listed: Vec<Listed> =
            self.get(&format!("/containers/json?all=1&filters={}", encoded(&filters)))?;
        Ok(listed.into_iter().map(|container| container.id).collect())
    }

    pub(super) fn inspect<T: DeserializeOwned>(&self, id: &str) -> anyhow::Result<T> {
        self.get(&format!("/containers/{id}/json"))
    }

    /// Whether anybody stopped the container since it was started.
    pub(super) fn was_stopped(
        &self,
        id: &str,
        since: jiff::Timestamp,
        now: jiff::Timestamp,
    ) -> anyhow::Result<bool> {
        let filters = json!({"type": ["container"], "container": [id], "event": ["stop"]});
        let (since, until) = (since.as_second(), now.as_second() + 1);
        let path = format!("/events?since={since}&until={until}&filters={}", encoded(&filters));
        Ok(!self.request("GET", &path)?.trim().is_empty())
    }

    pub(super) fn start(&self, id: &str) -> anyhow::Result<()> {
        self.request("POST", &format!("/containers/{id}/start")).map(drop)
    }

    fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let body = self.request("GET", path)?;
        serde_json::from_str(&body).with_context(|| format!("the engine's answer to {path}"))
    }

    fn request(&self, method: &str, path: &str) -> anyhow::Result<String> {
        let socket = self.socket.display();
        let mut stream = UnixStream::connect(&self.socket).with_context(|| {
            format!("cannot reach the Docker engine at {socket}: is it mounted, and may this user open it?")
        })?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        write!(stream, "{method} {path} HTTP/1.0\r\nHost: docker\r\nContent-Length: 0\r\n\r\n")?;
        let mut answer = Vec::new();
        let read = stream.take(MAX_BYTES).read_to_end(&mut answer);
        read.with_context(|| format!("the Docker engine at {socket} does not answer"))?;
        body(&String::from_utf8_lossy(&answer)).with_context(|| format!("{method} {path}"))
    }
}

/// The body of a good answer; also "not modified", which a start of a running container gets.
fn body(answer: &str) -> anyhow::Result<String> {
    let (head, body) = answer.split_once("\r\n\r\n").context("the engine's answer has no end of its head")?;
    let status: u16 = head.split_whitespace().nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    if !matches!(status, 200..=204 | 304) {
        bail!("the engine says {status}: {}", body.trim());
    }
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding");
    ensure!(!chunked, "the engine answers HTTP/1.0 in chunks");
    Ok(body.to_owned())
}

/// A filter as part of an address.
fn encoded(filters: &serde_json::Value) -> String {
    url::form_urlencoded::byte_serialize(filters.to_string().as_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::{body, encoded};

    #[test]
    fn a_good_answer_is_its_body_and_a_bad_one_says_why() {
        assert_eq!(body("HTTP/1.0 200 OK\r\nA: b\r\n\r\n[]").unwrap(), "[]");
        assert_eq!(body("HTTP/1.0 304 Not Modified\r\n\r\n").unwrap(), "");
        let error = body("HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container\"}").unwrap_err();
        assert!(error.to_string().contains("404") && error.to_string().contains("No such"), "{error}");
        assert!(body("rubbish").is_err());
    }

    #[test]
    fn filters_survive_an_address() {
        assert_eq!(encoded(&serde_json::json!({"a": ["b=c"]})), "%7B%22a%22%3A%5B%22b%3Dc%22%5D%7D");
    }
}
