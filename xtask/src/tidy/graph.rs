//! What may be in the graph of dependencies, and how often.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Context;
use cargo_metadata::Metadata;

use super::Findings;
use crate::exec;

/// Two versions of one of these do not share their global state or their types, and compile fine.
const ONE_VERSION: [&str; 9] =
    ["tracing-opentelemetry", "tonic", "prost", "rustls", "hyper", "axum", "reqwest", "metrics", "tokio"];
const ONE_VERSION_PREFIX: &str = "opentelemetry";

/// Crates that stay out, with the reason.
const BANNED: [(&str, &str); 4] = [
    ("ring", "TLS uses aws-lc-rs; choose the aws-lc feature of the crate that brings it"),
    ("rsa", "it has an open timing attack (RUSTSEC-2023-0071); turn off the feature that brings it"),
    ("openssl-sys", "TLS uses rustls; choose the rustls feature of the crate that brings it"),
    ("native-tls", "TLS uses rustls; choose the rustls feature of the crate that brings it"),
];

/// Checks that the crates with global state are there once.
pub fn check_versions(metadata: &Metadata, findings: &mut Findings) {
    let packages =
        metadata.packages.iter().map(|package| (package.name.as_str(), package.version.to_string()));
    findings.failures.extend(twice(packages));
}

fn twice<'a>(packages: impl Iterator<Item = (&'a str, String)>) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, version) in packages {
        if ONE_VERSION.contains(&name) || name.starts_with(ONE_VERSION_PREFIX) {
            versions.entry(name).or_default().insert(version);
        }
    }
    versions
        .into_iter()
        .filter(|(_, versions)| versions.len() > 1)
        .map(|(name, versions)| {
            let versions: Vec<_> = versions.into_iter().collect();
            format!(
                "{name} is in the graph as {}: bring its users to one version (`cargo tree -i {name}@{}`)",
                versions.join(" and "),
                versions[0]
            )
        })
        .collect()
}

/// Checks that no banned crate is built into anything.
///
/// # Errors
/// When cargo cannot say.
pub fn check_banned(findings: &mut Findings) -> anyhow::Result<()> {
    for (name, reason) in BANNED {
        let mut command = exec::cargo();
        command.args(["tree", "--locked", "--workspace", "-e", "normal,build", "--depth", "3", "-i", name]);
        let output = exec::capture(&mut command, Duration::from_secs(60)).context("cargo tree")?;
        let unknown = output.stderr.contains("did not match any packages");
        anyhow::ensure!(output.status.success() || unknown, "cargo tree -i {name}: {}", output.stderr.trim());
        if output.status.success() && !output.stdout.trim().is_empty() {
            let path = exec::last_lines(&output.stdout, 6).replace('\n', "\n      ");
            findings.failures.push(format!("{name} is in the graph: {reason}\n      {path}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::twice;

    #[test]
    fn two_versions_of_a_crate_with_global_state_are_found() {
        let packages = [("tonic", "0.14.1"), ("tonic", "0.13.0"), ("syn", "1.0.0"), ("syn", "2.0.0")];
        let problems = twice(packages.into_iter().map(|(name, version)| (name, version.to_owned())));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].contains("0.13.0 and 0.14.1"), "{problems:?}");
    }

    #[test]
    fn a_family_is_matched_by_its_prefix() {
        let packages = [("opentelemetry-otlp", "0.31.0"), ("opentelemetry-otlp", "0.32.0")];
        assert_eq!(twice(packages.into_iter().map(|(n, v)| (n, v.to_owned()))).len(), 1);
    }
}
