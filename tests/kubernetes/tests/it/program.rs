//! Probes ask pages that the real worker serves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keel_kubernetes::pods::pods;
use keel_kubernetes::worker::binary;
use keel_kubernetes::{Documents, each};

use crate::overlays::read;

const LIMIT: Duration = Duration::from_secs(30);

/// A program without a server to talk to, which is enough for its pages.
struct Program {
    child: Child,
    address: SocketAddr,
    // Its store; goes after the program.
    _folder: tempfile::TempDir,
}

impl Program {
    fn start(image: &str, args: impl FnOnce(SocketAddr) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(binary(image).unwrap())
            .env_clear()
            .env("TEMPORAL_ADDRESS", "127.0.0.1:1")
            .env("KEEL__STORE__URL", format!("sqlite://{}", folder.path().join("keel.db").display()))
            .args(args(address))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let program = Self { child, address, _folder: folder };
        let deadline = Instant::now() + LIMIT;
        while program.ask("/livez").is_err() {
            assert!(Instant::now() < deadline, "{image} opened no port within {LIMIT:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(program.ask("/no-such-page").unwrap(), 404, "one that answers everything proves nothing");
        program
    }

    /// The status of a page.
    fn ask(&self, path: &str) -> std::io::Result<u16> {
        let mut stream = TcpStream::connect_timeout(&self.address, LIMIT)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: worker\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.split_whitespace().nth(1).and_then(|status| status.parse().ok());
        status.ok_or_else(|| std::io::Error::other(format!("no HTTP: {answer}")))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The pages that the probes of a pod ask for.
fn probed(documents: &Documents, container: &str) -> Vec<String> {
    let pods = pods(documents);
    let containers = pods.iter().flat_map(|pod| &pod.spec.containers).filter(|one| one.name == container);
    containers
        .flat_map(|one| [&one.startup_probe, &one.liveness_probe, &one.readiness_probe])
        .map(|probe| probe.as_ref().unwrap().http_get.as_ref().unwrap().path.clone().unwrap())
        .collect()
}

#[track_caller]
fn serves(program: &Program, paths: &[String]) {
    for path in paths {
        let status = program.ask(path).unwrap();
        assert!([200, 503].contains(&status), "{path} answers {status}");
    }
}

#[test]
fn the_worker_serves_every_page_that_is_asked_for() {
    let documents = read("overlays/production");
    let mut paths = probed(&documents, "worker");
    for monitor in each!(documents, PodMonitor) {
        paths.extend(monitor.spec.pod_metrics_endpoints.iter().filter_map(|endpoint| endpoint.path.clone()));
    }
    assert_eq!(paths, ["/startupz", "/livez", "/readyz", "/metrics"]);
    let worker = Program::start("keel/worker", |address| {
        vec![
            "--set".to_owned(),
            format!("http.listen={address}"),
            "--set".to_owned(),
            "log.level=off".to_owned(),
        ]
    });
    serves(&worker, &paths);
}

#[test]
fn the_front_serves_every_page_that_is_asked_for() {
    let documents = read("overlays/production");
    let mut paths = probed(&documents, "front");
    for monitor in each!(documents, ServiceMonitor) {
        paths.extend(monitor.spec.endpoints.iter().filter_map(|endpoint| endpoint.path.clone()));
    }
    assert_eq!(paths, ["/livez", "/livez", "/livez", "/metrics"]);
    let front = Program::start("keel/cli", |address| {
        ["fleet", "serve", "--listen", &address.to_string()].map(str::to_owned).to_vec()
    });
    serves(&front, &paths);
}
