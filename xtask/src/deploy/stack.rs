//! The Compose project that the verbs work on: its files, its variables, and how it is called.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::Context;

use super::state::State;
use crate::tools::{self, Compose, Docker};
use crate::{exec, paths};

/// The service whose containers are the workers of the current build.
pub const WORKER: &str = "temporal-worker";
/// The service that tells how the fleet is.
pub const FRONT: &str = "keel-front";

pub const PRODUCTION: &str = "deploy/docker-compose.production.yml";
pub const OFFLINE: &str = "deploy/docker-compose.offline.yml";
/// One question to the engine.
pub const ASK: Duration = Duration::from_secs(30);

/// What every verb takes.
#[derive(clap::Args, Clone, Debug)]
pub struct Common {
    /// Print the commands instead of running them; what only looks is still asked
    #[arg(long)]
    pub dry_run: bool,
    /// The form of the result on stdout
    #[arg(long, value_enum, default_value_t, value_name = "FORM")]
    pub output: Form,
    /// The Compose project; others than `keel` are for tests beside a running stack
    #[arg(long, env = "KEEL_PROJECT", default_value = "keel", hide_env = true, hide = true)]
    pub project: String,
}

/// The form of a result.
#[derive(clap::ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// For people.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// A Compose project on this machine.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Its name.
    pub project: String,
    /// What was deployed last, or is to be.
    pub state: State,
    /// The command line of Docker.
    pub docker: Docker,
    compose: Compose,
    dry_run: bool,
}

impl Stack {
    /// The project with the state of its last deployment.
    ///
    /// # Errors
    /// When Docker or Compose is missing, or the state cannot be read.
    pub fn open(common: &Common) -> anyhow::Result<Self> {
        let docker = tools::docker()?;
        let compose = tools::compose(&docker)?;
        let state = State::load(&dir(&common.project))?;
        Ok(Self { project: common.project.clone(), state, docker, compose, dry_run: common.dry_run })
    }

    /// Reads the state again, which another command may have changed meanwhile.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn reload(&mut self) -> anyhow::Result<()> {
        self.state = State::load(&self.dir())?;
        Ok(())
    }

    /// A project of a test's own, on ports of its own.
    ///
    /// # Errors
    /// When Docker or Compose is missing, or the system has no port left.
    pub fn for_test(project: &str) -> anyhow::Result<Self> {
        let common = Common { dry_run: false, output: Form::Text, project: project.to_owned() };
        let mut stack = Self::open(&common)?;
        for name in ["FRONT", "TEMPORAL", "UI", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "SANDBOX"] {
            stack.state.ports.insert(format!("KEEL_PORT_{name}"), crate::stack::free_port()?.to_string());
        }
        Ok(stack)
    }

    /// The folder of its state.
    pub fn dir(&self) -> PathBuf {
        dir(&self.project)
    }

    /// An error where nothing was deployed.
    ///
    /// # Errors
    /// Says what to do.
    pub fn must_be_deployed(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.state.replicas.is_some(),
            "nothing is deployed as project {}: `cargo xtask deploy`, or `cargo xtask deploy --offline` where no \
             registry can be reached",
            self.project
        );
        Ok(())
    }

    /// Whether nothing may be changed.
    pub fn is_dry(&self) -> bool {
        self.dry_run
    }

    /// A call of Compose on this project.
    pub fn compose(&self, args: &[&str]) -> Command {
        let mut words = vec!["-p".to_owned(), self.project.clone()];
        let variables = self.dir().join(".env");
        // Not there before the first deployment.
        if variables.is_file() {
            words.extend(["--env-file".to_owned(), paths::shown(&variables)]);
        }
        for file in self.files() {
            words.extend(["-f".to_owned(), file]);
        }
        if self.state.demo {
            words.extend(["--profile".to_owned(), "demo".to_owned()]);
        }
        words.extend(args.iter().map(|&arg| arg.to_owned()));
        let mut command = self.compose.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        // Compose takes a variable of the environment over one of the file, and the state has taken it over already.
        command.envs(&self.state.ports).envs(&self.state.build.images);
        command.env("KEEL_BUILD_ID", &self.state.build.id);
        command
            .env("KEEL_WORKER_REPLICAS", self.state.replicas.unwrap_or(super::state::REPLICAS).to_string());
        command
    }

    /// The Compose files, the later over the earlier.
    fn files(&self) -> Vec<String> {
        let mut files = vec![PRODUCTION.to_owned()];
        if self.state.offline {
            files.push(OFFLINE.to_owned());
        }
        let builds = self.dir().join("builds.yml");
        if builds.is_file() {
            files.push(paths::shown(&builds));
        }
        files.extend(self.state.overlays.iter().cloned());
        files
    }

    /// Runs something that changes the project, its output on the terminal; only prints it in a dry run.
    ///
    /// # Errors
    /// When it fails or takes longer than `limit`.
    pub fn change(&self, command: &mut Command, limit: Duration) -> anyhow::Result<()> {
        if self.dry_run {
            println!("{}", exec::show(command));
            return Ok(());
        }
        exec::foreground_within(command, limit)
    }

    /// Runs something that changes the project and returns what it prints; nothing in a dry run.
    ///
    /// # Errors
    /// When it fails, with what it said, or takes longer than `limit`.
    pub fn call(&self, args: &[&str], limit: Duration) -> anyhow::Result<String> {
        let mut command = self.docker.command(args);
        if self.dry_run {
            println!("{}", exec::show(&command));
            return Ok(String::new());
        }
        let what = format!("docker {}", args.first().unwrap_or(&""));
        exec::capture(&mut command, limit)?.ok(&what)
    }

    /// What a call of `keel` prints, made in the stack's own networks by a container for that alone.
    ///
    /// # Errors
    /// When it fails, with what it said, or takes longer than `limit`.
    pub fn keel(&self, args: &[&str], limit: Duration) -> anyhow::Result<String> {
        let mut command = self.compose(&["--progress", "quiet", "run", "--rm", "--no-deps", "-T", FRONT]);
        command.args(args);
        if self.dry_run {
            println!("{}", exec::show(&command));
            return Ok(String::new());
        }
        exec::capture(&mut command, limit)?.ok(&format!("keel {}", args.join(" ")))
    }

    /// Writes the state and the variables that Compose reads; nothing in a dry run.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn save(&self) -> anyhow::Result<()> {
        if self.dry_run {
            return Ok(());
        }
        self.state.save(&self.dir()).context("the state of the deployment")?;
        // Compose reads this one by itself, so that the plain commands mean what is deployed.
        if self.project == "keel" {
            super::state::replace(&paths::root().join("deploy/.env"), self.state.variables().as_bytes())?;
        }
        Ok(())
    }

    /// The published port of a service, as the last deployment set it.
    pub fn port(&self, name: &str, default: u16) -> u16 {
        let key = format!("KEEL_PORT_{name}");
        let given = self.state.ports.get(&key).cloned().or_else(|| std::env::var(&key).ok());
        given.and_then(|text| text.parse().ok()).unwrap_or(default)
    }
}

fn dir(project: &str) -> PathBuf {
    if project == "keel" { paths::keel("deploy") } else { paths::keel(&format!("deploy-{project}")) }
}

/// One line of progress.
pub fn say(text: &str) {
    eprintln!("  {text}");
}
