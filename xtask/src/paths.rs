//! Where things are: the repository, and the one folder xtask writes to.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::Context;

/// The repository's root.
pub fn root() -> &'static Path {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    ROOT.get_or_init(|| {
        // Cargo sets it for `cargo xtask`; the value from the build serves a binary that is started by hand.
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .filter(|dir| dir.ends_with("xtask"))
            .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
        manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
    })
}

/// `target/keel/<parts>`, absolute.
pub fn keel(parts: &str) -> PathBuf {
    root().join("target/keel").join(parts)
}

/// The path as a person would type it at the root.
pub fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Creates a folder with its parents.
///
/// # Errors
/// Names the folder.
pub fn create(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))
}

/// Empties a folder, or creates it.
///
/// # Errors
/// Names the folder.
pub fn wipe(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    create(dir)
}

/// An open lock file; the lock goes with the value, also when the process is killed.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock if nobody has it.
    ///
    /// # Errors
    /// When the file cannot be opened or locks do not work there.
    pub fn try_take(path: &Path) -> anyhow::Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {}", path.display()))
            }
        }
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    if let Some(parent) = path.parent() {
        create(parent)?;
    }
    File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("cannot open {}", path.display()))
}

/// A folder that this process has for itself, for as long as the value lives.
#[derive(Debug)]
pub struct Claim {
    /// The folder, empty in the beginning.
    pub dir: PathBuf,
    /// Its last part, which also names the folder of the logs.
    pub scope: String,
    /// Where the logs are, for people.
    pub logs: String,
    _lock: Lock,
}

/// An emptied folder under `target/keel/`: `name`, or `name-2` and so on while others run.
///
/// # Errors
/// When the folder cannot be made, or sixteen others are at work.
pub fn claim(name: &str) -> anyhow::Result<Claim> {
    for number in 1..=16 {
        let scope = if number == 1 { name.to_owned() } else { format!("{name}-{number}") };
        let dir = keel(&scope);
        if let Some(lock) = Lock::try_take(&dir.with_extension("lock"))? {
            wipe(&dir)?;
            let logs = format!("the logs are in {}", shown(&keel("run").join(&scope)));
            return Ok(Claim { dir, scope, logs, _lock: lock });
        }
    }
    anyhow::bail!("16 runs of `cargo xtask {name}` are at work in this checkout: stop some of them")
}

/// This very program, to call it as a person would. A build may have replaced it since it was started.
///
/// # Errors
/// When the system does not tell.
pub fn this_program() -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe().context("the path of xtask")?;
    // What the kernel says of a file that is gone; the new one lies in its place.
    let replaced = path.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(replaced.unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::{Lock, wipe};

    #[test]
    fn a_lock_is_held_once_and_goes_with_its_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/a.lock");
        let first = Lock::try_take(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none());
        drop(first);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }

    #[test]
    fn wiping_leaves_an_empty_folder() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("state");
        wipe(&inner).unwrap();
        std::fs::write(inner.join("file"), "x").unwrap();
        wipe(&inner).unwrap();
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 0);
    }
}
