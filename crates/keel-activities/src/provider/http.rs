//! One way to ask a provider: a bounded POST with an idempotency key, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use keel_types::order::excerpt;
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode};
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::guard::{Guard, Rejection};
use super::health::ProviderHealth;
use super::meters::Outcome;
use super::{BuildError, ProviderError, ProviderOptions, trace, without_credentials};

/// Longest answer that is read, in bytes.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
/// Longest wait a provider can ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);
/// Idle connections kept per provider.
const MAX_IDLE: usize = 32;
/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// A provider reached over HTTP.
#[derive(Clone, Debug)]
pub(super) struct HttpProvider {
    name: &'static str,
    base: Url,
    client: Client,
    /// Shared by all clones.
    guard: Arc<Guard>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a, B> {
    /// Last part of the path.
    pub(super) path: &'static str,
    /// Name for messages.
    pub(super) operation: &'static str,
    pub(super) order_id: &'a str,
    pub(super) key: &'a str,
    pub(super) body: &'a B,
    /// The status that means a refusal, if the operation can be refused, and its `error`.
    pub(super) refusal: Option<(u16, &'static str)>,
}

#[derive(Deserialize)]
struct Problem {
    error: String,
    #[serde(default)]
    message: String,
}

impl HttpProvider {
    /// A provider that can be asked for `operations`.
    pub(super) fn new(
        name: &'static str,
        operations: &[&'static str],
        options: &ProviderOptions,
    ) -> Result<Self, BuildError> {
        let problems = options.problems(name);
        let base = match options.url.parse() {
            Ok(url) if problems.is_empty() => url,
            _ => return Err(BuildError::Options(problems)),
        };
        let mut client = Client::builder()
            .connect_timeout(options.connect_timeout)
            .timeout(options.timeout)
            .redirect(Policy::none())
            .pool_max_idle_per_host(MAX_IDLE)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .user_agent(concat!("keel/", env!("CARGO_PKG_VERSION")));
        if is_loopback(&base) {
            // A proxy of the environment cannot reach this machine's own addresses.
            client = client.no_proxy();
        }
        let client = client.build().map_err(|source| BuildError::Http { provider: name, source })?;
        let guard = Arc::new(Guard::new(name, operations, options));
        Ok(Self { name, base, client, guard })
    }

    /// How the provider does.
    pub(super) fn health(&self) -> ProviderHealth {
        ProviderHealth(Arc::clone(&self.guard))
    }

    /// Asks the provider, if its guard lets the call pass, and tells the guard how it went.
    pub(super) async fn ask<B: Serialize + Sync, A: for<'de> Deserialize<'de>>(
        &self,
        ask: Ask<'_, B>,
    ) -> Result<A, ProviderError> {
        let rejected = |rejection: Rejection| rejection.into_error(self.name, ask.operation);
        let entry = self.guard.enter().await.map_err(rejected)?;
        let answer = self.exchange(&ask).await;
        entry.finish(ask.operation, Outcome::of(&answer));
        // A fault that opened the circuit would only be turned away before it lets trials through.
        answer.map_err(|error| error.not_before(self.guard.retry_after()))
    }

    /// The request and what its answer means.
    async fn exchange<B: Serialize + Sync, A: for<'de> Deserialize<'de>>(
        &self,
        ask: &Ask<'_, B>,
    ) -> Result<A, ProviderError> {
        let url = self.url(ask.path);
        let at = Place { provider: self.name, operation: ask.operation, url: without_credentials(&url) };
        let request = self.client.post(url).header("Idempotency-Key", ask.key).json(ask.body);
        let response = trace::send(request, self.name, ask.path, ask.operation)
            .await
            .map_err(|error| at.unavailable_because(error))?;
        let status = response.status();
        let retry_after = retry_after(&response);
        let json = is_json(&response);
        let body = read_bounded(response, &at).await?;
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(at.unavailable(format!("status {}", status.as_u16()), retry_after));
        }
        if status == StatusCode::OK && json {
            return serde_json::from_slice(&body)
                .map_err(|error| at.protocol(format!("status 200 and {} ({error})", shown(&body))));
        }
        let problem = serde_json::from_slice::<Problem>(&body).ok().filter(|_| json);
        let refused = problem.filter(|problem| {
            let refusal = (status.as_u16(), problem.error.as_str());
            ask.refusal.is_some_and(|known| refusal == known || refusal == (409, "voided"))
        });
        match refused {
            Some(Problem { error, message }) => Err(ProviderError::Refused {
                provider: self.name,
                operation: ask.operation,
                order_id: ask.order_id.to_owned(),
                message: if message.is_empty() { error } else { message.chars().take(500).collect() },
            }),
            None => Err(at.protocol(format!("status {} and {}", status.as_u16(), shown(&body)))),
        }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let full = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&full);
        url
    }
}

/// Where a call went, for its errors.
struct Place {
    provider: &'static str,
    operation: &'static str,
    url: String,
}

impl Place {
    fn unavailable_because(&self, error: reqwest::Error) -> ProviderError {
        let what = if error.is_timeout() {
            "it took too long"
        } else if error.is_connect() {
            "cannot connect"
        } else {
            "the connection broke"
        };
        // The library's message would show the URL with its credentials.
        let source = Some(error.without_url());
        ProviderError::Unavailable {
            provider: self.provider,
            operation: self.operation,
            url: self.url.clone(),
            what: what.to_owned(),
            retry_after: None,
            source,
        }
    }

    fn unavailable(&self, what: String, retry_after: Option<Duration>) -> ProviderError {
        ProviderError::Unavailable {
            provider: self.provider,
            operation: self.operation,
            url: self.url.clone(),
            what,
            retry_after,
            source: None,
        }
    }

    fn protocol(&self, what: String) -> ProviderError {
        let (provider, operation, url) = (self.provider, self.operation, self.url.clone());
        ProviderError::Protocol { provider, operation, url, what, retry_after: None }
    }
}

async fn read_bounded(mut response: Response, at: &Place) -> Result<Vec<u8>, ProviderError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| at.unavailable_because(error))? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(at.protocol(format!("more than {MAX_ANSWER_BYTES} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(MAX_RETRY_AFTER))
}

fn is_json(response: &Response) -> bool {
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("application/json"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn shown(body: &[u8]) -> String {
    if body.is_empty() {
        "an empty body".to_owned()
    } else {
        format!("`{}`", excerpt(&String::from_utf8_lossy(body)))
    }
}
