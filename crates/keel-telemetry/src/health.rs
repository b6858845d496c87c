//! What a process knows of its own health.
//!
//! Whoever runs a part of the process reports here; the HTTP endpoints only read. Three questions are kept apart: is the
//! process *alive* (its vital loops turn; never anything outside of it), has it *started* (it was ready once), is it
//! *ready* (it is running and every check passes).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Value;

/// Shared knowledge of one process's health. Clones share it.
#[derive(Clone)]
pub struct Health(Arc<Mutex<State>>);

/// Where in its life the process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Not yet at work.
    Starting,
    /// At work.
    Running,
    /// Asked to end; takes no new work.
    Draining,
}

struct State {
    born: Instant,
    phase: Phase,
    started: bool,
    checks: BTreeMap<String, Finding>,
    pulses: BTreeMap<String, Beat>,
    details: BTreeMap<&'static str, Detail>,
}

type Detail = Box<dyn Fn() -> Value + Send + Sync>;

/// The last outcome of a check.
#[derive(Clone, Debug)]
struct Finding {
    failure: Option<String>,
    since: Instant,
}

struct Beat {
    last: Instant,
    limit: Duration,
}

/// One named condition of readiness.
#[derive(Clone, Debug)]
pub struct Check {
    health: Health,
    name: String,
}

/// One loop whose turning means that the process lives.
#[derive(Clone, Debug)]
pub struct Pulse {
    health: Health,
    name: String,
}

/// Everything at one moment, as `/health` shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Whether the vital loops turn.
    pub live: bool,
    /// Whether the process was ready once.
    pub started: bool,
    /// Whether it takes work now.
    pub ready: bool,
    /// Where in its life it is.
    pub phase: Phase,
    /// Seconds since it began.
    pub uptime_seconds: u64,
    /// Why it is not ready or not alive, one sentence each.
    pub problems: Vec<String>,
    /// Every check by name.
    pub checks: BTreeMap<String, CheckReport>,
    /// What the parts of the process add, such as slots and circuit breakers.
    pub details: BTreeMap<&'static str, Value>,
}

/// One check at one moment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// Whether it passes.
    pub ok: bool,
    /// Seconds since it last changed between passing and failing.
    pub for_seconds: u64,
    /// Why it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}

impl Health {
    /// A process that is starting, with nothing to check yet.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            born: Instant::now(),
            phase: Phase::Starting,
            started: false,
            checks: BTreeMap::new(),
            pulses: BTreeMap::new(),
            details: BTreeMap::new(),
        })))
    }

    /// A condition of readiness, which fails until it first passes. The same name is the same check.
    #[must_use]
    pub fn check(&self, name: impl Into<String>) -> Check {
        let name = name.into();
        self.state()
            .checks
            .entry(name.clone())
            .or_insert_with(|| Finding { failure: Some("not known yet".to_owned()), since: Instant::now() });
        Check { health: self.clone(), name }
    }

    /// A loop that must beat at least every `limit`, or the process counts as dead.
    #[must_use]
    pub fn pulse(&self, name: impl Into<String>, limit: Duration) -> Pulse {
        let name = name.into();
        self.state().pulses.insert(name.clone(), Beat { last: Instant::now(), limit });
        Pulse { health: self.clone(), name }
    }

    /// A part of the report that is asked for when the report is made. Must be quick and must not use this [`Health`].
    pub fn detail(&self, name: &'static str, detail: impl Fn() -> Value + Send + Sync + 'static) {
        self.state().details.insert(name, Box::new(detail));
    }

    /// Moves to another part of life.
    pub fn set_phase(&self, phase: Phase) {
        let mut state = self.state();
        state.phase = phase;
        state.note_start();
    }

    /// Whether the process takes work now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.state().ready()
    }

    /// Whether the process was ready once.
    #[must_use]
    pub fn has_started(&self) -> bool {
        self.state().started
    }

    /// Whether every vital loop turns.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.state().stuck().next().is_none()
    }

    /// The vital loops that do not turn, one sentence each; none while the process is live.
    #[must_use]
    pub fn stuck(&self) -> Vec<String> {
        self.state().stuck_loops().collect()
    }

    /// Everything at this moment.
    #[must_use]
    pub fn report(&self) -> Report {
        let state = self.state();
        let checks = state.checks.iter().map(|(name, finding)| {
            let report = CheckReport {
                ok: finding.failure.is_none(),
                for_seconds: finding.since.elapsed().as_secs(),
                problem: finding.failure.clone(),
            };
            (name.clone(), report)
        });
        Report {
            live: state.stuck().next().is_none(),
            started: state.started,
            ready: state.ready(),
            phase: state.phase,
            uptime_seconds: state.born.elapsed().as_secs(),
            problems: state.problems(),
            checks: checks.collect(),
            details: state.details.iter().map(|(name, detail)| (*name, detail())).collect(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is one assignment, so a panic elsewhere leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Health").field(&self.state().phase).finish()
    }
}

impl Check {
    /// The condition holds.
    pub fn pass(&self) {
        self.set(None);
    }

    /// The condition does not hold; `why` is a sentence for people that names the next step.
    pub fn fail(&self, why: impl Into<String>) {
        self.set(Some(why.into()));
    }

    /// The condition no longer matters.
    pub fn remove(&self) {
        let mut state = self.health.state();
        state.checks.remove(&self.name);
        state.note_start();
    }

    fn set(&self, failure: Option<String>) {
        let mut state = self.health.state();
        let now = Instant::now();
        let finding = state.checks.entry(self.name.clone()).or_insert(Finding { failure: None, since: now });
        if finding.failure.is_some() != failure.is_some() {
            finding.since = now;
        }
        finding.failure = failure;
        state.note_start();
    }
}

impl Pulse {
    /// The loop turned.
    pub fn beat(&self) {
        if let Some(beat) = self.health.state().pulses.get_mut(&self.name) {
            beat.last = Instant::now();
        }
    }

    /// The loop ended as it should.
    pub fn remove(&self) {
        self.health.state().pulses.remove(&self.name);
    }
}

impl State {
    fn ready(&self) -> bool {
        self.phase == Phase::Running && self.checks.values().all(|finding| finding.failure.is_none())
    }

    fn note_start(&mut self) {
        self.started = self.started || self.ready();
    }

    fn stuck(&self) -> impl Iterator<Item = (&str, Duration)> {
        self.pulses
            .iter()
            .map(|(name, beat)| (name.as_str(), beat.last.elapsed(), beat.limit))
            .filter(|(_, silent, limit)| silent > limit)
            .map(|(name, silent, _)| (name, silent))
    }

    fn problems(&self) -> Vec<String> {
        let phase = match self.phase {
            Phase::Starting => Some("starting".to_owned()),
            Phase::Running => None,
            Phase::Draining => Some("draining: asked to stop, takes no new work".to_owned()),
        };
        let checks = self.checks.iter().filter_map(|(name, finding)| {
            finding.failure.as_ref().map(|failure| format!("{name}: {failure}"))
        });
        phase.into_iter().chain(checks).chain(self.stuck_loops()).collect()
    }

    fn stuck_loops(&self) -> impl Iterator<Item = String> {
        self.stuck().map(|(name, silent)| format!("{name}: stuck for {} s", silent.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Health, Phase};

    #[test]
    fn readiness_needs_the_phase_and_every_check() {
        let health = Health::new();
        let (server, pollers) = (health.check("server"), health.check("pollers"));
        health.set_phase(Phase::Running);
        assert_eq!(health.report().problems, ["pollers: not known yet", "server: not known yet"]);
        server.pass();
        pollers.pass();
        assert!(health.is_ready() && health.has_started());
        server.fail("gone");
        assert!(!health.is_ready() && health.has_started(), "started is for ever");
        server.pass();
        health.set_phase(Phase::Draining);
        let report = health.report();
        assert!(!report.ready && report.live && report.started);
        assert_eq!(report.problems, ["draining: asked to stop, takes no new work"]);
    }

    #[test]
    fn a_silent_loop_is_dead_and_a_failing_check_is_not() {
        let health = Health::new();
        health.check("server").fail("away");
        let pulse = health.pulse("workflows", Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert!(!health.is_live());
        assert!(health.report().problems.iter().any(|problem| problem.starts_with("workflows: stuck")));
        pulse.remove();
        assert!(health.is_live());
    }
}
