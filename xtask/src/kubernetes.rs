//! `cargo xtask kubernetes`: what is generated in `deploy/kubernetes`, and an overlay rendered for a build.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Subcommand;

use crate::{alerts, exec, paths, tools};

const RULES: &str = "deploy/kubernetes/components/monitoring/rules.yaml";
const RENDER_LIMIT: Duration = Duration::from_secs(60);

/// Generate the operator's alert rules, or render an overlay of deploy/kubernetes for a build.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Write the alerts of deploy/observability as the Prometheus Operator reads them
    Rules,
    /// Print an overlay with the images of a build, for `kubectl apply -f -`
    Render(Render),
}

/// What to render.
#[derive(clap::Args)]
struct Render {
    /// A folder of deploy/kubernetes/overlays, such as production
    overlay: String,
    /// The build to run: the tag of both images
    #[arg(long, value_name = "BUILD")]
    tag: String,
    /// Where the cluster pulls from, such as registry.example.com/team; the images are below it
    #[arg(long, value_name = "HOST/PATH")]
    registry: Option<String>,
}

/// Runs the subcommand.
///
/// # Errors
/// When a file cannot be read or written, kubectl is missing, or Kustomize refuses the overlay.
pub fn run(args: Args) -> anyhow::Result<()> {
    match args.what {
        What::Rules => rules(),
        What::Render(render) => print(&render),
    }
}

fn rules() -> anyhow::Result<()> {
    let mut text = String::from(
        "# Made by `cargo xtask kubernetes rules` from deploy/observability/alerts: change them there. A test holds both together.\n",
    );
    for file in alerts::files(&paths::root().join("deploy/observability/alerts"))? {
        let from =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", paths::shown(&file)))?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        text.push_str(
            &as_resource(&stem, &from).with_context(|| format!("{} has no groups", paths::shown(&file)))?,
        );
    }
    std::fs::write(paths::root().join(RULES), text).with_context(|| format!("cannot write {RULES}"))?;
    println!("{RULES}");
    Ok(())
}

/// A rules file as a resource: its groups, one step further to the right. Its remarks stay.
fn as_resource(name: &str, text: &str) -> Option<String> {
    let (head, groups) = text.split_once("\ngroups:\n")?;
    let mut out = format!(
        "---\n{head}\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: {name}\n  labels:\n    \
         app.kubernetes.io/part-of: keel\nspec:\n  groups:\n"
    );
    for line in groups.lines() {
        if line.is_empty() {
            out.push('\n');
        } else {
            let _ = writeln!(out, "  {line}");
        }
    }
    Some(out)
}

fn print(render: &Render) -> anyhow::Result<()> {
    let overlay = overlay(&render.overlay)?;
    for (what, value) in [("--tag", Some(&render.tag)), ("--registry", render.registry.as_ref())] {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:".contains(c);
        ensure!(
            value.is_none_or(|value| !value.is_empty() && value.chars().all(plain)),
            "{what}: use letters, digits and -_./: only"
        );
    }
    let kubectl = tools::kubectl()?;
    paths::create(&paths::keel("kubernetes"))?;
    let work = tempfile::tempdir_in(paths::keel("kubernetes"))?;
    std::fs::write(work.path().join("kustomization.yaml"), over(&overlay, work.path(), render)?)?;
    let mut command = exec::tied(&kubectl.path, "TERM");
    command.arg("kustomize").arg(work.path());
    print!("{}", exec::capture(&mut command, RENDER_LIMIT)?.ok("kubectl kustomize")?);
    Ok(())
}

fn overlay(name: &str) -> anyhow::Result<PathBuf> {
    let all = paths::root().join("deploy/kubernetes/overlays");
    let mut known: Vec<String> = std::fs::read_dir(&all)
        .with_context(|| format!("cannot read {}", paths::shown(&all)))?
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    known.sort();
    ensure!(
        known.iter().any(|one| one == name),
        "there is no overlay {name}; choose one of {}",
        known.join(", ")
    );
    Ok(all.join(name))
}

/// A kustomization over the overlay that says which images.
fn over(overlay: &Path, from: &Path, render: &Render) -> anyhow::Result<String> {
    let depth =
        from.strip_prefix(paths::root()).context("the target folder is elsewhere")?.components().count();
    let up = "../".repeat(depth);
    let mut text = format!("resources: [\"{up}{}\"]\nimages:\n", paths::shown(overlay));
    for image in ["keel/worker", "keel/cli"] {
        let to = render
            .registry
            .as_ref()
            .map_or_else(|| image.to_owned(), |registry| format!("{registry}/{image}"));
        let _ = writeln!(text, "  - {{name: {image}, newName: \"{to}\", newTag: \"{}\"}}", render.tag);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::as_resource;

    #[test]
    fn a_rules_file_becomes_a_resource_with_its_remarks() {
        let text = "# Why.\ngroups:\n  - name: a\n\n    rules: []\n";
        let expected = "---\n# Why.\napiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: a-file\n  \
                        labels:\n    app.kubernetes.io/part-of: keel\nspec:\n  groups:\n    - name: a\n\n      rules: []\n";
        assert_eq!(as_resource("a-file", text).unwrap(), expected);
        assert_eq!(as_resource("x", "rules: []\n"), None);
    }
}
