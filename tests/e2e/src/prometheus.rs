//! A real Prometheus with the delivered rules, most often on a faster clock, over one worker or a stack.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::process::Daemon;
use crate::rules::faster;
use crate::server::free_port;
use crate::wait::{DEADLINE, eventually};
use crate::world::needed;

/// A minute of the rules is a second of a test.
const FASTER: u32 = 60;
/// Scrapes and evaluations, ten in the shortest five minutes of a rule; slow enough for a busy machine.
const INTERVAL: &str = "500ms";
/// One alert, with the whole of its window and its `for`, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks, and between two doings of what causes an alert.
const PAUSE: Duration = Duration::from_millis(500);

/// A running Prometheus.
pub struct Prometheus {
    daemon: Daemon,
    url: String,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes the worker at `target`, and waits until it has seen it.
    ///
    /// # Panics
    /// When it does not start or does not see the worker.
    #[must_use]
    pub fn over(target: &str) -> Self {
        Self::at(target, FASTER)
    }

    /// The same on a clock that is `factor` times as fast as that of production.
    ///
    /// # Panics
    /// When it does not start or does not see the worker.
    #[must_use]
    pub fn at(target: &str, factor: u32) -> Self {
        let port = free_port();
        Self::start(&delivered_config(target, port), port, factor)
    }

    /// One that scrapes several workers and a Temporal server, under the names of the jobs that dashboards and alerts rely on.
    ///
    /// # Panics
    /// When it does not start or does not see a worker.
    #[must_use]
    pub fn over_stack(workers: &[String], server: &str, factor: u32) -> Self {
        let job = |name: &str, targets: &[String]| json!({ "job_name": name, "static_configs": [{ "targets": targets }] });
        // JSON is YAML.
        let config = json!({
            "global": { "scrape_interval": INTERVAL, "scrape_timeout": INTERVAL, "evaluation_interval": INTERVAL },
            "rule_files": ["alerts/*.yml"],
            "scrape_configs": [job("keel-worker", workers), job("temporal-server", &[server.to_owned()])],
        });
        Self::start(&config.to_string(), free_port(), factor)
    }

    fn start(config: &str, port: u16, factor: u32) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(dir.path().join("prometheus.yml"), config).expect("the configuration is written");
        deliver_rules(dir.path(), factor);
        let mut command = Command::new(needed("KEEL_TEST_PROMETHEUS"));
        command.args(["--config.file", "prometheus.yml", "--storage.tsdb.path", "data"]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        command.args(["--query.lookback-delta=5s", "--log.level=warn"]).current_dir(dir.path());
        let log = dir.path().join("prometheus.log");
        let daemon = Daemon::start(command, &log);
        let mut started = Self { daemon, url: format!("http://127.0.0.1:{port}"), _dir: dir };
        eventually("a Prometheus that sees the worker", || {
            assert!(started.daemon.ended().is_none(), "Prometheus ended: {}", started.daemon.log());
            (started.value("up{job=\"keel-worker\"}")? > 0.0).then_some(())
        });
        started
    }

    /// Where it answers, such as `http://127.0.0.1:9090`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits until `alert` fires; `meanwhile` runs again and again, to keep up what causes it.
    ///
    /// # Panics
    /// When it does not fire in time; the message has every alert there is.
    pub fn fires(&self, alert: &str, mut meanwhile: impl FnMut()) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let alerts = self.alerts();
            let found = alerts.iter().find(|a| a["labels"]["alertname"] == alert && a["state"] == "firing");
            if let Some(found) = found {
                return found.clone();
            }
            assert!(Instant::now() < end, "{alert} did not fire within {PATIENCE:?}; there is {alerts:#?}");
            meanwhile();
            std::thread::sleep(PAUSE);
        }
    }

    /// The names of the alerts that fired within the last `range`, such as `20s`.
    ///
    /// Do not look back to the start: Prometheus evaluates rules at once and scrapes first after five seconds, which are
    /// five minutes of `KeelWorkerAbsent` on this clock.
    ///
    /// # Panics
    /// When Prometheus does not answer.
    #[must_use]
    pub fn fired_within(&self, range: &str) -> Vec<String> {
        let query =
            format!("count by (alertname) (count_over_time(ALERTS{{alertstate=\"firing\"}}[{range}]))");
        let rows = self.query(&query).expect("Prometheus answers");
        let rows = rows["data"]["result"].as_array().cloned().unwrap_or_default();
        rows.iter().filter_map(|row| row["metric"]["alertname"].as_str().map(str::to_owned)).collect()
    }

    /// The value of the first series that `query` yields; `None` when there is none, or no answer yet.
    #[must_use]
    pub fn value(&self, query: &str) -> Option<f64> {
        self.query(query)?["data"]["result"][0]["value"][1].as_str()?.parse().ok()
    }

    fn alerts(&self) -> Vec<Value> {
        let answer = self.get("/api/v1/alerts", &[]).unwrap_or_default();
        answer["data"]["alerts"].as_array().cloned().unwrap_or_default()
    }

    fn query(&self, query: &str) -> Option<Value> {
        self.get("/api/v1/query", &[("query", query)])
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Option<Value> {
        ureq::get(format!("{}{path}", self.url))
            .query_pairs(parameters.iter().copied())
            .config()
            .timeout_global(Some(DEADLINE))
            .build()
            .call()
            .ok()?
            .body_mut()
            .read_json()
            .ok()
    }
}

fn delivered() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/observability")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a delivered file")
}

/// The delivered configuration with another clock and other targets.
fn delivered_config(target: &str, port: u16) -> String {
    let mut config = String::new();
    for line in read(&delivered().join("prometheus.yml")).lines() {
        let key = line.split_once(": ").map_or(line, |(key, _)| key);
        match key.trim() {
            "scrape_interval" | "scrape_timeout" | "evaluation_interval" => {
                config.push_str(&format!("{key}: {INTERVAL}\n"));
            }
            _ => config.push_str(&format!("{line}\n")),
        }
    }
    let config =
        config.replace("127.0.0.1:8080", target).replace("127.0.0.1:9090", &format!("127.0.0.1:{port}"));
    assert!(config.contains(target), "prometheus.yml has lost its target");
    config
}

/// Writes the delivered rules with another clock.
fn deliver_rules(dir: &Path, factor: u32) {
    std::fs::create_dir(dir.join("alerts")).expect("a folder for the rules");
    for entry in std::fs::read_dir(delivered().join("alerts")).expect("the delivered rules") {
        let path = entry.expect("a rule file").path();
        let name = path.file_name().expect("a name").to_owned();
        std::fs::write(dir.join("alerts").join(name), faster(&read(&path), factor))
            .expect("a rule is written");
    }
}
