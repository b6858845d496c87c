//! One long-running child process: own process group, own log file, stopped on drop.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::{exec, paths, wait};

/// The folder that holds the logs of one stack.
#[derive(Clone, Debug)]
pub struct Logs {
    dir: PathBuf,
}

impl Logs {
    /// `target/keel/run/<scope>/`.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn new(scope: &str) -> anyhow::Result<Self> {
        let dir = paths::keel("run").join(scope);
        paths::create(&dir)?;
        Ok(Self { dir })
    }

    /// The log file of the process called `name`.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.join(format!("{name}.log"))
    }

    /// The folder, for people.
    pub fn shown(&self) -> String {
        paths::shown(&self.dir)
    }
}

/// A running process.
#[derive(Debug)]
pub struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
    stop_signal: Signal,
    patience: Duration,
    status: Option<ExitStatus>,
}

impl Service {
    /// Starts `command` with its output in `log`. It is asked to stop with `stop_signal` and killed after `patience`.
    ///
    /// It gets its own process group, so that Ctrl-C reaches xtask alone and the processes stop in order.
    ///
    /// # Errors
    /// When the log cannot be written or the program cannot be started.
    pub fn start(
        name: &'static str,
        command: &mut Command,
        log: PathBuf,
        append: bool,
        stop_signal: Signal,
        patience: Duration,
    ) -> anyhow::Result<Self> {
        let mut options = File::options();
        options.create(true).write(true).append(append).truncate(!append);
        let file = options.open(&log).with_context(|| format!("cannot write {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file).process_group(0);
        let child = command.spawn().with_context(|| format!("cannot start {}", exec::show(command)))?;
        Ok(Self { name, child, log, stop_signal, patience, status: None })
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system cannot tell.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            self.status = self.child.try_wait()?;
        }
        Ok(self.status)
    }

    /// An error when it ended, with the end of its log.
    ///
    /// # Errors
    /// When it ended.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => bail!("the {} ended ({status}); {}", self.name, self.log_tail()),
        }
    }

    /// Asks `probe` until it answers; the process must run meanwhile.
    ///
    /// # Errors
    /// With the end of its log when it ends or does not answer within `limit`.
    pub fn ready<T>(
        &mut self,
        limit: Duration,
        mut probe: impl FnMut(&Self) -> anyhow::Result<Option<T>>,
    ) -> anyhow::Result<T> {
        let name = self.name;
        let answer = wait::until(&format!("the {name} is not ready"), limit, || {
            self.must_run()?;
            probe(self)
        });
        answer.map_err(|error| {
            let told = error.is::<crate::interrupt::Interrupted>() || self.status.is_some();
            if told { error } else { anyhow!("{error:#}; {}", self.log_tail()) }
        })
    }

    /// Writes one line to its stdin, which the command must have made a pipe.
    ///
    /// # Errors
    /// When it does not read any more.
    pub fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let name = self.name;
        let stdin = self.child.stdin.as_mut().with_context(|| format!("the {name} has no stdin"))?;
        writeln!(stdin, "{line}").with_context(|| format!("the {name} does not listen"))
    }

    /// Everything it has written so far.
    pub fn log_text(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn log_tail(&self) -> String {
        let tail = exec::last_lines(&self.log_text(), 20);
        let shown = paths::shown(&self.log);
        if tail.is_empty() {
            return format!("its log {shown} is empty");
        }
        format!("the end of {shown}:\n    {}", tail.replace('\n', "\n    "))
    }

    /// Asks it to stop, kills it when it does not, and returns how it ended.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn stop(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        exec::signal(&self.child, self.stop_signal);
        if !exec::ends_within(&mut self.child, self.patience)? {
            eprintln!("the {} did not stop within {} s: killing it", self.name, self.patience.as_secs());
            return self.kill();
        }
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }

    /// Kills it and its whole process group at once.
    ///
    /// # Errors
    /// When the system cannot wait for it.
    pub fn kill(&mut self) -> anyhow::Result<ExitStatus> {
        if let Some(status) = self.ended()? {
            return Ok(status);
        }
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // It leads its group until it is waited for, so nobody else can be hit.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = self.child.wait()?;
        self.status = Some(status);
        Ok(status)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Err(error) = self.stop() {
            eprintln!("cannot stop the {} (pid {}): {error:#}", self.name, self.pid());
        }
    }
}

/// Whether a program with this id and name is running; used for leftovers of an earlier run.
pub fn is_running(pid: u32, name: &str) -> bool {
    if Path::new("/proc/self/stat").exists() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        return is_live(&stat, name);
    }
    i32::try_from(pid)
        .ok()
        .and_then(Pid::from_raw)
        .is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// Reads `pid (name) state …`. A zombie is gone but for its entry, and the kernel keeps 15 bytes of the name.
fn is_live(stat: &str, name: &str) -> bool {
    let Some((start, rest)) = stat.rsplit_once(')') else { return false };
    let running = start.split_once('(').map(|(_, name)| name).unwrap_or_default();
    !running.is_empty() && name.starts_with(running) && !matches!(rest.trim().chars().next(), Some('Z' | 'X'))
}

#[cfg(test)]
mod tests;
