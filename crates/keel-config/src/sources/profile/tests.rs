//! Profiles and standard variables, merged with everything else.

use serde::{Deserialize, Serialize};

use secrecy::ExposeSecret;

use crate::{Settings, Sources, TemporalSection, load_traced};

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
struct Only {
    temporal: TemporalSection,
}

impl Settings for Only {
    fn problems(&self) -> Vec<String> {
        self.temporal.problems()
    }
}

/// A home with a `temporal.toml` at its default place, and variables.
struct Home {
    dir: tempfile::TempDir,
    sources: Sources,
}

impl Home {
    fn new(profiles: &str, variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("temporalio");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("temporal.toml"), profiles).unwrap();
        let mut sources = Sources::default();
        sources.env.insert("XDG_CONFIG_HOME".to_owned(), dir.path().display().to_string());
        for (name, value) in variables {
            sources.env.insert((*name).to_owned(), (*value).to_owned());
        }
        Self { dir, sources }
    }

    fn section(&self) -> TemporalSection {
        load_traced::<Only>(&self.sources).unwrap().settings.temporal
    }

    #[track_caller]
    fn check_problems(&self, expected: &[&str]) {
        let problems = load_traced::<Only>(&self.sources).expect_err("it should be refused");
        assert_eq!(problems.lines().len(), expected.len(), "{problems}");
        for (line, part) in problems.lines().iter().zip(expected) {
            assert!(line.contains(part), "`{part}` is not in `{line}`");
        }
        assert!(!problems.to_string().contains("hunter2"), "{problems}");
    }
}

const CLOUD: &str = "[profile.default]\naddress = 'local:7233'\n\
    [profile.Prod]\naddress = 'x.tmprl.cloud:7233'\nnamespace = 'shop.a1'\napi_key = 'hunter2'\n\
    [profile.Prod.tls]\nserver_name = 'x'\n[profile.Prod.grpc_meta]\nX_Team = 'sales'\n";

#[test]
fn a_profile_is_taken_and_stronger_places_win() {
    let home = Home::new(CLOUD, &[]);
    assert_eq!(home.section().address, "local:7233");
    let home = Home::new(CLOUD, &[("TEMPORAL_PROFILE", "Prod"), ("TEMPORAL_GRPC_META_X_COST", "9")]);
    let section = home.section();
    assert_eq!((section.address.as_str(), section.namespace.as_str()), ("x.tmprl.cloud:7233", "shop.a1"));
    assert!(section.uses_tls() && section.tls.enabled && section.api_key.is_some());
    let headers: Vec<(&str, &str)> =
        section.headers.iter().map(|(name, value)| (name.as_str(), value.expose_secret())).collect();
    assert_eq!(headers, [("x-cost", "9"), ("x-team", "sales")]);

    let mut stronger = Home::new(CLOUD, &[("TEMPORAL_PROFILE", "Prod"), ("TEMPORAL_NAMESPACE", "n2")]);
    stronger.sources.env.insert("KEEL__TEMPORAL__ADDRESS".to_owned(), "long:1".to_owned());
    let loaded = load_traced::<Only>(&stronger.sources).unwrap();
    assert_eq!(loaded.settings.temporal.address, "long:1");
    assert_eq!(loaded.settings.temporal.namespace, "n2");
    let profile = format!("{}/temporalio/temporal.toml [profile.Prod]", stronger.dir.path().display());
    assert_eq!(loaded.origins.place("temporal.api_key"), Some(profile.as_str()));
    assert_eq!(loaded.origins.place("temporal.namespace"), Some("TEMPORAL_NAMESPACE"));
}

#[test]
fn the_variables_of_tls_are_understood() {
    let home = Home::new("", &[("TEMPORAL_TLS", "true"), ("TEMPORAL_TLS_SERVER_NAME", "s")]);
    let tls = home.section().tls;
    assert_eq!((tls.enabled, tls.server_name.as_deref()), (true, Some("s")));
    let data = [
        ("TEMPORAL_TLS_CLIENT_CERT_DATA", "C"),
        ("TEMPORAL_TLS_CLIENT_KEY_DATA", "K"),
        ("TEMPORAL_TLS_SERVER_CA_CERT_DATA", "A"),
    ];
    let tls = Home::new("", &data).section().tls;
    assert_eq!(tls.read_cert().unwrap().as_deref(), Some(&b"C"[..]));
    assert_eq!(tls.read_key().unwrap().as_deref(), Some(&b"K"[..]));
    assert_eq!(tls.read_ca().unwrap().as_deref(), Some(&b"A"[..]));
    // A switch in the environment overrides the profile's, and no TLS wins over everything that implies it.
    let off = Home::new(CLOUD, &[("TEMPORAL_PROFILE", "Prod"), ("TEMPORAL_TLS", "false")]);
    off.check_problems(&["the API key would travel in clear text to http://x.tmprl.cloud:7233/"]);
    let local =
        [("TEMPORAL_PROFILE", "Prod"), ("TEMPORAL_TLS", "false"), ("TEMPORAL_ADDRESS", "localhost:1")];
    let section = Home::new(CLOUD, &local).section();
    assert!(!section.uses_tls() && section.tls.disabled);
}

#[test]
fn what_is_missing_or_unsupported_is_named() {
    Home::new("", &[("TEMPORAL_CONFIG_FILE", "/nonexistent/t.toml")])
        .check_problems(&["Temporal profiles /nonexistent/t.toml: cannot be read"]);
    Home::new(CLOUD, &[("TEMPORAL_PROFILE", "staging")]).check_problems(&["has no profile `staging`"]);
    let mut bare = Sources::default();
    bare.env.insert("TEMPORAL_PROFILE".to_owned(), "p".to_owned());
    assert!(load_traced::<Only>(&bare).unwrap_err().to_string().contains("there is no temporal.toml"));
    Home::new("[profile.default.tls]\ndisable_host_verification = true\n", &[])
        .check_problems(&["tls.disable_host_verification: is not supported"]);
    Home::new("[profile.default]\nadress = 'x'\n[profile.default.codec]\nendpoint = 'http://c'\n", &[])
        .check_problems(&["adress: is not a key of a Temporal profile", "codec: is not supported"]);
    Home::new("", &[("TEMPORAL_CODEC_ENDPOINT", "http://c"), ("TEMPORAL_TLS", "perhaps")]).check_problems(&[
        "TEMPORAL_TLS: is neither true nor false",
        "TEMPORAL_CODEC_ENDPOINT: is not supported",
    ]);
    Home::new("[profile.default]\napi_key = hunter2\n", &[]).check_problems(&["is not valid TOML"]);
}
