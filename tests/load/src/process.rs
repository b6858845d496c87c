//! A worker process under measurement: started, read through `/proc`, stopped.

use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A child that is stopped when it goes out of scope.
pub struct Worker {
    child: Child,
}

impl Worker {
    /// Starts `command` and waits until `ready_file` is written.
    pub fn start(mut command: Command, ready_file: &Path) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut worker = Self { child };
        let end = Instant::now() + Duration::from_secs(30);
        while !ready_file.exists() {
            if let Some(status) = worker.child.try_wait()? {
                bail!("{command:?} ended with {status} before it was ready");
            }
            if Instant::now() > end {
                bail!("{command:?} is not ready after 30 s");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(worker)
    }

    /// User and system time so far.
    pub fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold spaces; the numbers start behind it.
        let fields: Vec<&str> =
            stat.rsplit_once(')').context("no name in /proc stat")?.1.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 1000 / rustix::param::clock_ticks_per_second()))
    }

    /// The most resident memory so far, in MB of 10^6 bytes.
    pub fn peak_mb(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|l| l.starts_with("VmHWM:")).context("no VmHWM")?;
        let kib: f64 = line.split_whitespace().nth(1).context("no figure in VmHWM")?.parse()?;
        Ok(kib * 1024.0 / 1e6)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(pid) = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or_default()) {
            // It may be gone already.
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
