//! Real sockets, real HTTP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::put;

use super::listener::{MAX_CONNECTIONS, MAX_SILENCE, is_local};
use super::{
    About, Endpoints, HttpError, HttpOptions, HttpServer, Probe, ProbeError, current_log_level, probe,
};
use crate::health::{Health, Phase};
use crate::metrics::Metrics;

fn serve(health: &Health) -> HttpServer {
    let endpoints = Endpoints {
        health: health.clone(),
        about: About {
            version: "1.2.3".to_owned(),
            build_id: "b7".to_owned(),
            deployment: "d".to_owned(),
            role: "worker",
        },
        metrics: None,
        more: Router::new().route("/echo", put(|body: String| async { body })),
        source: None,
    };
    HttpServer::start(&listen("127.0.0.1:0"), endpoints).unwrap().unwrap()
}

fn listen(listen: &str) -> HttpOptions {
    HttpOptions { listen: listen.to_owned() }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(20)));
    config.http_status_as_error(false).build().into()
}

fn get(server: &HttpServer, path: &str) -> (u16, String) {
    let mut answer = agent().get(format!("http://{}{path}", server.address())).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

fn answer(status: u16, text: &str) -> (u16, String) {
    (status, text.to_owned())
}

#[test]
fn the_pages_follow_the_health() {
    let health = Health::new();
    let server = serve(&health);
    let pulse = health.pulse("workflows", Duration::from_secs(3600));
    let check = health.check("temporal");
    check.fail("nobody listens on 127.0.0.1:7233; start the server");
    let why = "starting\ntemporal: nobody listens on 127.0.0.1:7233; start the server\n";
    assert_eq!(get(&server, "/livez"), answer(200, "ok\n"));
    assert_eq!(get(&server, "/readyz"), answer(503, why));
    assert_eq!(get(&server, "/startupz"), answer(503, why));
    assert_eq!(get(&server, "/health").0, 503);

    check.pass();
    health.set_phase(Phase::Running);
    for path in ["/livez", "/readyz", "/startupz"] {
        assert_eq!(get(&server, path), answer(200, "ok\n"), "{path}");
    }
    health.detail("slots", || serde_json::json!({"activity": 100}));
    let (status, text) = get(&server, "/health");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(status, 200, "{document}");
    assert_eq!([&document["version"], &document["buildId"], &document["role"]], ["1.2.3", "b7", "worker"]);
    assert_eq!(document["deployment"], "d");
    assert_eq!(document["phase"], "running");
    assert_eq!(document["checks"]["temporal"]["ok"], true);
    assert_eq!(document["details"]["slots"]["activity"], 100);

    health.set_phase(Phase::Draining);
    let draining = "draining: asked to stop, takes no new work\n";
    assert_eq!(get(&server, "/readyz"), answer(503, draining));
    assert_eq!((get(&server, "/livez").0, get(&server, "/startupz").0), (200, 200));

    pulse.remove();
    let stuck = health.pulse("workflows", Duration::ZERO);
    assert_eq!(get(&server, "/livez"), answer(503, "workflows: stuck for 0 s\n"));
    drop(stuck);
}

#[test]
fn metrics_and_further_routes_are_served() {
    let server = serve(&Health::new());
    assert_eq!((get(&server, "/metrics").0, get(&server, "/elsewhere").0), (404, 404));
    let echo = format!("http://{}/echo", server.address());
    assert_eq!(agent().put(&echo).send("debug").unwrap().body_mut().read_to_string().unwrap(), "debug");
    assert_eq!(agent().put(&echo).send("x".repeat(5000)).unwrap().status(), 413);

    let (metrics, recorder) = Metrics::build(&[], &["orderWorkflow"]).unwrap();
    metrics::with_local_recorder(&recorder, || metrics::counter!("seen_total").increment(3));
    let endpoints = Endpoints { metrics: Some(metrics), ..Endpoints::default() };
    let server = HttpServer::start(&listen("127.0.0.1:0"), endpoints).unwrap().unwrap();
    let mut page = agent().get(format!("http://{}/metrics", server.address())).call().unwrap();
    let kind = page.headers()["content-type"].to_str().unwrap().to_owned();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = page.body_mut().read_to_string().unwrap();
    assert!(text.contains("# TYPE seen_total counter\nseen_total 3\n"), "{text}");
}

#[test]
fn a_taken_port_names_the_setting_and_an_empty_address_serves_nothing() {
    let holder = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let error = HttpServer::start(&listen(&taken), Endpoints::default()).unwrap_err();
    assert!(matches!(error, HttpError::Bind { .. }));
    let text = error.to_string();
    assert!(text.contains(&taken) && text.contains("set http.listen"), "{text}");
    assert!(HttpServer::start(&listen(" "), Endpoints::default()).unwrap().is_none());
}

#[test]
fn a_probe_asks_whoever_listens() {
    let health = Health::new();
    let server = serve(&health);
    let here = listen(&server.address().to_string());
    assert_eq!(probe(&here, Probe::Live).unwrap(), "ok");
    assert!(matches!(probe(&here, Probe::Ready), Err(ProbeError::Unwell(why)) if why == "starting"));
    health.set_phase(Phase::Running);
    // Listening everywhere, it is asked on the loopback.
    let everywhere = listen(&format!("0.0.0.0:{}", server.address().port()));
    assert_eq!(probe(&everywhere, Probe::Ready).unwrap(), "ok");
    assert_eq!(probe(&everywhere, Probe::Startup).unwrap(), "ok");
    let missing = current_log_level(&everywhere).unwrap_err().to_string();
    assert!(missing.contains("has no /log/level (status 404)"), "{missing}");
    assert!(matches!(probe(&listen(""), Probe::Ready), Err(ProbeError::Off)));
    assert!(matches!(probe(&listen("[::]:0"), Probe::Ready), Err(ProbeError::Off)));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(probe(&listen(&nobody.to_string()), Probe::Ready), Err(ProbeError::Silent { .. })));
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(20)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

#[test]
fn clients_that_hold_every_connection_do_not_keep_a_probe_out() {
    let server = serve(&Health::new());
    let mut idle: Vec<TcpStream> = (0..2 * MAX_CONNECTIONS).map(|_| connect(server.address())).collect();
    for stream in &mut idle {
        // The server may have closed it to make room.
        let _ = stream.write_all(b"GET /livez HTTP/1.1\r\n");
    }
    assert_eq!(get(&server, "/livez"), answer(200, "ok\n"));
    let mut rest = Vec::new();
    // The first had to give way: it ends long before its time of silence is over.
    let _ = idle[0].read_to_end(&mut rest);
    assert_eq!(get(&server, "/livez").0, 200);
}

#[test]
fn a_request_that_trickles_in_is_cut_off() {
    let server = serve(&Health::new());
    let mut slow = connect(server.address());
    slow.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
    let begun = Instant::now();
    let mut buffer = [0; 64];
    // One header byte after the other, never the end of the head.
    let ended = loop {
        if slow.write_all(b"x").is_err() {
            break true;
        }
        match slow.read(&mut buffer) {
            Ok(0) => break true,
            Ok(_) => panic!("an answer to half a request"),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => break true,
        }
        if begun.elapsed() > 4 * MAX_SILENCE {
            break false;
        }
    };
    assert!(ended, "a slow client holds its connection");
    assert_eq!(get(&server, "/livez").0, 200);
}

#[test]
fn this_machine_is_told_from_others() {
    let is_local = |peer: &str, own: &str| is_local(peer.parse().unwrap(), own.parse().unwrap());
    assert!(is_local("127.0.0.1", "127.0.0.1") && is_local("::1", "::1"));
    assert!(is_local("172.18.0.5", "::ffff:172.18.0.5"), "asked on the address it listens on");
    assert!(!is_local("172.18.0.1", "172.18.0.5"), "the host is not the container");
    assert!(!is_local("127.0.0.6", "127.0.0.1"), "a mesh's proxy is not the container");
}
