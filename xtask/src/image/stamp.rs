//! Which source an image is of: the commit, and what was changed since.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::{exec, paths};

const GIT: Duration = Duration::from_secs(60);

/// The source of a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The commit, whole.
    pub revision: String,
    /// The first 12 digits of the commit, and `-dirty-<8 digits of the tree>` when files differ from it.
    pub build_id: String,
    /// The version of the workspace.
    pub version: String,
    /// The commit's time, RFC 3339.
    pub created: String,
}

impl Stamp {
    /// The source as it is now, untracked files included and ignored ones not.
    ///
    /// # Errors
    /// When this is no git checkout with a commit.
    pub fn read() -> anyhow::Result<Self> {
        let root = paths::root();
        let show = |format: &str| {
            let mut command = git(root, &["show", "--no-patch", "--date=format-local:%Y-%m-%dT%H:%M:%SZ"]);
            ask(command.arg(format!("--format={format}")).arg("HEAD").env("TZ", "UTC"))
        };
        let revision = show("%H").context("images are named after the commit they are made of")?;
        ensure!(revision.len() >= 12, "git names a commit {revision:?}");
        let committed = show("%T")?;
        let tree = tree(root)?;
        let mut build_id = revision[..12].to_owned();
        if tree != committed {
            build_id.push_str("-dirty-");
            build_id.push_str(&tree[..8]);
        }
        let version = version_in(&std::fs::read_to_string(root.join("Cargo.toml"))?)
            .context("Cargo.toml names no version for the workspace")?;
        Ok(Self { revision, build_id, version, created: show("%cd")? })
    }
}

/// The hash of the tree as it would be committed now; an index of its own, so that nothing is staged for the person.
fn tree(root: &Path) -> anyhow::Result<String> {
    let scratch = tempfile::tempdir()?;
    let index = scratch.path().join("index");
    let own = ask(&mut git(root, &["rev-parse", "--path-format=absolute", "--git-path", "index"]))?;
    // With a copy, git rereads only what changed. Without one it reads everything, which is right as well.
    let _ = std::fs::copy(own, &index);
    ask(git(root, &["add", "--all", "."]).env("GIT_INDEX_FILE", &index))?;
    ask(git(root, &["write-tree"]).env("GIT_INDEX_FILE", &index))
}

fn git(root: &Path, args: &[&str]) -> Command {
    let mut command = exec::tied("git", "TERM");
    command.arg("-C").arg(root).args(args);
    command
}

fn ask(command: &mut Command) -> anyhow::Result<String> {
    let shown = exec::show(command);
    Ok(exec::capture(command, GIT)?.ok(&shown)?.trim().to_owned())
}

/// The version below `[workspace.package]`.
fn version_in(manifest: &str) -> Option<String> {
    let section = manifest.split("[workspace.package]").nth(1)?.split("\n[").next()?;
    let line = section.lines().find(|line| line.starts_with("version"))?;
    line.split('"').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::{Stamp, tree, version_in};

    fn run(dir: &Path, args: &[&str]) -> String {
        let output = Command::new("git")
            .arg("-C")
            .arg(dir)
            .args(["-c", "user.name=t", "-c", "user.email=t@t"])
            .args(args)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    #[test]
    fn the_tree_counts_what_git_would_commit_and_stages_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path();
        run(dir, &["init", "-q"]);
        std::fs::write(dir.join("a"), "a").unwrap();
        std::fs::write(dir.join(".gitignore"), "ignored\n").unwrap();
        run(dir, &["add", "."]);
        run(dir, &["commit", "-q", "-m", "x"]);
        let clean = run(dir, &["rev-parse", "HEAD^{tree}"]);
        assert_eq!(tree(dir).unwrap(), clean);
        std::fs::write(dir.join("ignored"), "x").unwrap();
        assert_eq!(tree(dir).unwrap(), clean);
        std::fs::write(dir.join("new"), "x").unwrap();
        let dirty = tree(dir).unwrap();
        assert_ne!(dirty, clean);
        assert_eq!(run(dir, &["status", "--porcelain"]), "?? new");
        std::fs::remove_file(dir.join("new")).unwrap();
        assert_eq!(tree(dir).unwrap(), clean);
    }

    #[test]
    fn this_checkout_has_a_stamp() {
        let stamp = Stamp::read().unwrap();
        assert!(stamp.revision.starts_with(&stamp.build_id[..12]), "{stamp:?}");
        assert!(stamp.created.ends_with('Z') && stamp.created.len() == 20, "{stamp:?}");
        assert_eq!(stamp.version, env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn the_version_is_the_workspaces() {
        assert_eq!(
            version_in(
                "[a]\nversion = \"9\"\n[workspace.package]\nversion = \"0.1.0\"\n[b]\nversion = \"8\""
            )
            .as_deref(),
            Some("0.1.0")
        );
        assert_eq!(version_in("[package]\nversion = \"1\""), None);
    }
}
