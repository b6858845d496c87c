//! Waiting until workers really poll, and until the rest serves.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::containers::Container;
use super::stack::{Stack, say};
use crate::{exec, wait};

/// One health check inside of a container.
const CHECK: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);
/// What ended so often right after its start will not get well by waiting.
const HOPELESS: u64 = 4;

impl Stack {
    /// Waits until `wanted` containers of a service are ready: a worker is once the server has seen it poll.
    ///
    /// Asks with each container's own health check, instead of waiting for the engine to ask at its interval.
    ///
    /// # Errors
    /// When they are not within `limit`: says which, and why as far as their logs tell.
    pub fn wait_ready(
        &self,
        service: &str,
        wanted: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<Container>> {
        if self.is_dry() {
            return Ok(Vec::new());
        }
        let started = Instant::now();
        let (deadline, mut told) = (started + limit, usize::MAX);
        let mut ready: Vec<String> = Vec::new();
        loop {
            let containers = self.service(service)?;
            let running: Vec<_> = containers.iter().filter(|container| container.runs()).collect();
            ready.retain(|id| running.iter().any(|container| container.id == *id));
            let open: Vec<_> = running.iter().filter(|container| !ready.contains(&container.id)).collect();
            let answers = self.check(&open.iter().map(|container| **container).collect::<Vec<_>>())?;
            for (container, is_ready) in open.iter().zip(answers) {
                if is_ready {
                    ready.push(container.id.clone());
                }
            }
            if told != ready.len() {
                told = ready.len();
                say(&format!("{service}: {told} of {wanted} ready"));
            }
            if ready.len() >= wanted {
                return Ok(containers);
            }
            let loops = containers
                .iter()
                .any(|container| container.status == "restarting" && container.restarts >= HOPELESS);
            if loops || Instant::now() >= deadline {
                bail!("{}", self.why_not(service, wanted, &ready, &containers, started.elapsed()));
            }
            wait::pause(PAUSE)?;
        }
    }

    /// Runs another command of a container's own program in it, and returns what that prints.
    ///
    /// # Errors
    /// When it fails, with what it said, or takes longer than `limit`.
    pub fn inside(&self, container: &Container, args: &[&str], limit: Duration) -> anyhow::Result<String> {
        let program = container.check.first().with_context(|| {
            format!("the image {} has no health check, so it is not one of Keel's", container.image)
        })?;
        self.call(&[&["exec", &container.id, program], args].concat(), limit)
    }

    /// Asks those that the engine has not asked yet, so that what is ready is not shown as starting.
    ///
    /// # Errors
    /// When the command line of Docker cannot be started.
    pub fn ask_the_starting(&self, containers: &mut [Container]) -> anyhow::Result<()> {
        let starting = |container: &&mut Container| container.runs() && container.health == "starting";
        let mut open: Vec<_> = containers.iter_mut().filter(starting).collect();
        let answers = self.check(&open.iter().map(|container| &**container).collect::<Vec<_>>())?;
        for (container, is_ready) in open.iter_mut().zip(answers) {
            if is_ready && !container.check.is_empty() {
                "healthy".clone_into(&mut container.health);
            }
        }
        Ok(())
    }

    /// Runs the health check of each container, side by side.
    fn check(&self, containers: &[&Container]) -> anyhow::Result<Vec<bool>> {
        let mut commands: Vec<_> = containers
            .iter()
            .map(|container| {
                let mut command = self.docker.command(&["exec", &container.id]);
                command.args(&container.check);
                command
            })
            .collect();
        exec::all_succeed(&mut commands, CHECK)
    }

    fn why_not(
        &self,
        service: &str,
        wanted: usize,
        ready: &[String],
        containers: &[Container],
        limit: Duration,
    ) -> String {
        let mut text = format!("{} of {wanted} {service} are ready after {} s", ready.len(), limit.as_secs());
        for container in containers.iter().filter(|container| !ready.contains(&container.id)) {
            text.push_str(&format!("; {} is {} {}", container.name, container.status, container.health));
            let mut logs = self.docker.command(&["logs", "--tail", "5", &container.id]);
            if let Ok(said) = exec::capture(&mut logs, CHECK) {
                let said = format!("{}{}", said.stdout, said.stderr);
                text.push_str(&format!("\n    {}", exec::last_lines(&said, 5).replace('\n', "\n    ")));
            }
        }
        text
    }
}

/// Waits until an address answers with success.
///
/// # Errors
/// When it does not within `limit`.
pub fn wait_answers(what: &str, url: &str, limit: Duration) -> anyhow::Result<()> {
    let mut last = None;
    wait::until(&format!("{what} does not answer at {url}"), limit, || match crate::stack::http::get(url) {
        Ok(_) => Ok(Some(())),
        Err(error) => {
            last = Some(error);
            wait::pause(PAUSE)?;
            Ok(None)
        }
    })
    .with_context(|| last.map(|error| format!("{error:#}")).unwrap_or_default())
}
