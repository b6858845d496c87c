//! The real program: its line on stdout, its exit codes, and a state file that survives SIGKILL.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use keel_sandbox::{Sandbox, StateError};
use serde_json::json;

use crate::support::{Running, client, start};

struct Program {
    child: Child,
    url: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    /// The exit code, within ten seconds.
    async fn end(&mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(Instant::now() < deadline, "the program does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

fn spawn(state: &Path) -> Program {
    let mut child = Command::new(env!("CARGO_BIN_EXE_keel-sandbox"))
        .args(["--listen", "127.0.0.1:0", "--state"])
        .arg(state)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let address = line.trim().strip_prefix("keel-sandbox listening on ").expect("the promised line");
    Program { child, url: format!("http://{address}") }
}

async fn charge(program: &Program, order: &str) -> u16 {
    let body = json!({"orderId": order, "customerId": "C", "amountMinor": 1, "currency": "EUR"});
    let request = client().post(format!("{}/payments/charges", program.url));
    let request = request.header("Idempotency-Key", format!("{order}:chargePayment")).json(&body);
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn a_killed_program_loses_no_effect_and_a_terminated_one_exits_zero() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = folder.path().join("state.ndjson");
    let mut program = spawn(&state);
    for n in 0..20 {
        assert_eq!(charge(&program, &format!("O-{n}")).await, 200);
    }
    program.child.kill().expect("a kill");
    program.child.wait().expect("an end");

    let mut program = spawn(&state);
    let get = client().get(format!("{}/journal/summary", program.url)).send().await.expect("an answer");
    let summary: serde_json::Value = get.json().await.expect("JSON");
    assert_eq!(summary["orders"].as_object().expect("orders").len(), 20);
    assert_eq!(charge(&program, "O-0").await, 200);
    let get = client().get(format!("{}/journal/summary", program.url)).send().await.expect("an answer");
    assert_eq!(get.json::<serde_json::Value>().await.expect("JSON"), summary);

    let terminated = Command::new("kill").args(["-TERM", &program.child.id().to_string()]).status();
    assert!(terminated.expect("kill runs").success());
    assert_eq!(program.end().await, Some(0));
}

#[tokio::test]
async fn a_line_cut_short_is_dropped_and_a_foreign_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.ndjson");
    let running: Running = start(Sandbox::with_state_file(&path).expect("a new file")).await;
    running.charge("O-1", "C", 1).await;
    running.refund("O-2").await;
    drop(running);
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).expect("the file");
    file.write_all(b"{\"entry\":{\"seq\":3,\"at").expect("half a line");
    drop(file);

    let running = start(Sandbox::with_state_file(&path).expect("the file is good")).await;
    assert_eq!(running.effects("O-1").await["captured"], 1);
    assert_eq!(running.charge("O-2", "C", 1).await.0, 409, "the tombstone is kept");
    drop(running);
    assert_eq!(std::fs::read_to_string(&path).expect("text").lines().count(), 3);

    std::fs::write(&path, "shopping list\n").expect("a file");
    let error = Sandbox::with_state_file(&path).expect_err("not a state file");
    assert!(matches!(error, StateError::Damaged { line: 1, .. }), "{error}");
}

#[test]
fn bad_arguments_exit_with_64() {
    let status = Command::new(env!("CARGO_BIN_EXE_keel-sandbox"))
        .args(["--listen", "nowhere"])
        .stderr(Stdio::null())
        .status()
        .expect("the program runs");
    assert_eq!(status.code(), Some(64));
}

#[tokio::test]
async fn the_health_check_tells_a_sandbox_from_silence_and_from_strangers() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut program = spawn(&dir.path().join("state.ndjson"));
    let listen = program.url.trim_start_matches("http://").to_owned();
    let check = |listen: &str| {
        Command::new(env!("CARGO_BIN_EXE_keel-sandbox"))
            .args(["healthcheck", "--listen", listen])
            .output()
            .expect("the program starts")
    };
    assert_eq!(check(&listen).status.code(), Some(0));
    // Told to listen everywhere, it is asked on the loopback.
    let everywhere = listen.replace("127.0.0.1", "0.0.0.0");
    assert_eq!(check(&everywhere).status.code(), Some(0));
    program.child.kill().expect("a child");
    program.end().await;
    let silent = check(&listen);
    assert_eq!(silent.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&silent.stderr).contains(&listen), "{silent:?}");

    let stranger = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = stranger.local_addr().expect("an address").to_string();
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = stranger.accept().expect("a caller");
        // A question left unread would make the system reset the connection, answer and all.
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.0 404 Not Found\r\n\r\n");
    });
    let refused = check(&address);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("404"), "{refused:?}");
    answering.join().expect("the stranger ends");
}
