//! Prometheus and its test tool, from the PATH.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::exec;

/// `ALERTS` in the unit tests of rules, and `keep_firing_for`, are sure from here on.
const OLDEST: (u32, u32) = (2, 42);

/// The server and its companion, of one version.
#[derive(Clone, Debug)]
pub struct Prometheus {
    /// `prometheus`.
    pub server: PathBuf,
    /// `promtool`.
    pub promtool: PathBuf,
    /// What `prometheus --version` says, such as `2.42.0`.
    pub version: String,
}

/// Finds Prometheus.
///
/// # Errors
/// Names the command that installs it, or says that it is too old.
pub fn prometheus() -> anyhow::Result<Prometheus> {
    let find = |name| {
        which::which(name).with_context(|| {
            format!(
                "{name} is not installed: run `apt-get install -y --no-install-recommends prometheus` (macOS: \
                 `brew install prometheus`); its service need not run"
            )
        })
    };
    let (server, promtool) = (find("prometheus")?, find("promtool")?);
    let version = version(&server)?;
    ensure!(
        numbers(&version) >= OLDEST,
        "{} is version {version}, older than {}.{}: install a newer one in front of it on the PATH",
        server.display(),
        OLDEST.0,
        OLDEST.1
    );
    Ok(Prometheus { server, promtool, version })
}

fn version(program: &Path) -> anyhow::Result<String> {
    let output = exec::capture(exec::tied(program, "TERM").arg("--version"), Duration::from_secs(10))?;
    // Version 2 tells it on the standard output, earlier ones on the other.
    let text = format!("{}{}", output.stdout, output.stderr);
    version_in(&text)
        .map(str::to_owned)
        .with_context(|| format!("cannot understand the version of Prometheus: {}", text.trim()))
}

/// Reads `prometheus, version 2.42.0+ds (branch: …`.
fn version_in(text: &str) -> Option<&str> {
    let rest = text.split("prometheus, version ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().filter(|version| !version.is_empty())
}

fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::{numbers, version_in};

    #[test]
    fn versions_of_debian_and_of_the_project_are_read() {
        assert_eq!(version_in("prometheus, version 2.42.0+ds (branch: debian/sid)"), Some("2.42.0"));
        assert_eq!(version_in("prometheus, version 3.1.0 (branch: HEAD)\n  build user: x"), Some("3.1.0"));
        assert_eq!(version_in("something else"), None);
        assert!(numbers("3.0.1") > numbers("2.42.0"));
    }
}
