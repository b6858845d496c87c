//! `cargo xtask scale temporal-worker=N`: replicas come and really poll, or drain and go.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use super::containers::Container;
use super::stack::{Common, Form, Stack, WORKER, say};

/// Starting containers, and until they poll.
const UP: Duration = Duration::from_secs(60);
/// A worker's own deadline is 25 s; Docker kills what is still there after this.
const GRACE_S: &str = "40";
/// The grace and what the engine needs around it.
const DOWN: Duration = Duration::from_secs(60);
const MOST: usize = 100;

/// Change how many workers there are, and return when they poll, or have drained and gone.
#[derive(clap::Args)]
pub struct Args {
    /// Such as `temporal-worker=5`
    #[arg(value_name = "SERVICE=N", value_parser = wanted)]
    wanted: usize,
    #[command(flatten)]
    common: Common,
}

/// What came of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scaled {
    /// Replicas before.
    pub before: usize,
    /// Replicas now.
    pub now: usize,
    /// How long it took, in seconds.
    pub seconds: f64,
}

fn wanted(text: &str) -> Result<usize, String> {
    let (service, number) = text.split_once('=').ok_or("expected SERVICE=N, such as temporal-worker=5")?;
    if service != WORKER {
        return Err(format!("only {WORKER} has replicas"));
    }
    match number.parse() {
        Ok(number) if number <= MOST => Ok(number),
        _ => Err(format!("expected a number from 0 to {MOST}, found `{number}`")),
    }
}

/// Runs the subcommand.
///
/// # Errors
/// When nothing is deployed, a replica does not get ready, or one does not drain cleanly.
pub fn run(args: &Args) -> anyhow::Result<()> {
    let mut stack = Stack::open(&args.common)?;
    stack.must_be_deployed()?;
    let _lock = if stack.is_dry() { None } else { Some(stack.lock()?) };
    stack.reload()?;
    let scaled = to(&mut stack, args.wanted)?;
    match args.common.output {
        Form::Json => println!("{}", serde_json::to_string(&scaled)?),
        Form::Text if stack.is_dry() => {}
        Form::Text => println!("{WORKER}: {} -> {} in {:.1} s", scaled.before, scaled.now, scaled.seconds),
    }
    Ok(())
}

/// Brings the workers of the current build to `wanted`; calling it again goes on where it was cut off.
///
/// # Errors
/// When a replica does not get ready, or one does not drain cleanly.
pub fn to(stack: &mut Stack, wanted: usize) -> anyhow::Result<Scaled> {
    let started = Instant::now();
    let before = stack.service(WORKER)?;
    // First of all, so that `deploy` and Compose agree with what is being done.
    stack.state.replicas = Some(wanted);
    stack.save()?;
    let running = before.iter().filter(|container| container.runs()).count();
    if running > wanted {
        drain(stack, WORKER, surplus(before, wanted))?;
    } else {
        let scale = format!("{WORKER}={wanted}");
        let args = ["up", "-d", "--no-deps", "--no-recreate", "--no-build", "--scale", &scale, WORKER];
        stack.change(stack.compose(&["--progress", "quiet"]).args(args), UP)?;
        stack.wait_ready(WORKER, wanted, UP)?;
    }
    Ok(Scaled { before: running, now: wanted, seconds: started.elapsed().as_secs_f64() })
}

/// Those to go: whatever does not run, then the newest.
fn surplus(mut containers: Vec<Container>, wanted: usize) -> Vec<Container> {
    containers.sort_by(|a, b| (b.runs(), &a.started_at).cmp(&(a.runs(), &b.started_at)));
    containers.split_off(wanted.min(containers.len()))
}

/// Stops containers of a service side by side, each with the time to drain, and removes them.
///
/// # Errors
/// When one does not drain cleanly, though all are gone then; and when the engine does not answer.
pub fn drain(stack: &Stack, service: &str, surplus: Vec<Container>) -> anyhow::Result<()> {
    let names: Vec<_> = surplus.iter().map(|container| container.name.as_str()).collect();
    say(&format!("draining {}", names.join(", ")));
    let ids: Vec<_> = surplus.iter().map(|container| container.id.as_str()).collect();
    stack.call(&[&["stop", "-t", GRACE_S], &ids[..]].concat(), DOWN)?;
    if stack.is_dry() {
        stack.call(&[&["rm"], &ids[..]].concat(), DOWN)?;
        return Ok(());
    }
    let ended = stack.service(service)?;
    stack.call(&[&["rm"], &ids[..]].concat(), DOWN).context("removing the drained containers")?;
    let unclean: Vec<_> = ended
        .iter()
        .filter(|container| surplus.iter().any(|gone| gone.id == container.id && gone.runs()))
        .filter(|container| container.exit_code != 0)
        .map(|container| format!("{} ended with {}", container.name, container.exit_code))
        .collect();
    ensure!(
        unclean.is_empty(),
        "not every worker drained in time, so what it held is done again by another after its timeout: {}",
        unclean.join(", ")
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::containers::Container;
    use super::{surplus, wanted};

    fn container(name: &str, status: &str, started_at: &str) -> Container {
        Container {
            id: name.to_owned(),
            name: name.to_owned(),
            service: "temporal-worker".to_owned(),
            number: 1,
            image: String::new(),
            digest: String::new(),
            status: status.to_owned(),
            health: String::new(),
            exit_code: 0,
            restarts: 0,
            started_at: started_at.to_owned(),
            build: String::new(),
            check: Vec::new(),
            once: false,
        }
    }

    #[test]
    fn the_newest_go_first_and_the_dead_before_them() {
        let all = vec![
            container("old", "running", "2026-01-01T00:00:00Z"),
            container("new", "running", "2026-01-03T00:00:00Z"),
            container("dead", "exited", "2026-01-01T00:00:00Z"),
            container("middle", "running", "2026-01-02T00:00:00Z"),
        ];
        let names = |count| {
            let gone = surplus(all.clone(), count);
            gone.into_iter().map(|container| container.name).collect::<Vec<_>>()
        };
        assert_eq!(names(3), ["dead"]);
        assert_eq!(names(1), ["middle", "new", "dead"]);
        assert!(names(9).is_empty());
    }

    #[test]
    fn only_workers_scale_and_only_to_a_number() {
        assert_eq!(wanted("temporal-worker=5"), Ok(5));
        assert!(wanted("postgres=2").unwrap_err().contains("only temporal-worker"));
        assert!(wanted("temporal-worker=many").is_err() && wanted("5").is_err());
    }
}
