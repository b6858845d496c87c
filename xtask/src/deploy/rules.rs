//! What must hold of every service of the Compose files, in every combination of them; judged as Compose resolves them.

use std::process::Command;
use std::time::Duration;

use anyhow::Context;
use serde_json::Value;

use super::stack::{OFFLINE, PRODUCTION};
use crate::tools::Compose;
use crate::{exec, paths};

const CONFIG: Duration = Duration::from_secs(60);
/// Files and profiles as they are used together.
const COMBINATIONS: [(&[&str], &[&str]); 4] = [
    (&[PRODUCTION], &[]),
    (&[PRODUCTION], &["demo"]),
    (&[PRODUCTION, OFFLINE], &[]),
    (&[PRODUCTION, OFFLINE], &["demo"]),
];
/// Steps that are done once, and images without a program that could ask; the file says why for each.
const WITHOUT_HEALTH: [&str; 5] =
    ["temporal-schema", "temporal-setup", "otel-collector", "tempo", "keel-keeper"];

/// Asks Compose to resolve every combination, and judges what comes of it.
///
/// # Errors
/// Names every rule that is broken, and where.
pub fn check(compose: &Compose) -> anyhow::Result<()> {
    let mut broken = Vec::new();
    for (files, profiles) in COMBINATIONS {
        let what = format!("{} {}", files.join(" + "), profiles.join(" "));
        let mut words = Vec::new();
        for file in files {
            words.extend(["-f", file]);
        }
        for profile in profiles {
            words.extend(["--profile", profile]);
        }
        words.extend(["config", "--format", "json"]);
        let mut command = compose.command(&words);
        without_settings(&mut command);
        let text = exec::capture(&mut command, CONFIG)?.ok(&format!("docker compose config of {what}"))?;
        let config =
            serde_json::from_str(&text).with_context(|| format!("docker compose config of {what}"))?;
        broken.extend(judge(&config).into_iter().map(|problem| format!("{}: {problem}", what.trim())));
    }
    anyhow::ensure!(broken.is_empty(), "the Compose files break their rules:\n  {}", broken.join("\n  "));
    eprintln!(
        "  docker compose config takes {} combinations of files, and no rule is broken",
        COMBINATIONS.len()
    );
    Ok(())
}

/// As on a machine where nothing was chosen.
fn without_settings(command: &mut Command) {
    command.current_dir(paths::root());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("KEEL_") {
            command.env_remove(name);
        }
    }
}

fn judge(config: &Value) -> Vec<String> {
    let Some(services) = config["services"].as_object() else { return vec!["it has no services".to_owned()] };
    services.iter().flat_map(|(name, service)| judge_service(name, service)).collect()
}

fn judge_service(name: &str, service: &Value) -> Vec<String> {
    let holds_all = |list: &Value, wanted: &str| {
        list.as_array().is_some_and(|entries| entries.iter().any(|entry| entry == wanted))
    };
    let rules = [
        (holds_all(&service["cap_drop"], "ALL"), "keeps capabilities (cap_drop: [ALL])"),
        (
            holds_all(&service["security_opt"], "no-new-privileges:true"),
            "may gain privileges (security_opt: no-new-privileges)",
        ),
        (service["cap_add"].is_null() && service["privileged"].is_null(), "has privileges"),
        (service["read_only"] == true || name == "temporal-ui", "can write to its image (read_only)"),
        (is_limited(service), "has no limits of CPU, memory and processes (deploy.resources.limits)"),
        (!service["logging"]["options"]["max-size"].is_null(), "can fill the disk with logs (logging)"),
        (is_pinned(service["image"].as_str().unwrap_or_default()), "has no pinned image"),
        (
            service["healthcheck"].is_object() != WITHOUT_HEALTH.contains(&name)
                || service["healthcheck"]["disable"] == true,
            "has no health check",
        ),
        (ports_are_local(service), "publishes a port beyond this machine"),
        (secrets_are_files(service), "has a secret in its environment"),
        (waits_for_something(service), "starts after another that need not be well yet (condition)"),
    ];
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, rule)| format!("{name} {rule}")).collect()
}

fn is_limited(service: &Value) -> bool {
    let limits = &service["deploy"]["resources"]["limits"];
    ["cpus", "memory", "pids"].iter().all(|what| !limits[what].is_null())
}

/// Keel's own images are named by build when they are deployed; `latest` is what plain commands take.
fn is_pinned(image: &str) -> bool {
    let tag = image.rsplit_once(':').map_or("", |(_, tag)| tag);
    image.starts_with("keel/") || tag.trim_start_matches('v').starts_with(|c: char| c.is_ascii_digit())
}

fn ports_are_local(service: &Value) -> bool {
    service["ports"].as_array().is_none_or(|ports| ports.iter().all(|port| port["host_ip"] == "127.0.0.1"))
}

fn secrets_are_files(service: &Value) -> bool {
    service["environment"].as_object().is_none_or(|environment| {
        environment.iter().all(|(name, value)| {
            let secret =
                ["PASSWORD", "PWD", "SECRET", "TOKEN", "API_KEY"].iter().any(|part| name.contains(part));
            !secret || name.ends_with("_FILE") || value.as_str().is_none_or(str::is_empty)
        })
    })
}

/// The collector's store has no health check, and the keeper only wants to be stopped first.
fn waits_for_something(service: &Value) -> bool {
    service["depends_on"].as_object().is_none_or(|others| {
        others.iter().all(|(name, how)| {
            how["condition"] != "service_started" || matches!(name.as_str(), "tempo" | "temporal-worker")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{is_pinned, judge};
    use serde_json::json;

    fn good() -> serde_json::Value {
        json!({
            "image": "postgres:16.15-alpine", "cap_drop": ["ALL"], "security_opt": ["no-new-privileges:true"],
            "read_only": true, "logging": {"options": {"max-size": "10m"}}, "healthcheck": {"test": ["CMD", "x"]},
            "deploy": {"resources": {"limits": {"cpus": 1, "memory": "1", "pids": 2}}},
            "ports": [{"host_ip": "127.0.0.1"}], "environment": {"POSTGRES_PASSWORD_FILE": "/run/secrets/x"},
        })
    }

    #[test]
    fn a_hardened_service_breaks_no_rule() {
        assert_eq!(judge(&json!({"services": {"postgres": good()}})), Vec::<String>::new());
    }

    #[test]
    fn each_weakness_is_named() {
        let check = |change: fn(&mut serde_json::Value), expected: &str| {
            let mut service = good();
            change(&mut service);
            let broken = judge(&json!({"services": {"postgres": service}}));
            assert!(broken.len() == 1 && broken[0].contains(expected), "{broken:?}");
        };
        check(|service| service["cap_drop"] = json!([]), "capabilities");
        check(|service| service["read_only"] = json!(false), "write to its image");
        check(|service| service["ports"] = json!([{"host_ip": "0.0.0.0"}]), "beyond this machine");
        check(|service| service["ports"] = json!([{"published": "80"}]), "beyond this machine");
        check(|service| service["environment"]["PGPASSWORD"] = json!("x"), "secret");
        check(|service| service["image"] = json!("postgres"), "pinned");
        check(|service| drop(service.as_object_mut().unwrap().remove("healthcheck")), "health check");
        check(|service| drop(service.as_object_mut().unwrap().remove("deploy")), "limits");
        check(|service| service["depends_on"] = json!({"a": {"condition": "service_started"}}), "condition");
    }

    #[test]
    fn a_tag_is_a_version() {
        assert!(is_pinned("prom/prometheus:v3.5.0") && is_pinned("keel/worker:latest"));
        assert!(!is_pinned("grafana/grafana:latest") && !is_pinned("grafana/grafana"));
    }
}
