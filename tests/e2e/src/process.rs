//! Child processes: long ones that are killed with their owner, short ones that are bounded in time.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::eventually;

/// What a finished command left.
#[derive(Debug)]
pub struct Output {
    /// The exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// The one JSON document on standard output.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}) in {self:?}"))
    }

    /// Itself, after checking that the command succeeded.
    ///
    /// # Panics
    /// When it did not.
    #[must_use]
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }
}

/// A process that runs until it is told to end, at the latest when this value goes.
pub(crate) struct Daemon {
    child: Child,
    log: PathBuf,
}

impl Daemon {
    /// Starts `command` with its output in a file.
    pub(crate) fn start(command: Command, log: &Path) -> Self {
        Self::start_with(Stdio::null(), command, log)
    }

    /// The same with something to read, such as a pipe that is open for as long as the value lives.
    pub(crate) fn start_with(input: Stdio, mut command: Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("the log file opens");
        let errors = file.try_clone().expect("a second handle");
        let child = command
            .stdin(input)
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child can be asked")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).expect("a process id")).expect("not zero");
        // It may have ended by itself.
        let _ = kill_process(pid, signal);
    }

    /// Sends `signal` and waits for the end.
    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        eventually("the end of a process", || self.ended())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `command` to its end, with its output in files, so that no pipe can fill up.
pub(crate) fn run(mut command: Command, dir: &Path) -> Output {
    let (out, err) = (dir.join(crate::unique("out")), dir.join(crate::unique("err")));
    let mut child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).expect("a file for the output"))
        .stderr(File::create(&err).expect("a file for the errors"))
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let status =
        eventually(&format!("the end of {command:?}"), || child.try_wait().expect("the child can be asked"));
    let read = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
    Output { code: status.code(), stdout: read(&out), stderr: read(&err) }
}
