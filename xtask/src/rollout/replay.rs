//! The first proof: the new build replays real histories, before anything of it is started.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::builds;
use crate::deploy::{Build, FRONT, Stack};
use crate::{exec, paths};

const SAVE: Duration = Duration::from_secs(150);
const REPLAY: Duration = Duration::from_secs(600);
const INSIDE: &str = "/histories";

/// What replaying came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// Every one of so many runs fits.
    Fits(usize),
    /// Some do not: the last line says how many, the ones before it which and why.
    Broken(String),
}

/// Saves the histories of the newest runs, lets the new build's image replay them without any network, and removes them.
///
/// # Errors
/// When the histories cannot be read, or the image does not run.
pub fn replay(stack: &Stack, build: &Build, last: u16) -> anyhow::Result<Replayed> {
    let folder = tempfile::Builder::new().prefix("histories").tempdir_in(stack.dir())?;
    // Only its owner gets into the outer folder; the images, which run as a user of their own, mount the inner one.
    let dir = folder.path().join("runs");
    paths::create(&dir)?;
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o777))?;
    save(stack, &dir, last)?;
    let saved = std::fs::read_dir(&dir)?.count();
    if saved == 0 {
        return Ok(Replayed::Fits(0));
    }
    let mount = format!("{}:{INSIDE}:ro", dir.display());
    let image = builds::image(build)?;
    let args = [
        "run",
        "--rm",
        "--pull",
        "never",
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
        "--tmpfs",
        "/tmp",
        "-v",
        &mount,
        image,
        "replay",
        INSIDE,
    ];
    let output = exec::capture(&mut stack.docker.command(&args), REPLAY)?;
    let said = read(&output.stdout);
    match said {
        Some((runs, 0)) if output.status.success() => Ok(Replayed::Fits(runs)),
        Some((_, failed)) if failed > 0 => Ok(Replayed::Broken(reasons(&output.stdout))),
        _ => bail!("{image} could not replay anything: {}", exec::last_lines(&output.stderr, 5)),
    }
}

fn save(stack: &Stack, dir: &Path, last: u16) -> anyhow::Result<()> {
    let mount = format!("{}:{INSIDE}", dir.display());
    let mut command =
        stack.compose(&["--progress", "quiet", "run", "--rm", "--no-deps", "-T", "-v", &mount, FRONT]);
    command.args(["fleet", "histories", "--last", &last.to_string(), "--out", INSIDE, "--output", "json"]);
    exec::capture(&mut command, SAVE)?.ok("keel fleet histories").context("reading real histories").map(drop)
}

/// Runs and failures of `replay: runs=N failed=M`.
fn read(stdout: &str) -> Option<(usize, usize)> {
    let line = stdout.lines().rev().find_map(|line| line.strip_prefix("replay: runs="))?;
    let (runs, failed) = line.split_once(" failed=")?;
    Some((runs.trim().parse().ok()?, failed.trim().parse().ok()?))
}

/// The first failure, and how many there are.
fn reasons(stdout: &str) -> String {
    let (runs, failed) = read(stdout).unwrap_or_default();
    let mut lines: Vec<String> = stdout
        .lines()
        .filter(|line| !line.starts_with("replay: "))
        .take(1)
        .map(|line| line.split_once(": ").map_or(line, |(_, rest)| rest).to_owned())
        .collect();
    lines.push(format!("{failed} of {runs} runs do not replay"));
    lines.reverse();
    lines.join("; ")
}

#[cfg(test)]
mod tests {
    use super::{read, reasons};

    #[test]
    fn the_workers_words_are_read() {
        let text = "/histories/0001-x.json: order-7: activity differs\nreplay: runs=12 failed=1\n";
        assert_eq!(read(text), Some((12, 1)));
        assert_eq!(reasons(text), "1 of 12 runs do not replay; order-7: activity differs");
        assert_eq!(read("nothing"), None);
    }
}
