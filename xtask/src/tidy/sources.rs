//! Rules about files: lints inherited, sizes bounded, nothing of one person's machine.

use std::path::{Path, PathBuf};

use anyhow::Context;
use cargo_metadata::Metadata;

use super::Findings;

const WARN_LINES: usize = 400;
const MOST_LINES: usize = 600;
/// Larger files are data, not text that a person wrote.
const MOST_BYTES: u64 = 2 << 20;
const SKIPPED: [&str; 4] = ["target", ".git", "node_modules", "data"];

/// Checks that every member inherits the lints of the workspace.
///
/// # Errors
/// When a manifest cannot be read.
pub fn check_lints(metadata: &Metadata, findings: &mut Findings) -> anyhow::Result<()> {
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        let text = std::fs::read_to_string(manifest)
            .with_context(|| format!("cannot read {}", manifest.display()))?;
        if !inherits_lints(&text) {
            findings.failures.push(format!(
                "{} does not inherit the lints: add `[lints]` with `workspace = true` to its Cargo.toml",
                package.name
            ));
        }
    }
    Ok(())
}

fn inherits_lints(manifest: &str) -> bool {
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        }
        let line: String = line.split_whitespace().collect();
        if (section == "[lints]" && line == "workspace=true") || line == "lints.workspace=true" {
            return true;
        }
    }
    false
}

/// Checks the length of sources and that no text holds the path of somebody's home.
///
/// # Errors
/// When a file cannot be read.
pub fn check_files(root: &Path, findings: &mut Findings) -> anyhow::Result<()> {
    for path in files(root)? {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let shown = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if path.extension().is_some_and(|extension| extension == "rs") {
            judge_length(&shown, text.lines().count(), findings);
        }
        if let Some((line, home)) = home_in(&text) {
            findings.failures.push(format!(
                "{shown}:{line} holds a path of somebody's home ({home}…): use a relative path"
            ));
        }
    }
    Ok(())
}

fn judge_length(shown: &str, lines: usize, findings: &mut Findings) {
    if lines > MOST_LINES {
        findings
            .failures
            .push(format!("{shown} has {lines} lines, at most {MOST_LINES}: split it by what it does"));
    } else if lines > WARN_LINES {
        findings
            .warnings
            .push(format!("{shown} has {lines} lines, past {WARN_LINES}: look for a part to move out"));
    }
}

/// Every text file below `root`, without what is built or fetched.
fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut found, mut open) = (Vec::new(), vec![root.to_path_buf()]);
    while let Some(dir) = open.pop() {
        let entries = std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
        for entry in entries {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
                open.push(entry.path());
            } else if kind.is_file() && entry.file_name() != ".git" && entry.metadata()?.len() <= MOST_BYTES {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The first line with a path below a home folder, and the start of it.
fn home_in(text: &str) -> Option<(usize, &'static str)> {
    // Written in parts, so that this file passes its own check.
    let homes =
        [concat!("/ho", "me/"), concat!("/Us", "ers/"), concat!("/ro", "ot/"), concat!("C:\\Us", "ers\\")];
    text.lines().enumerate().find_map(|(index, line)| {
        let home = homes.into_iter().find(|home| {
            line.match_indices(home).any(|(at, _)| {
                // A path starts where a word starts; `https://host/home/` does not.
                let before = line[..at].chars().next_back();
                let after = line[at + home.len()..].chars().next();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '.' && c != '}')
                    && after.is_some_and(|c| c.is_alphanumeric() || c == '.')
            })
        })?;
        Some((index + 1, home))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Findings;
    use super::{home_in, inherits_lints, judge_length};

    #[test]
    fn lints_are_found_in_both_spellings() {
        assert!(inherits_lints("[package]\nname = \"x\"\n\n[lints]\nworkspace = true\n"));
        assert!(inherits_lints("lints.workspace = true\n"));
        assert!(!inherits_lints("[package]\nlicense.workspace = true\n[dependencies]\nworkspace = true\n"));
    }

    #[test]
    fn homes_are_found_and_addresses_are_not() {
        assert_eq!(home_in(concat!("a\nsee \"/ho", "me/ann/x\"")).map(|(line, _)| line), Some(2));
        assert_eq!(home_in(concat!("=/ro", "ot/.cargo")).map(|(line, _)| line), Some(1));
        assert_eq!(home_in("https://example.com/home/ann"), None);
        assert_eq!(home_in("\"$HOME/x\" and ~/x"), None);
    }

    #[test]
    fn long_files_warn_and_longer_ones_fail() {
        let mut findings = Findings::default();
        for lines in [400, 401, 601] {
            judge_length("a.rs", lines, &mut findings);
        }
        assert_eq!((findings.warnings.len(), findings.failures.len()), (1, 1));
    }
}
