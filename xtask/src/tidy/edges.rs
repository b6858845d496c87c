//! Who may know whom. `docs/` and the design say why; this table is what holds.

use cargo_metadata::{DependencyKind, Metadata};

use super::Findings;

/// For each member, the members it may depend on.
const ALLOWED: [(&str, &[&str]); 14] = [
    ("keel-types", &[]),
    ("keel-config", &[]),
    ("keel-telemetry", &[]),
    ("keel-sandbox", &[]),
    ("keel-workflows", &["keel-types"]),
    ("keel-activities", &["keel-types"]),
    ("keel-temporal", &["keel-config"]),
    ("keel-client", &["keel-types", "keel-temporal", "keel-config", "keel-telemetry"]),
    (
        "keel-worker",
        &[
            "keel-types",
            "keel-workflows",
            "keel-activities",
            "keel-temporal",
            "keel-config",
            "keel-telemetry",
        ],
    ),
    ("keel-gateway", &["keel-types", "keel-client", "keel-temporal", "keel-config", "keel-telemetry"]),
    ("keel-e2e", &[]),
    ("keel-load", &[]),
    ("keel-kubernetes", &[]),
    ("xtask", &[]),
];

/// Edges that only tests may have.
const ALLOWED_IN_TESTS: [(&str, &str); 1] = [("keel-activities", "keel-sandbox")];

/// Checks every edge between members.
pub fn check(metadata: &Metadata, findings: &mut Findings) {
    let members = metadata.workspace_packages();
    let names: Vec<&str> = members.iter().map(|package| package.name.as_str()).collect();
    for package in &members {
        let edges = package
            .dependencies
            .iter()
            .filter(|dependency| names.contains(&dependency.name.as_str()))
            .map(|dependency| (dependency.name.as_str(), dependency.kind == DependencyKind::Development));
        findings.failures.extend(broken(package.name.as_str(), edges));
    }
}

fn broken<'a>(from: &str, edges: impl Iterator<Item = (&'a str, bool)>) -> Vec<String> {
    let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == from) else {
        return vec![format!(
            "{from} is a new member: say in xtask/src/tidy/edges.rs whom it may depend on, and add it to the README"
        )];
    };
    edges
        .filter(|(to, for_tests)| {
            !(allowed.contains(to) || (*for_tests && ALLOWED_IN_TESTS.contains(&(from, *to))))
        })
        .map(|(to, _)| {
            format!(
                "{from} may not depend on {to}: move what it needs to a crate both may know, or widen the table in \
                 xtask/src/tidy/edges.rs with a decision note in docs/decisions/"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::broken;

    #[test]
    fn siblings_stay_apart() {
        let problems = broken("keel-workflows", [("keel-activities", false)].into_iter());
        assert!(problems[0].contains("keel-workflows may not depend on keel-activities"), "{problems:?}");
        assert!(broken("keel-worker", [("keel-activities", false)].into_iter()).is_empty());
    }

    #[test]
    fn the_sandbox_is_for_tests_of_activities_only() {
        assert!(broken("keel-activities", [("keel-sandbox", true)].into_iter()).is_empty());
        assert_eq!(broken("keel-activities", [("keel-sandbox", false)].into_iter()).len(), 1);
        assert_eq!(broken("keel-worker", [("keel-sandbox", true)].into_iter()).len(), 1);
    }

    #[test]
    fn a_new_member_needs_an_entry() {
        assert!(broken("keel-new", std::iter::empty()).len() == 1);
    }
}
