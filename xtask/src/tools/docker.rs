//! Docker: its command line, whether an engine answers, and Compose.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use super::compose::pinned;
use crate::{exec, paths};

/// Longest wait for an engine to say its version.
const ASK: Duration = Duration::from_secs(20);

/// How a Compose that was downloaded is told from others.
const PINNED: &str = "pinned";

/// A command line of Docker with an engine that answers.
#[derive(Clone, Debug)]
pub struct Docker {
    /// `docker`.
    pub program: PathBuf,
    /// The engine's version, such as `20.10.24`.
    pub engine: String,
}

/// Compose v2, as it is called.
#[derive(Clone, Debug)]
pub struct Compose {
    words: Vec<PathBuf>,
    /// Its version, such as `2.40.3`.
    pub version: String,
    /// How it was found, for people.
    pub source: &'static str,
}

/// Finds the command line and asks the engine for its version; starts nothing.
///
/// # Errors
/// Says what to install, or how to start the engine.
pub fn docker() -> anyhow::Result<Docker> {
    let program = which::which("docker").context(
        "docker is not on the PATH: install Docker (Debian: `apt-get install -y --no-install-recommends docker.io \
         iptables`)",
    )?;
    let mut ask = exec::tied(&program, "TERM");
    ask.args(["version", "--format", "{{.Server.Version}}"]);
    let output = exec::capture(&mut ask, ASK).context("the Docker engine does not answer")?;
    if !output.status.success() {
        bail!("{}", no_engine(output.stderr.trim()));
    }
    let engine = output.stdout.trim().split('+').next().unwrap_or_default().to_owned();
    ensure!(!engine.is_empty(), "docker does not tell the version of its engine");
    Ok(Docker { program, engine })
}

/// What to do when the engine is silent; `said` is what the command line complained about.
fn no_engine(said: &str) -> String {
    let advice = if said.contains("permission denied") {
        "this user may not talk to it: `sudo usermod -aG docker $USER`, then log in again"
    } else {
        "start it: `sudo systemctl start docker`, or `sudo dockerd` where there is no systemd, or Docker Desktop"
    };
    format!("the Docker engine does not answer ({}); {advice}", exec::last_lines(said, 1))
}

impl Docker {
    /// A call of `docker` with these arguments.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = exec::tied(&self.program, "TERM");
        command.args(args);
        command
    }

    /// What a call prints.
    ///
    /// # Errors
    /// When it fails, with what it said, or takes longer than `limit`.
    pub fn ask(&self, args: &[&str], limit: Duration) -> anyhow::Result<String> {
        let what = format!("docker {}", args.first().unwrap_or(&""));
        Ok(exec::capture(&mut self.command(args), limit)?.ok(&what)?.trim().to_owned())
    }
}

/// Finds Compose: the plugin that is installed, `docker-compose` on the PATH, then the pinned download, fetched once.
///
/// # Errors
/// When there is none and the pinned one cannot be had; says what to do.
pub fn compose(docker: &Docker) -> anyhow::Result<Compose> {
    let plugin = vec![docker.program.clone(), PathBuf::from("compose")];
    if let Some(found) = Compose::accept(plugin, "a plugin of docker")? {
        return Ok(found);
    }
    if let Ok(program) = which::which("docker-compose")
        && let Some(found) = Compose::accept(vec![program], "on the PATH")?
    {
        return Ok(found);
    }
    let program = pinned()?;
    let words = vec![program.clone()];
    Compose::accept(words, PINNED)?.with_context(|| format!("{} does not run", program.display()))
}

impl Compose {
    /// What these words call, if it is Compose v2 or later.
    fn accept(words: Vec<PathBuf>, source: &'static str) -> anyhow::Result<Option<Self>> {
        let mut found = Self { words, version: String::new(), source };
        let output = exec::capture(&mut found.command(&["version", "--short"]), ASK)?;
        let version = output.stdout.trim().trim_start_matches('v').to_owned();
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        found.version = version;
        Ok((output.status.success() && major.is_some_and(|major| major >= 2)).then_some(found))
    }

    /// A call of Compose with these arguments, from the repository's root.
    pub fn command(&self, args: &[&str]) -> Command {
        let (program, rest) = self.words.split_first().expect("every way to find it names a program");
        let mut command = exec::tied(program, "TERM");
        command.args(rest).args(args).current_dir(paths::root());
        command
    }

    /// How a person calls it.
    pub fn shown(&self) -> String {
        self.words
            .iter()
            .enumerate()
            .map(|(index, word)| match word.file_name() {
                Some(name) if index == 0 && self.source != PINNED => name.to_string_lossy().into_owned(),
                _ => paths::shown(word),
            })
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::no_engine;

    #[test]
    fn a_silent_engine_comes_with_advice() {
        let down = no_engine("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.");
        assert!(down.contains("systemctl start docker"), "{down}");
        let refused = no_engine("Got permission denied while trying to connect to the Docker daemon socket");
        assert!(refused.contains("usermod -aG docker"), "{refused}");
    }
}
