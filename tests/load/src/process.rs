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
    pub fn start(command: Command, ready_file: &Path) -> Result<Self> {
        let program = command.get_program().to_owned();
        let mut worker = Self::spawn(command)?;
        let end = Instant::now() + Duration::from_secs(30);
        while !ready_file.exists() {
            worker.must_run()?;
            if Instant::now() > end {
                bail!("{} is not ready after 30 s", program.display());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(worker)
    }

    /// Starts `command` without waiting for it.
    pub fn spawn(mut command: Command) -> Result<Self> {
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        Ok(Self { child })
    }

    /// An error when it ended.
    pub fn must_run(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the worker ended with {status}"),
            None => Ok(()),
        }
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
        self.memory_mb("VmHWM:")
    }

    /// The resident memory of this moment, in MB of 10^6 bytes.
    pub fn resident_mb(&self) -> Result<f64> {
        self.memory_mb("VmRSS:")
    }

    /// Of the resident memory of this moment what is the process's own, in MB of 10^6 bytes: without the pages of its
    /// program, which the system reads again when it needs the room, and which limits of containers hardly count.
    pub fn own_mb(&self) -> Result<f64> {
        self.memory_mb("RssAnon:")
    }

    /// As [`Worker::own_mb`] of [`Worker::peak_mb`]: the program's pages only ever grow in number.
    pub fn own_peak_mb(&self) -> Result<f64> {
        Ok(self.peak_mb()? - self.memory_mb("RssFile:")?)
    }

    fn memory_mb(&self, name: &str) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find(|line| line.starts_with(name));
        let figure = line.and_then(|line| line.split_whitespace().nth(1));
        let kib: f64 = figure.with_context(|| format!("no {name} in /proc status"))?.parse()?;
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
