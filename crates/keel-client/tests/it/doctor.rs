//! `keel doctor` against everything that can be wrong without a worker.

use std::io::{Read, Write};
use std::net::TcpListener;

use serde_json::Value;

use crate::server::{address, on_server, order};
use crate::support::{Ran, eventually, keel, keel_with, unique};

/// The steps of one name.
fn steps<'a>(report: &'a Value, name: &str) -> Vec<&'a Value> {
    report["steps"].as_array().expect("steps").iter().filter(|step| step["step"] == name).collect()
}

#[track_caller]
fn check(ran: &Ran, code: i32, expected: &[(&str, &str)]) -> Value {
    ran.check(code, &[]);
    let report = ran.json();
    assert_eq!(report["exitCode"], code);
    for (name, status) in expected {
        let found = steps(&report, name);
        assert!(
            !found.is_empty() && found.iter().all(|step| step["status"] == *status),
            "{name}: {report:#}"
        );
    }
    report
}

#[test]
fn nothing_listens() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let ran = keel(&["doctor", "--address", &closed, "--output", "json", "--timeout", "2s"]);
    let expected = [("dns", "ok"), ("tcp", "fail"), ("tls", "skipped"), ("namespace", "skipped")];
    let report = check(&ran, 10, &expected);
    assert!(steps(&report, "tcp")[0]["next"].as_str().unwrap().contains("cargo xtask up"), "{report:#}");
    let text = keel(&["doctor", "--address", "no-such-host.invalid", "--timeout", "5s"]);
    text.check(10, &[]);
    assert!(text.stdout.contains("FAIL  dns"), "{text:?}");
    assert!(text.stdout.contains("skip  backlog"), "{text:?}");
}

#[test]
fn a_listener_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = listener.local_addr().unwrap().to_string();
    let ran = keel(&["doctor", "--address", &silent, "--output", "json", "--timeout", "500ms"]);
    check(
        &ran,
        10,
        &[("tcp", "ok"), ("server", "fail"), ("authentication", "skipped"), ("pollers", "skipped")],
    );
    let https = format!("https://{silent}");
    let ran = keel(&["doctor", "--address", &https, "--output", "json", "--timeout", "500ms"]);
    check(&ran, 11, &[("tcp", "ok"), ("tls", "fail"), ("namespace", "skipped")]);
}

#[test]
fn tls_with_a_server_that_has_none() {
    let https = format!("https://{}", address().trim_start_matches("http://"));
    let ran = keel(&["doctor", "--address", &https, "--output", "json"]);
    let report = check(&ran, 11, &[("tls", "fail"), ("authentication", "skipped")]);
    assert!(
        steps(&report, "tls")[0]["next"].as_str().unwrap().contains("seems not to speak TLS"),
        "{report:#}"
    );
}

#[test]
fn a_missing_namespace() {
    let ran = on_server(&["doctor", "--namespace", "no-such-namespace"], "");
    let report = check(&ran, 13, &[("authentication", "ok"), ("namespace", "fail"), ("pollers", "skipped")]);
    let next = steps(&report, "namespace")[0]["next"].as_str().unwrap();
    assert!(next.contains("temporal operator namespace create --namespace no-such-namespace"), "{next}");
}

#[test]
fn a_queue_that_nobody_polls() {
    let queue = unique("doctor");
    let ran = on_server(&["doctor", "--task-queue", &queue], "");
    let expected = [
        ("server", "ok"),
        ("searchAttributes", "ok"),
        ("pollers", "fail"),
        ("backlog", "ok"),
        ("clock", "ok"),
    ];
    let report = check(&ran, 15, &expected);
    assert_eq!(steps(&report, "pollers").len(), 2);
    let next = steps(&report, "pollers")[0]["next"].as_str().unwrap();
    assert!(next.contains(&format!("keel-worker --set worker.task_queue={queue}")), "{next}");
    assert!(steps(&report, "namespace")[0]["figures"]["retentionHours"].as_u64().unwrap() > 0, "{report:#}");
    let clock = &steps(&report, "clock")[0]["figures"];
    assert!(clock["atLeastSeconds"].as_f64().unwrap() <= clock["atMostSeconds"].as_f64().unwrap(), "{clock}");

    let id = unique("CLI");
    on_server(&["order", "submit", "--file", "-", "--task-queue", &queue], &order(&id, "C")).check(0, &[]);
    eventually("an old backlog", || {
        let ran = on_server(&["doctor", "--task-queue", &queue, "--max-backlog-age", "100ms"], "");
        let report = ran.check(15, &[]).json();
        let backlog = steps(&report, "backlog")[0].clone();
        (backlog["status"] == "fail" && backlog["figures"]["backlog"] == 1).then_some(())
    });
    on_server(&["order", "cancel", &id], "").check(0, &[]);
}

/// Answers one request with `body`, and says where it listens.
fn one_answer(status: &str, body: &str) -> (String, std::thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        let mut head = [0; 1024];
        assert!(stream.read(&mut head).expect("a request") > 0);
        stream.write_all(answer.as_bytes()).expect("it listens");
    });
    (url, thread)
}

#[test]
fn a_worker_that_is_not_ready_is_asked_why() {
    let sick = r#"{"ready": false, "phase": "running", "problems": ["server: away"], "uptimeSeconds": 5}"#;
    let (url, thread) = one_answer("503 Service Unavailable", sick);
    let ran = on_server(&["doctor", "--worker-url", &url], "");
    thread.join().unwrap();
    let report = check(&ran, 15, &[("worker", "fail")]);
    assert!(steps(&report, "worker")[0]["detail"].as_str().unwrap().contains("server: away"), "{report:#}");
    let (url, thread) = one_answer("200 OK", "<html>");
    let ran = on_server(&["doctor", "--worker-url", &url], "");
    thread.join().unwrap();
    check(&ran, 15, &[("worker", "fail")]);
}

#[test]
fn wrong_files_are_found_before_anybody_connects() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "not a certificate").unwrap();
    let env = [("TEMPORAL_TLS_SERVER_CA_CERT_PATH", path.to_str().unwrap())];
    let problem = "temporal.tls.ca_file: holds no certificate in PEM form";
    keel_with(&env, &["config", "check"], "").check(64, &[problem]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let ran = keel_with(&env, &["doctor", "--address", &address, "--output", "json"], "");
    let report = check(&ran, 11, &[("tls", "fail")]);
    assert!(steps(&report, "tls")[0]["detail"].as_str().unwrap().contains(problem), "{report:#}");
}
