//! One page's shell: a folder of its own in which its commands run one after the other.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::table::Run;
use crate::stack::{Logs, Service, clean_environment};
use crate::{exec, paths, wait};

/// What pages name relative to the repository.
const LINKED: [&str; 3] = ["deploy", "docs", "target"];
/// From the signal to the end of a command that goes on until it is told to end.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long an endless command that must say nothing is looked at.
const LOOK: Duration = Duration::from_secs(2);
/// What prepares a command, or puts right what it did.
const CARE: Duration = Duration::from_secs(240);

/// What the commands of all pages share.
#[derive(Debug)]
pub struct Place {
    /// Their variables.
    pub environment: Vec<(String, String)>,
    /// Where their output is kept.
    pub logs: Logs,
}

/// The shell of one page.
pub struct Session<'a> {
    place: &'a Place,
    // Stopped before the folder goes.
    beside: Vec<Service>,
    dir: TempDir,
}

impl<'a> Session<'a> {
    /// Opens it.
    ///
    /// # Errors
    /// When its folder cannot be made.
    pub fn open(place: &'a Place) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        for name in LINKED {
            std::os::unix::fs::symlink(paths::root().join(name), dir.path().join(name))?;
        }
        Ok(Self { place, beside: Vec::new(), dir })
    }

    /// Runs one command as its entry says. `name` is that of its log.
    ///
    /// # Errors
    /// When it, or what surrounds it, does not do what is expected, with what was said.
    pub fn run(&mut self, run: &Run, command: &str, name: &str) -> anyhow::Result<()> {
        if let Some(before) = &run.before {
            self.take_care(before, name).context("what comes before it")?;
        }
        if let Some(beside) = &run.beside {
            let service = self.start(&format!("exec env {beside}"), &format!("{name}-beside"))?;
            self.beside.push(service);
        }
        let limit = Duration::from_secs(run.limit);
        if run.endless {
            self.observe(command, run, name)?;
        } else {
            let (exit, said) = self.to_end(command, limit, name)?;
            let tail = exec::last_lines(&said, 8);
            ensure!(exit == run.exit, "exit code {exit}, expected {}:\n{tail}", run.exit);
            let silent = run.says.iter().find(|text| !said.contains(*text));
            ensure!(silent.is_none(), "it does not say `{}`:\n{tail}", silent.map_or("", |text| text));
        }
        run.after.as_ref().map_or(Ok(()), |after| self.take_care(after, name).context("what comes after it"))
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub fn holds(&self, condition: &str) -> anyhow::Result<bool> {
        Ok(self.to_end(condition, CARE, "condition")?.0 == 0)
    }

    fn take_care(&self, script: &str, name: &str) -> anyhow::Result<()> {
        let (exit, said) = self.to_end(script, CARE, &format!("{name}-care"))?;
        ensure!(exit == 0, "`{script}`: exit code {exit}:\n{}", exec::last_lines(&said, 8));
        Ok(())
    }

    fn to_end(&self, script: &str, limit: Duration, name: &str) -> anyhow::Result<(i32, String)> {
        let mut service = self.start(&as_one_process(script), name)?;
        let ended = wait::until("it has not ended", limit, || service.ended());
        if ended.is_err() {
            service.kill()?;
        }
        let said = service.log_text();
        let status = ended.with_context(|| exec::last_lines(&said, 8))?;
        Ok((status.code().unwrap_or(-1), said))
    }

    fn observe(&self, command: &str, run: &Run, name: &str) -> anyhow::Result<()> {
        let mut service = self.start(&as_one_process(command), name)?;
        service.ready(Duration::from_secs(run.limit), |service| {
            let said = service.log_text();
            Ok(run.says.iter().all(|text| said.contains(text)).then_some(()))
        })?;
        if run.says.is_empty() {
            wait::pause(LOOK)?;
            service.must_run()?;
        }
        service.stop().map(drop)
    }

    fn start(&self, script: &str, name: &str) -> anyhow::Result<Service> {
        let mut command = exec::tied("bash", "TERM");
        clean_environment(&mut command, false);
        command.args(["-o", "pipefail", "-ec", script]).current_dir(self.dir.path());
        command.envs(self.place.environment.iter().map(|(name, value)| (name, value)));
        let log: PathBuf = self.place.logs.path(name);
        Service::start("command", &mut command, log, false, Signal::TERM, PATIENCE)
    }
}

/// A single command takes the place of the shell, so that the signal which ends it reaches it.
fn as_one_process(script: &str) -> String {
    let several = ["|", "&", ";", "\n", "[ "].iter().any(|mark| script.contains(mark));
    if several { script.to_owned() } else { format!("exec env {script}") }
}
