//! The section `[http]`.

use serde::{Deserialize, Serialize};

/// Where health and metrics are offered.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpOptions {
    /// `host:port` to listen on; port 0 takes any free one, `off` does without. In a container use
    /// `0.0.0.0:8080`. Default `127.0.0.1:8080`.
    pub listen: String,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8080".to_owned() }
    }
}

impl HttpOptions {
    /// Whether nothing is offered.
    #[must_use]
    pub fn is_off(&self) -> bool {
        // An empty environment variable counts as not set, so there is a word for it too.
        matches!(self.listen.trim(), "" | "off")
    }

    /// Every mistake in this section.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let listen = self.listen.trim();
        if self.is_off() || is_address(listen) {
            return Vec::new();
        }
        vec![format!(
            "http.listen: `{listen}` is not an address; write host:port, such as 127.0.0.1:8080 or [::]:8080, or \
             `off` to do without"
        )]
    }
}

fn is_address(listen: &str) -> bool {
    let Some((host, port)) = listen.rsplit_once(':') else { return false };
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host_fits = match bracketed {
        Some(v6) => v6.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && !host.contains([':', '/', ' ', '[', ']']),
    };
    host_fits && !port.starts_with('+') && port.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::HttpOptions;

    fn check(listen: &str, fine: bool) {
        let options = HttpOptions { listen: listen.to_owned() };
        assert_eq!(options.problems().is_empty(), fine, "`{listen}`: {:?}", options.problems());
    }

    #[test]
    fn addresses_are_checked() {
        for listen in
            ["", " ", "off", "127.0.0.1:8080", "0.0.0.0:0", "[::]:8080", "[::1]:1", "localhost:65535"]
        {
            check(listen, true);
        }
        for listen in
            ["8080", ":8080", "::1:8080", "[::1:8080", "localhost", "http://here:1", "a:65536", "a:+1"]
        {
            check(listen, false);
        }
    }
}
