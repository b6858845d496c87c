//! `keel/prometheus` and `keel/alertmanager`, of Debian's packages, with the folders of the official images.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::Parts;
use crate::exec;
use crate::image::closure;
use crate::image::product::BIN;
use crate::image::spec::Image;
use crate::image::tree::Tree;
use crate::tools::Prometheus;

/// Enough to start; the stack mounts its own over it.
const PROMETHEUS_CONFIG: &str = "\
global:
  scrape_interval: 5s
scrape_configs:
  - job_name: prometheus
    static_configs:
      - targets: [127.0.0.1:9090]
";

/// Enough to start: it takes alerts and tells nobody.
const ALERTMANAGER_CONFIG: &str = "\
route:
  receiver: nobody
receivers:
  - name: nobody
";

/// The image of Prometheus, with `promtool`.
///
/// # Errors
/// When a library is missing.
pub fn prometheus(tool: &Prometheus) -> anyhow::Result<Image> {
    let mut tree = Tree::default();
    let (server, promtool) = (format!("{BIN}/prometheus"), format!("{BIN}/promtool"));
    closure::add(&mut tree, &server, &tool.server)?;
    closure::add(&mut tree, &promtool, &tool.promtool)?;
    // Debian's build reads its pages from here.
    let pages = Path::new("/usr/share/prometheus");
    if pages.is_dir() {
        // Two hundred megabytes of time zones as JSON serve nobody.
        tree.host_dir("usr/share/prometheus", pages, &|path| !path.ends_with("data/unpacked"))?;
    }
    tree.bytes("etc/prometheus/prometheus.yml", 0o644, PROMETHEUS_CONFIG);
    let parts = Parts {
        role: "prometheus",
        title: "Prometheus, for Keel where no registry can be reached",
        version: &tool.version,
        home: "/prometheus",
        entrypoint: &[&server],
        command: ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]
            .map(str::to_owned)
            .into(),
        env: &[],
        ports: &[9090],
        // A server that still reads its log refuses queries; `check ready` is missing in Debian's version.
        health: &[&promtool, "query", "instant", "http://127.0.0.1:9090", "vector(1)"],
        tree,
    };
    Ok(parts.image())
}

/// The image of Alertmanager, with `amtool`.
///
/// # Errors
/// Names the command that installs it.
pub fn alertmanager() -> anyhow::Result<Image> {
    let find = |names: [&str; 2]| {
        names.into_iter().find_map(|name| which::which(name).ok()).with_context(|| {
            format!(
                "{} is not installed: run `apt-get install -y --no-install-recommends prometheus-alertmanager` \
                 (macOS: `brew install alertmanager`); its service need not run",
                names[0]
            )
        })
    };
    let program = find(["alertmanager", "prometheus-alertmanager"])?;
    let mut tree = Tree::default();
    let (server, tool) = (format!("{BIN}/alertmanager"), format!("{BIN}/amtool"));
    closure::add(&mut tree, &server, &program)?;
    closure::add(&mut tree, &tool, &find(["amtool", "amtool"])?)?;
    let pages = Path::new("/usr/share/prometheus/alertmanager");
    if pages.is_dir() {
        tree.host_dir("usr/share/prometheus/alertmanager", pages, &|_| true)?;
    }
    tree.bytes("etc/alertmanager/alertmanager.yml", 0o644, ALERTMANAGER_CONFIG);
    let parts = Parts {
        role: "alertmanager",
        title: "Alertmanager, for Keel where no registry can be reached",
        version: &version(&program)?,
        home: "/alertmanager",
        entrypoint: &[&server],
        // One of its kind: it need not look for others.
        command: [
            "--config.file=/etc/alertmanager/alertmanager.yml",
            "--storage.path=/alertmanager",
            "--cluster.listen-address=",
        ]
        .map(str::to_owned)
        .into(),
        env: &[],
        ports: &[9093],
        health: &[&tool, "--alertmanager.url=http://127.0.0.1:9093", "config", "show"],
        tree,
    };
    Ok(parts.image())
}

fn version(program: &Path) -> anyhow::Result<String> {
    let output = exec::capture(exec::tied(program, "TERM").arg("--version"), Duration::from_secs(10))?;
    let text = format!("{}{}", output.stdout, output.stderr);
    version_in(&text)
        .map(str::to_owned)
        .with_context(|| format!("cannot understand the version of Alertmanager: {}", text.trim()))
}

/// Reads `alertmanager, version 0.25.0 (branch: …`.
fn version_in(text: &str) -> Option<&str> {
    let rest = text.split("alertmanager, version ").nth(1)?;
    rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().filter(|version| !version.is_empty())
}

#[cfg(test)]
mod tests {
    use super::version_in;

    #[test]
    fn the_version_of_alertmanager_is_read() {
        assert_eq!(version_in("alertmanager, version 0.25.0 (branch: debian/sid, revision"), Some("0.25.0"));
        assert_eq!(version_in("prometheus, version 2.42.0"), None);
    }
}
