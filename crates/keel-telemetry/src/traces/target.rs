//! Where traces go: Keel's own setting first, then the variables that every OpenTelemetry program knows.

/// An endpoint, and who named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) endpoint: String,
    /// The setting or variable it comes from, for messages.
    pub(super) source: &'static str,
}

const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";

impl Target {
    /// The target, `None` when traces are off, or what is wrong with it.
    pub(super) fn find(own: &str, env: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, String> {
        let is =
            |name: &str, value: &str| env(name).is_some_and(|set| set.trim().eq_ignore_ascii_case(value));
        let found = if !own.is_empty() {
            Some(Self { endpoint: own.to_owned(), source: "traces.endpoint" })
        } else if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
            None
        } else {
            [TRACES_ENDPOINT, ENDPOINT].into_iter().find_map(|source| {
                let endpoint = env(source).filter(|value| !value.trim().is_empty())?;
                Some(Self { endpoint: endpoint.trim().to_owned(), source })
            })
        };
        let Some(target) = found else { return Ok(None) };
        check_endpoint(&target.endpoint).map_err(|problem| format!("{}: {problem}", target.source))?;
        Ok(Some(target))
    }
}

/// Whether `endpoint` can be one, or what to write instead.
pub(super) fn check_endpoint(endpoint: &str) -> Result<(), String> {
    // Its own text could hold a password, so it is shown only when it cannot.
    if endpoint.contains('@') {
        return Err("holds a user or password; send credentials with OTEL_EXPORTER_OTLP_HEADERS".to_owned());
    }
    let rest =
        endpoint.strip_prefix("http://").or_else(|| endpoint.strip_prefix("https://")).ok_or_else(|| {
            format!("`{endpoint}` has no scheme; write http://{endpoint} or https://{endpoint}")
        })?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() {
        return Err(format!(
            "`{endpoint}` has a path, but traces are sent over gRPC; name the collector's gRPC port, such as \
             http://localhost:4317"
        ));
    }
    let parsed: Option<axum::http::Uri> = format!("http://{authority}/").parse().ok();
    match parsed.as_ref().and_then(axum::http::Uri::host) {
        Some(host) if !host.is_empty() => Ok(()),
        _ => Err(format!("`{endpoint}` names no host; write it like http://localhost:4317")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Target, check_endpoint};

    fn find(own: &str, env: &[(&str, &str)]) -> Result<Option<Target>, String> {
        let value =
            |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Target::find(own, value)
    }

    fn check(own: &str, env: &[(&str, &str)], expected: Option<&str>) {
        let found = find(own, env).unwrap().map(|target| target.endpoint);
        assert_eq!(found.as_deref(), expected, "`{own}` with {env:?}");
    }

    #[test]
    fn the_own_setting_wins_then_the_narrower_variable() {
        let both = [(super::ENDPOINT, "http://all:1"), (super::TRACES_ENDPOINT, "http://traces:2")];
        check("", &[], None);
        check("", &[(super::ENDPOINT, " ")], None);
        check("", &both[..1], Some("http://all:1"));
        check("", &both, Some("http://traces:2"));
        check("http://own:3", &both, Some("http://own:3"));
        for off in [("OTEL_SDK_DISABLED", "TRUE"), ("OTEL_TRACES_EXPORTER", "none")] {
            check("", &[both[0], off], None);
            check("http://own:3", &[both[0], off], Some("http://own:3"));
        }
    }

    #[test]
    fn a_wrong_endpoint_is_refused_with_its_source_and_without_its_secrets() {
        let problem = find("", &[(super::ENDPOINT, "collector:4317")]).unwrap_err();
        assert!(
            problem.starts_with("OTEL_EXPORTER_OTLP_ENDPOINT: `collector:4317` has no scheme"),
            "{problem}"
        );
        for wrong in [
            "http://",
            "http://a:4318/v1/traces",
            "ftp://a",
            "http://u:secret@a:1",
            "http://:1",
            "http://a b",
        ] {
            let problem = check_endpoint(wrong).expect_err(wrong);
            assert!(!problem.contains("secret"), "{problem}");
        }
        for right in ["http://localhost:4317", "https://otel.example.com", "http://[::1]:4317/"] {
            assert_eq!(check_endpoint(right), Ok(()), "{right}");
        }
    }
}
