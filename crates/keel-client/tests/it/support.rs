//! Running `keel` with a clean environment and a deadline.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// No single run of `keel` lasts longer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// What a run of `keel` left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON document on stdout.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).expect("one document a line")).collect()
    }

    #[track_caller]
    pub(crate) fn check(&self, code: i32, stderr: &[&str]) -> &Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        for part in stderr {
            assert!(self.stderr.contains(part), "`{part}` is missing in {self:?}");
        }
        self
    }
}

/// `keel` with nothing in its environment but what is given.
pub(crate) fn command(env: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keel"));
    command.env_clear().envs(env.iter().copied()).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `keel` to its end.
pub(crate) fn keel_with(env: &[(&str, &str)], args: &[&str], stdin: &str) -> Ran {
    let mut child = command(env, args).spawn().expect("keel starts");
    // A command that refuses early does not read its input, which is fine.
    drop(child.stdin.take().expect("it is piped").write_all(stdin.as_bytes()));
    let (sender, receiver) = std::sync::mpsc::channel();
    let pid = child.id();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(DEADLINE).unwrap_or_else(|_| {
        drop(signal(pid, "KILL"));
        panic!("keel {args:?} did not end within {DEADLINE:?}")
    });
    let output = output.expect("its output can be read");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

pub(crate) fn keel(args: &[&str]) -> Ran {
    keel_with(&[], args, "")
}

/// Sends a signal to a process this test started.
pub(crate) fn signal(pid: u32, name: &str) -> std::io::Result<std::process::ExitStatus> {
    Command::new("kill").arg(format!("-{name}")).arg(pid.to_string()).status()
}

/// An id nobody else uses.
pub(crate) fn unique(prefix: &str) -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let now = std::time::UNIX_EPOCH.elapsed().expect("the clock is past 1970").as_micros();
    format!("{prefix}-{now}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Looks again until `look` finds something or the deadline passes.
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not happen within {DEADLINE:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
