//! The versions of the worker that the drill deploys: this checkout, and changes to it that are kept as patches.
//!
//! They are built in a copy of the sources, so that nothing of a drill is ever in the product, and into a target folder of
//! their own: in a shared one cargo takes the crates of the two for the same. It begins with links to what the checkout has
//! compiled of others, so that only Keel's own crates are compiled.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;

use crate::image::{self, Role, Stamp};
use crate::tools::Docker;
use crate::{binaries, exec, paths};

const GIT: Duration = Duration::from_secs(60);
const STRIP: Duration = Duration::from_secs(60);

/// What B changes: a further step in new runs, behind a patch marker.
const B: &str = include_str!("b.patch");
/// What C changes on top of B: two steps swapped, without a marker.
const C: &str = include_str!("c.patch");
/// What D changes on top of B: another marked step, and an activity that panics.
const D: &str = include_str!("d.patch");

/// The builds, by the letter they have in the drill.
#[derive(Debug)]
pub struct Versions {
    /// The tag of each, which is its build id too.
    pub tags: [String; 4],
    /// The checkout's own binaries.
    pub binaries: binaries::Binaries,
    /// `keel-load`.
    pub load: PathBuf,
}

/// Builds all of them and has the engine have their images.
///
/// # Errors
/// When a patch does not fit any more, or a build fails.
pub fn make(docker: &Docker, name: &str) -> anyhow::Result<Versions> {
    let stamp = Stamp::read()?;
    let (binaries, load) = binaries::build_with_load(false)?;
    let target = paths::keel(&format!("{name}-target"));
    prime(&paths::root().join("target/debug"), &target.join("debug"))?;
    let tags = ["a", "b", "c", "d"].map(|letter| format!("{name}-{letter}"));
    let sources = paths::keel(&format!("{name}-sources"));
    let programs = paths::keel(&format!("{name}-programs"));
    paths::wipe(&programs)?;
    let changed: [(&str, &[&str]); 3] = [(&tags[1], &[B]), (&tags[2], &[B, C]), (&tags[3], &[B, D])];
    for (tag, patches) in changed {
        eprintln!("  building {tag}");
        lay_out(&sources, patches)?;
        let built = compile(&sources, &target)?;
        let program = stripped(&built, &programs.join(tag))?;
        image::of_program(docker, Role::Worker, &program, &named(&stamp, tag))?;
    }
    let first =
        [(Role::Worker, &binaries.worker), (Role::Cli, &binaries.keel), (Role::Sandbox, &binaries.sandbox)];
    for (role, binary) in first {
        let program = stripped(binary, &programs.join(role.name()))?;
        let image = image::of_program(docker, role, &program, &named(&stamp, &tags[0]))?;
        if role != Role::Worker {
            for tag in &tags[1..] {
                image::name(docker, &image, &format!("keel/{}:{tag}", role.name()))?;
            }
        }
    }
    Ok(Versions { tags, binaries, load })
}

fn named(stamp: &Stamp, tag: &str) -> Stamp {
    Stamp { build_id: tag.to_owned(), ..stamp.clone() }
}

/// Brings the copy to the checkout's files with the patches; what is so already keeps its time, so that cargo builds no more
/// than it must.
fn lay_out(sources: &Path, patches: &[&str]) -> anyhow::Result<()> {
    let fresh = tempfile::tempdir()?;
    let mut list = exec::tied("git", "TERM");
    list.arg("-C").arg(paths::root()).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files = exec::capture(&mut list, GIT)?.ok("git ls-files")?;
    let files: Vec<_> = files.split('\0').filter(|file| !file.is_empty()).collect();
    for file in &files {
        let (from, to) = (paths::root().join(file), fresh.path().join(file));
        // A file that was removed and not committed is still listed.
        if from.is_file() {
            paths::create(to.parent().context("a file is in a folder")?)?;
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {file}"))?;
        }
    }
    for patch in patches {
        apply(fresh.path(), patch)?;
    }
    paths::create(sources)?;
    for file in &files {
        let (from, to) = (fresh.path().join(file), sources.join(file));
        let Ok(wanted) = std::fs::read(&from) else { continue };
        if std::fs::read(&to).is_ok_and(|present| present == wanted) {
            continue;
        }
        paths::create(to.parent().context("a file is in a folder")?)?;
        std::fs::write(&to, wanted).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

fn apply(dir: &Path, patch: &str) -> anyhow::Result<()> {
    let mut file = tempfile::NamedTempFile::new()?;
    std::io::Write::write_all(&mut file, patch.as_bytes())?;
    let mut command = exec::tied("git", "TERM");
    // Outside of a repository git takes paths as they are.
    command.current_dir(dir).env("GIT_CEILING_DIRECTORIES", dir.parent().unwrap_or(dir));
    command.args(["apply", "--recount"]).arg(file.path());
    exec::capture(&mut command, GIT)?
        .ok("git apply")
        .context("a patch of the drill does not fit the sources any more: mend it in xtask/src/drill/rollout")
        .map(drop)
}

/// Links what is of others from one target folder into another. What is Keel's own stays out: it would be written to in place.
fn prime(from: &Path, to: &Path) -> anyhow::Result<()> {
    for part in [".fingerprint", "build", "deps"] {
        link(&from.join(part), &to.join(part))?;
    }
    Ok(())
}

fn link(from: &Path, to: &Path) -> anyhow::Result<()> {
    paths::create(to)?;
    for entry in std::fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        if text.contains("keel") || text.contains("xtask") {
            continue;
        }
        let target = to.join(&name);
        if entry.file_type()?.is_dir() {
            link(&entry.path(), &target)?;
        } else if !target.exists() {
            std::fs::hard_link(entry.path(), &target)
                .or_else(|_| std::fs::copy(entry.path(), &target).map(drop))
                .with_context(|| format!("cannot link {}", target.display()))?;
        }
    }
    Ok(())
}

/// The same packages as for every stack, so that what they share has the same features and is not built again.
fn compile(sources: &Path, target: &Path) -> anyhow::Result<PathBuf> {
    let mut cargo = exec::cargo();
    cargo.current_dir(sources).env("CARGO_TARGET_DIR", target);
    let args = [
        "-p",
        "keel-worker",
        "-p",
        "keel-client",
        "-p",
        "keel-sandbox",
        "-p",
        "keel-load",
        "--bin",
        "keel-worker",
    ];
    let mut built = binaries::cargo_build_with(cargo, &args)?;
    built.remove("keel-worker").context("cargo built no binary `keel-worker`")
}

/// A copy of the program without its symbols, which are half of it; with them where nothing can strip.
fn stripped(program: &Path, to: &Path) -> anyhow::Result<PathBuf> {
    let mut command = exec::tied("strip", "TERM");
    command.arg("-o").arg(to).arg(program);
    let done = exec::capture(&mut command, STRIP).is_ok_and(|output| output.status.success());
    if !done {
        std::fs::copy(program, to).with_context(|| format!("cannot copy {}", program.display()))?;
    }
    Ok(to.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{B, C, D, lay_out};

    #[test]
    fn the_patches_fit_the_sources() {
        let dir = tempfile::tempdir().unwrap();
        let read = |file: &str| std::fs::read_to_string(dir.path().join("crates").join(file)).unwrap();
        lay_out(dir.path(), &[B, C]).unwrap();
        assert!(read("keel-workflows/src/order/saga.rs").contains("for step in swapped"));
        lay_out(dir.path(), &[B, D]).unwrap();
        assert!(!read("keel-workflows/src/order/saga.rs").contains("for step in swapped"));
        assert!(read("keel-activities/src/order/steps.rs").contains("every order names its rate"));
        assert!(read("keel-workflows/src/order.rs").contains("drill-think-again"));
    }
}
