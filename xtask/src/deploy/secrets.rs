//! `deploy/secrets/`: made once with random values, never printed, never in git.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};

use super::stack::say;
use crate::paths;

/// Where the providers of the demo are, for those who have no others.
const PAYMENTS: &str = "http://keel-sandbox:8079/payments";
const COURIER: &str = "http://keel-sandbox:8079/courier";

/// Passwords that the database gets when it is made, and keeps.
const OF_THE_DATABASE: [&str; 3] = ["postgres-password", "keel-db-password", "temporal-db-password"];

/// Makes the secrets that are missing; what is there stays as it is.
///
/// The folder is its owner's alone. A file in it can be read by everybody who gets to it, and only containers do: Docker
/// mounts it with the owner and the mode it has here, and each image has another user.
///
/// # Errors
/// When the folder cannot be written, or `database` says that there is one already and its passwords are missing here.
pub fn ensure(database: &dyn Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let dir = dir();
    if let Some(name) = OF_THE_DATABASE.into_iter().find(|name| missing(&dir, name)) {
        ensure!(
            !database()?,
            "{} is missing, and the database that is here was made with it: restore {}, or begin anew with \
             `cargo xtask down --volumes`",
            paths::shown(&file(&dir, name)),
            paths::shown(&dir)
        );
    }
    let made = fill(&dir)?;
    if !made.is_empty() {
        say(&format!("made {} in {}", made.join(", "), paths::shown(&dir)));
    }
    Ok(())
}

/// Says which providers are still those of the demo, which only runs with `--demo`.
pub fn warn_of_the_sandbox() {
    for name in ["payments-url", "courier-url"] {
        let path = file(&dir(), name);
        if std::fs::read_to_string(&path).is_ok_and(|url| url.contains("//keel-sandbox")) {
            say(&format!(
                "WARNING: {} names the demo's sandbox, which does not run: put your provider's URL there",
                paths::shown(&path)
            ));
        }
    }
}

/// The folder.
pub fn dir() -> PathBuf {
    paths::root().join("deploy/secrets")
}

fn fill(dir: &Path) -> anyhow::Result<Vec<&'static str>> {
    paths::create(dir)?;
    std::fs::set_permissions(dir, Permissions::from_mode(0o700))?;
    let mut made = Vec::new();
    for name in OF_THE_DATABASE.into_iter().chain(["grafana-admin-password"]) {
        if missing(dir, name) {
            write(dir, name, &random()?)?;
            made.push(name);
        }
    }
    if missing(dir, "store-url") {
        let path = file(dir, "keel-db-password");
        let password = std::fs::read_to_string(&path).with_context(|| paths::shown(&path))?;
        write(dir, "store-url", &format!("postgres://keel:{}@postgres:5432/keel", password.trim()))?;
        made.push("store-url");
    }
    for (name, url) in [("payments-url", PAYMENTS), ("courier-url", COURIER)] {
        if missing(dir, name) {
            write(dir, name, url)?;
            made.push(name);
        }
    }
    Ok(made)
}

fn file(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.txt"))
}

fn missing(dir: &Path, name: &str) -> bool {
    std::fs::metadata(file(dir, name)).map_or(true, |meta| meta.len() == 0)
}

/// Written beside and moved, so that a cut leaves no half of a secret.
fn write(dir: &Path, name: &str, value: &str) -> anyhow::Result<()> {
    let mut beside = tempfile::NamedTempFile::new_in(dir)?;
    beside.write_all(value.as_bytes())?;
    beside.as_file().set_permissions(Permissions::from_mode(0o444))?;
    let path = file(dir, name);
    beside.persist(&path).with_context(|| format!("cannot write {}", paths::shown(&path)))?;
    Ok(())
}

/// 192 bits from the system, in letters that need no quoting in a URL.
fn random() -> anyhow::Result<String> {
    let mut bytes = [0_u8; 24];
    let mut source =
        std::fs::File::open("/dev/urandom").context("cannot open the system's random numbers")?;
    source.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::fill;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn secrets_are_made_once_and_only_their_owner_reaches_them() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("secrets");
        assert_eq!(fill(&dir).unwrap().len(), 7);
        let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
        let password = read("keel-db-password.txt");
        assert_eq!(password.len(), 48);
        assert_ne!(password, read("postgres-password.txt"));
        assert_eq!(read("store-url.txt"), format!("postgres://keel:{password}@postgres:5432/keel"));
        assert_eq!(std::fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);

        std::fs::remove_file(dir.join("payments-url.txt")).unwrap();
        assert_eq!(fill(&dir).unwrap(), ["payments-url"]);
        assert_eq!(read("keel-db-password.txt"), password);
    }
}
