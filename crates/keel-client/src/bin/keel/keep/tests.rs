//! Against an engine of the test's own, behind a socket.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};

use super::engine::Engine;
use super::look;

const PROJECT: &str = "keel";

/// Answers with one ended container until the test ends, and tells what it was asked.
fn engine(
    dir: &Path,
    exit_code: i64,
    finished: jiff::Timestamp,
    events: &'static str,
) -> (Engine, Receiver<String>) {
    let path = dir.join("docker.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let (asked, told) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            let answer = if line.contains("/containers/json") {
                r#"[{"Id": "c1"}]"#.to_owned()
            } else if line.contains("/containers/c1/json") {
                let started = finished - jiff::SignedDuration::from_mins(1);
                format!(
                    r#"{{"Name": "/keel-worker-1", "State": {{"Status": "exited", "ExitCode": {exit_code},
                    "StartedAt": "{started}", "FinishedAt": "{finished}"}}}}"#
                )
            } else if line.contains("/events") {
                events.to_owned()
            } else {
                String::new()
            };
            let _ = write!(stream, "HTTP/1.0 200 OK\r\n\r\n{answer}");
            if asked.send(line).is_err() {
                return;
            }
        }
    });
    (Engine::new(&path), told)
}

fn starts(told: &Receiver<String>) -> usize {
    told.try_iter().filter(|line| line.starts_with("POST /containers/c1/start ")).count()
}

fn long_ago() -> jiff::Timestamp {
    jiff::Timestamp::now() - jiff::SignedDuration::from_secs(30)
}

#[test]
fn what_was_killed_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, told) = engine(dir.path(), 137, long_ago(), "");
    look(&engine, PROJECT, &mut BTreeSet::new()).unwrap();
    assert_eq!(starts(&told), 1);
}

#[test]
fn what_ended_well_or_was_stopped_stays_and_is_not_asked_about_again() {
    for (exit_code, events) in [(0, ""), (137, "{\"Action\":\"stop\"}\n")] {
        let dir = tempfile::tempdir().unwrap();
        let (engine, told) = engine(dir.path(), exit_code, long_ago(), events);
        let mut left = BTreeSet::new();
        look(&engine, PROJECT, &mut left).unwrap();
        look(&engine, PROJECT, &mut left).unwrap();
        let lines: Vec<_> = told.try_iter().collect();
        assert!(!lines.iter().any(|line| line.starts_with("POST")), "{lines:?}");
        assert!(lines.iter().filter(|line| line.contains("/events")).count() <= 1, "{lines:?}");
    }
}

#[test]
fn an_end_that_may_be_half_a_stop_is_left_for_the_next_look() {
    let dir = tempfile::tempdir().unwrap();
    let (engine, told) = engine(dir.path(), 137, jiff::Timestamp::now(), "");
    let mut left = BTreeSet::new();
    look(&engine, PROJECT, &mut left).unwrap();
    assert_eq!((starts(&told), left.len()), (0, 0));
}

#[test]
fn an_engine_that_is_away_is_an_error_with_advice() {
    let dir = tempfile::tempdir().unwrap();
    let engine = Engine::new(&dir.path().join("none.sock"));
    let error = look(&engine, PROJECT, &mut BTreeSet::new()).unwrap_err();
    assert!(error.to_string().contains("is it mounted"), "{error}");
}
