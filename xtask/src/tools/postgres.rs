//! The PostgreSQL server's programs, wherever the system keeps them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use crate::exec;

/// A folder with `initdb`, `postgres` and `pg_isready`.
#[derive(Debug)]
pub struct PostgresBinaries {
    /// The folder.
    pub dir: PathBuf,
    /// What `postgres --version` says.
    pub version: String,
}

/// Finds the newest PostgreSQL of the system: on the PATH, or where Debian and others put it.
///
/// # Errors
/// Names the command that installs it.
pub fn postgres() -> anyhow::Result<PostgresBinaries> {
    let on_path = which::which("initdb").ok().and_then(|path| path.parent().map(Path::to_path_buf));
    for dir in on_path.into_iter().chain(installed()) {
        if ["initdb", "postgres", "pg_isready"].iter().all(|name| dir.join(name).is_file()) {
            let version = version(&dir)?;
            return Ok(PostgresBinaries { dir, version });
        }
    }
    bail!(
        "the PostgreSQL server is not installed: run `apt-get install -y --no-install-recommends postgresql` \
         (macOS: `brew install postgresql`)"
    )
}

/// Folders of installed versions, newest first.
fn installed() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for base in ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"] {
        let Ok(entries) = std::fs::read_dir(base) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let digits = name.strip_prefix("postgresql@").unwrap_or(&name);
            if let Ok(major) = digits.parse::<u32>() {
                found.push((major, entry.path().join("bin")));
            }
        }
    }
    found.sort();
    found.into_iter().rev().map(|(_, dir)| dir).collect()
}

fn version(dir: &Path) -> anyhow::Result<String> {
    let output =
        exec::capture(exec::tied(dir.join("postgres"), "TERM").arg("--version"), Duration::from_secs(10))?;
    let text = output.ok("postgres --version")?;
    text.split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .map(str::to_owned)
        .with_context(|| format!("cannot understand the version of PostgreSQL: {}", text.trim()))
}
