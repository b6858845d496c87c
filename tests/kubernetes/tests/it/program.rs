//! Probes ask pages that the real worker serves.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keel_kubernetes::each;
use keel_kubernetes::pods::pods;
use keel_kubernetes::worker::binary;

use crate::overlays::read;

const LIMIT: Duration = Duration::from_secs(30);

/// A worker without a server to talk to, which is enough for its pages.
struct Worker {
    child: Child,
    address: SocketAddr,
}

impl Worker {
    fn start(folder: &std::path::Path) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let child = Command::new(binary("keel/worker").unwrap())
            .env_clear()
            .current_dir(folder)
            .args(["--set", &format!("http.listen={address}")])
            .args(["--set", "temporal.address=127.0.0.1:1", "--set", "log.level=off"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address }
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

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself; either way nothing of it is left.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_worker_serves_every_page_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let worker = Worker::start(folder.path());
    let deadline = Instant::now() + LIMIT;
    while worker.ask("/livez").is_err() {
        assert!(Instant::now() < deadline, "the worker opened no port within {LIMIT:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(worker.ask("/no-such-page").unwrap(), 404, "a worker that answers everything proves nothing");

    let documents = read("overlays/production");
    let mut paths = Vec::new();
    for pod in pods(&documents).iter().filter(|pod| pod.spec.containers[0].name == "worker") {
        let container = &pod.spec.containers[0];
        for probe in [&container.startup_probe, &container.liveness_probe, &container.readiness_probe] {
            paths.push(probe.as_ref().unwrap().http_get.as_ref().unwrap().path.clone().unwrap());
        }
    }
    for monitor in each!(documents, PodMonitor) {
        paths.extend(monitor.spec.pod_metrics_endpoints.iter().filter_map(|endpoint| endpoint.path.clone()));
    }
    assert_eq!(paths, ["/startupz", "/livez", "/readyz", "/metrics"]);
    for path in paths {
        let status = worker.ask(&path).unwrap();
        assert!([200, 503].contains(&status), "{path} answers {status}");
    }
}
