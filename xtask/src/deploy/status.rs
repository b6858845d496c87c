//! `cargo xtask status` and `cargo xtask health`: what runs, and whether it is well.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::containers::Container;
use super::stack::{ASK, Common, FRONT, Form, Stack};
use super::table::table;
use crate::exec;
use crate::rollout::{Journal, Stage};

const FLEET: Duration = Duration::from_secs(20);

/// Show what runs: images, replicas, builds, and the fleet as the server sees it.
#[derive(clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    common: Common,
}

/// Say of each part whether it is well; exit code 1 when one is not.
#[derive(clap::Args)]
pub struct HealthArgs {
    #[command(flatten)]
    common: Common,
}

/// A service and its containers.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The service.
    pub service: String,
    /// Containers that are well.
    pub ready: usize,
    /// Containers there are, or ought to be.
    pub replicas: usize,
    /// The image's name.
    pub image: String,
    /// Its digest, as it is on this machine.
    pub digest: String,
    /// The worker's build; empty for others.
    pub build: String,
    /// How often the engine started its containers again.
    pub restarts: u64,
    /// What is wrong, by container.
    pub problems: Vec<String>,
}

/// A rollout that is not done.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// The build that has the work in the beginning.
    pub from: String,
    /// The build that is to have it.
    pub to: String,
    /// What is done next.
    pub stage: Stage,
    /// Whether a command works on it; otherwise it was cut off.
    pub goes_on: bool,
}

/// Everything that is known.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The Compose project.
    pub project: String,
    /// The build that new work goes to; empty for an unversioned one.
    pub build: String,
    /// Its services.
    pub parts: Vec<Part>,
    /// A rollout that is not done.
    pub rollout: Option<Rollout>,
    /// Where people look, by name.
    pub urls: BTreeMap<String, String>,
    /// The fleet as the server sees it; null where nobody can tell.
    pub fleet: serde_json::Value,
}

/// Runs `status`.
///
/// # Errors
/// When nothing is deployed or the engine does not answer.
pub fn status(args: &StatusArgs) -> anyhow::Result<()> {
    let stack = Stack::open(&args.common)?;
    stack.must_be_deployed()?;
    show(&Status::of(&stack)?, args.common.output)
}

/// Runs `health`.
///
/// # Errors
/// When a part is not well.
pub fn health(args: &HealthArgs) -> anyhow::Result<()> {
    let stack = Stack::open(&args.common)?;
    stack.must_be_deployed()?;
    let status = Status::of(&stack)?;
    if args.common.output == Form::Json {
        println!("{}", serde_json::to_string(&status.parts)?);
    } else {
        for part in &status.parts {
            let verdict = if part.is_well() { "ok" } else { "NOT WELL" };
            let why = if part.problems.is_empty() {
                String::new()
            } else {
                format!("  {}", part.problems.join("; "))
            };
            println!("{:<18} {verdict:<9} {}/{}{why}", part.service, part.ready, part.replicas);
        }
    }
    if let Some(rollout) = &status.rollout {
        anyhow::ensure!(rollout.goes_on, "{}", rollout.shown());
    }
    let unwell = status.parts.iter().filter(|part| !part.is_well()).count();
    anyhow::ensure!(
        unwell == 0,
        "{unwell} of {} parts are not well: `cargo xtask logs SERVICE`",
        status.parts.len()
    );
    Ok(())
}

impl Status {
    /// Asks the engine and the front.
    ///
    /// # Errors
    /// When the engine does not answer.
    pub fn of(stack: &Stack) -> anyhow::Result<Self> {
        let mut containers = stack.containers()?;
        stack.ask_the_starting(&mut containers)?;
        Ok(Self {
            project: stack.project.clone(),
            build: stack.state.build.id.clone(),
            parts: parts(&containers, &services(stack)?, stack.state.replicas),
            rollout: Rollout::of(stack)?,
            urls: urls(stack),
            fleet: fleet(stack, &containers),
        })
    }
}

impl Rollout {
    fn of(stack: &Stack) -> anyhow::Result<Option<Self>> {
        let Some(journal) = Journal::unfinished(&stack.dir())? else { return Ok(None) };
        let goes_on = stack.try_lock()?.is_none();
        Ok(Some(Self { from: journal.from.id, to: journal.to.id, stage: journal.stage, goes_on }))
    }

    fn shown(&self) -> String {
        let Self { from, to, stage, goes_on } = self;
        let next = if *goes_on {
            "a command works on it"
        } else {
            "nobody works on it: the same command goes on, `cargo xtask rollback` ends it"
        };
        format!("the rollout {from} -> {to} stands at {stage:?}; {next}")
    }
}

impl Part {
    fn is_well(&self) -> bool {
        self.problems.is_empty() && self.ready == self.replicas
    }
}

/// Prints it.
///
/// # Errors
/// Never, in practice: when it cannot be written as JSON.
pub fn show(status: &Status, form: Form) -> anyhow::Result<()> {
    if form == Form::Json {
        println!("{}", serde_json::to_string(status)?);
        return Ok(());
    }
    let rows: Vec<_> = status
        .parts
        .iter()
        .map(|part| {
            let digest = part.digest.trim_start_matches("sha256:");
            vec![
                part.service.clone(),
                format!("{}/{}", part.ready, part.replicas),
                part.image.clone(),
                digest.chars().take(12).collect(),
                part.build.clone(),
                part.restarts.to_string(),
            ]
        })
        .collect();
    print!("{}", table(&["service", "ready", "image", "digest", "build", "restarts"], &rows));
    for problem in status.parts.iter().flat_map(|part| &part.problems) {
        println!("  ! {problem}");
    }
    if let Some(rollout) = &status.rollout {
        println!("  ! {}", rollout.shown());
    }
    let build = if status.build.is_empty() { "unversioned" } else { &status.build };
    println!("\n  build current: {build}");
    for (name, url) in &status.urls {
        println!("  {name:<14}{url}");
    }
    Ok(())
}

/// The services that ought to have containers.
fn services(stack: &Stack) -> anyhow::Result<Vec<String>> {
    let listing =
        exec::capture(&mut stack.compose(&["config", "--services"]), ASK)?.ok("docker compose config")?;
    Ok(listing.lines().map(str::to_owned).collect())
}

fn parts(containers: &[Container], services: &[String], replicas: Option<usize>) -> Vec<Part> {
    let mut found: BTreeMap<&str, Part> = BTreeMap::new();
    let gone =
        services.iter().filter(|service| containers.iter().all(|container| container.service != **service));
    for service in gone.filter(|service| *service != super::stack::WORKER || replicas != Some(0)) {
        let problems = vec![format!("{service} has no container")];
        found.insert(service, Part { service: service.clone(), replicas: 1, problems, ..Part::default() });
    }
    for container in containers {
        let part = found.entry(&container.service).or_insert_with(|| Part {
            service: container.service.clone(),
            ready: 0,
            replicas: 0,
            image: container.image.clone(),
            digest: container.digest.clone(),
            build: container.build.clone(),
            restarts: 0,
            problems: Vec::new(),
        });
        part.replicas += 1;
        part.restarts += container.restarts;
        if container.is_well() {
            part.ready += 1;
        } else {
            let health = if container.health.is_empty() { "" } else { ", " };
            part.problems.push(format!(
                "{} is {}{health}{} (exit code {})",
                container.name, container.status, container.health, container.exit_code
            ));
        }
    }
    if let (Some(part), Some(wanted)) = (found.get_mut(super::stack::WORKER), replicas)
        && part.replicas < wanted
    {
        part.problems.push(format!("{wanted} replicas are wanted, {} are there", part.replicas));
        part.replicas = wanted;
    }
    found.into_values().collect()
}

/// Where people look.
fn urls(stack: &Stack) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut add = |name: &str, port: u16, path: &str| {
        found.insert(name.to_owned(), format!("http://localhost:{port}{path}"));
    };
    add("health", stack.port("FRONT", 8080), "/health");
    add("web UI", stack.port("UI", 8233), "");
    add("prometheus", stack.port("PROMETHEUS", 9090), "");
    add("alertmanager", stack.port("ALERTMANAGER", 9093), "");
    if !stack.state.offline {
        add("grafana", stack.port("GRAFANA", 3000), "");
    }
    found.insert("temporal".to_owned(), format!("localhost:{}", stack.port("TEMPORAL", 7233)));
    found
}

/// What `keel fleet status` says, asked inside of the front's container, which has the way to the server.
fn fleet(stack: &Stack, containers: &[Container]) -> serde_json::Value {
    let Some(front) = containers.iter().find(|container| container.service == FRONT && container.runs())
    else {
        return serde_json::Value::Null;
    };
    let said = stack.inside(front, &["fleet", "status", "--output", "json"], FLEET).ok();
    said.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn a_service_without_a_container_is_missed() {
        let services = ["postgres", "temporal-worker"].map(str::to_owned);
        let found = parts(&[], &services, Some(3));
        let seen: Vec<_> =
            found.iter().map(|part| (part.service.as_str(), part.replicas, part.is_well())).collect();
        assert_eq!(seen, [("postgres", 1, false), ("temporal-worker", 3, false)]);
        // Somebody wants none.
        let found = parts(&[], &services, Some(0));
        assert_eq!(found.iter().map(|part| part.service.as_str()).collect::<Vec<_>>(), ["postgres"]);
    }
}
