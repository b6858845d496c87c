//! Real processes: each must end with its value, however it behaves.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Service, is_live, is_running};
use crate::exec;

const LONG: Duration = Duration::from_secs(20);

fn shell(script: &str, dir: &Path, patience: Duration) -> Service {
    let mut command: Command = exec::tied("sh", "TERM");
    command.args(["-c", script]);
    Service::start("shell", &mut command, dir.join("shell.log"), false, Signal::TERM, patience).unwrap()
}

fn said(service: &mut Service, text: &str) {
    service.ready(LONG, |service| Ok(service.log_text().contains(text).then_some(()))).unwrap();
}

#[test]
fn a_process_ends_with_its_value() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = shell("echo up; exec sleep 600", dir.path(), LONG);
    said(&mut service, "up");
    let pid = service.pid();
    drop(service);
    assert!(!is_running(pid, "sleep"));
}

#[test]
fn one_that_ignores_the_signal_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let mut service =
        shell("trap '' TERM; sleep 600 & echo child=$!; wait", dir.path(), Duration::from_millis(100));
    said(&mut service, "child=");
    let text = service.log_text();
    let child = text.trim().strip_prefix("child=").unwrap().parse().unwrap();
    let started = Instant::now();
    assert!(!service.stop().unwrap().success());
    assert!(started.elapsed() < LONG);
    let deadline = Instant::now() + LONG;
    while is_running(child, "sleep") {
        assert!(Instant::now() < deadline, "the child outlived its group");
        std::thread::yield_now();
    }
}

#[test]
fn one_that_does_not_start_shows_the_end_of_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = shell("echo the reason >&2; exit 7", dir.path(), LONG);
    let error = service.ready(LONG, |_| Ok(None::<()>)).unwrap_err().to_string();
    assert!(error.contains("the shell ended (exit status: 7)") && error.contains("the reason"), "{error}");
}

#[test]
fn one_that_is_never_ready_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let mut service = shell("echo still warming up; exec sleep 600", dir.path(), LONG);
    said(&mut service, "warming");
    let error = service.ready(Duration::from_millis(50), |_| Ok(None::<()>)).unwrap_err().to_string();
    assert!(error.contains("the shell is not ready") && error.contains("still warming up"), "{error}");
}

#[test]
fn a_zombie_or_another_program_is_not_running() {
    assert!(is_live("12 (keel-worker) S 1 12", "keel-worker"));
    assert!(!is_live("12 (keel-worker) Z 1 12", "keel-worker"));
    assert!(!is_live("12 (bash) S 1 12", "keel-worker"));
    assert!(!is_live("", "keel-worker"));
}
