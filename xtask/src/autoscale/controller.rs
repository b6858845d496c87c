//! Decides how many workers there shall be. Pure: time and figures come in, a decision with its reason goes out.
//!
//! *Out* follows the wait of the oldest task, and where it will be when another worker could help: several workers at once
//! when what comes in and what waits needs them. *In* follows patience: one at a time, after fewer would have sufficed for
//! the whole cool-down. Without fresh figures nothing changes.

mod calm;
mod decision;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

pub use decision::{Decision, Direction};

use super::look::{Fleet, Load, Look};
use super::settings::Settings;
use super::track::{RATES_OVER, Track, Window};
use calm::Calm;

/// How far ahead the wait is reckoned: a decision, and a container that starts and polls.
const AHEAD_S: f64 = 10.0;
/// The share of the target below which a wait is nothing to act on.
const NOTHING: f64 = 0.25;

/// The memory between decisions.
#[derive(Debug)]
pub struct Controller {
    settings: Settings,
    /// Workers that were ready, as long as the server's rates reach back.
    ready: Window,
    tracks: BTreeMap<String, Track>,
    replicas: Option<usize>,
    last_out: Option<Duration>,
    calm: Calm,
}

/// How many workers one kind of tasks needs, and why.
struct Need {
    wanted: usize,
    reason: String,
}

impl Controller {
    /// Knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            ready: Window::default(),
            tracks: BTreeMap::new(),
            replicas: None,
            last_out: None,
            calm: Calm::default(),
        }
    }

    /// Decides on a look at time `now`, which only ever grows.
    pub fn decide(&mut self, now: Duration, look: &Look) -> Decision {
        match look {
            Look::Fleet(fleet) => self.decide_on(now, fleet),
            Look::Unknown(why) => self.stay(Direction::Hold, format!("not known how the fleet is: {why}")),
            Look::Paused(why) => self.stay(Direction::Pause, why.clone()),
        }
    }

    /// Leaves everything as it is, and starts to be patient anew: nobody knows what happens meanwhile.
    fn stay(&mut self, direction: Direction, reason: String) -> Decision {
        self.calm.reset();
        Decision { direction, wanted: self.replicas, reason }
    }

    fn decide_on(&mut self, now: Duration, fleet: &Fleet) -> Decision {
        self.note(now, fleet);
        let Settings { min, max, .. } = self.settings;
        if fleet.replicas == 0 {
            let reason = "no worker runs, so somebody stopped them all; `cargo xtask scale temporal-worker=1` begins anew";
            return self.stay(Direction::Pause, reason.to_owned());
        }
        if fleet.replicas < min {
            return self.out(now, min, format!("{} run and --min is {min}", fleet.replicas));
        }
        if fleet.replicas > max {
            self.calm.reset();
            return Decision::r#in(fleet.replicas - 1, format!("{} run and --max is {max}", fleet.replicas));
        }
        if fleet.ready == 0 {
            self.calm.reset();
            return Decision::hold(
                fleet.replicas,
                "no worker is ready, so the figures say nothing; `cargo xtask health` if it lasts".to_owned(),
            );
        }
        let needs = fleet.loads.iter().filter_map(|load| self.need(fleet, load));
        match needs.max_by_key(|need| need.wanted) {
            Some(need) => self.grow(now, fleet, need),
            None => self.shrink(now, fleet),
        }
    }

    fn note(&mut self, now: Duration, fleet: &Fleet) {
        if self.replicas.is_some_and(|before| before != fleet.replicas) {
            self.calm.reset();
        }
        self.replicas = Some(fleet.replicas);
        self.ready.push(now, small(fleet.ready), RATES_OVER);
        let ready = self.ready.mean().unwrap_or_default();
        for load in &fleet.loads {
            let is_waiting = load.backlog >= 1.0 && load.age >= NOTHING * self.target();
            self.tracks.entry(load.kind.clone()).or_default().note(now, load, ready, is_waiting);
        }
    }

    /// More workers, if the oldest task is, or is about to be, older than it shall be.
    fn need(&self, fleet: &Fleet, load: &Load) -> Option<Need> {
        let track = self.tracks.get(&load.kind)?;
        let (target, growth) = (self.target(), track.growth());
        if load.backlog < 1.0 || load.age < NOTHING * target || load.age + growth * AHEAD_S < target {
            return None;
        }
        let waits = format!("{} tasks wait {:.1} s, {growth:+.1} s each second", load.kind, load.age);
        let next = fleet.replicas + 1;
        let Some(each) = track.capacity().filter(|each| *each > 0.0) else {
            return Some(Need { wanted: next, reason: format!("{waits}; none is handed out") });
        };
        // What comes in, and what waits within the time that it may wait.
        let wanted = whole((load.add_rate + load.backlog / target) / each).max(next);
        let reason = format!(
            "{waits}; {:.1}/s come and {:.0} wait, a worker takes {each:.1}/s: {wanted} are needed",
            load.add_rate, load.backlog
        );
        Some(Need { wanted, reason })
    }

    fn grow(&mut self, now: Duration, fleet: &Fleet, need: Need) -> Decision {
        let Settings { max, step, cool_down_out, .. } = self.settings;
        self.calm.reset();
        if fleet.replicas >= max {
            return Decision::hold(fleet.replicas, format!("{}, and --max is {max}", need.reason));
        }
        if let Some(ago) = self.last_out.map(|last| now.saturating_sub(last))
            && ago < cool_down_out
        {
            let reason = format!("{}; the last came {} s ago and may suffice", need.reason, ago.as_secs());
            return Decision::hold(fleet.replicas, reason);
        }
        let wanted = need.wanted.min(fleet.replicas + step).min(max);
        self.out(now, wanted, need.reason)
    }

    fn out(&mut self, now: Duration, wanted: usize, reason: String) -> Decision {
        self.calm.note_out(now, self.settings.cool_down_in);
        self.last_out = Some(now);
        Decision { direction: Direction::Out, wanted: Some(wanted), reason }
    }

    fn shrink(&mut self, now: Duration, fleet: &Fleet) -> Decision {
        let waits = fleet.age() >= NOTHING * self.target();
        if waits || fleet.ready < fleet.replicas {
            self.calm.reset();
            let what = if waits { "the oldest task has waited" } else { "not all are ready; oldest task" };
            return Decision::hold(fleet.replicas, format!("{what} {:.1} s", fleet.age()));
        }
        if fleet.replicas <= self.settings.min {
            self.calm.reset();
            return Decision::hold(fleet.replicas, "nothing waits, and --min are there".to_owned());
        }
        let fit = calm::fit(&self.settings, &self.tracks, fleet);
        match self.calm.patience_over(now, self.settings.cool_down_in, &fit) {
            Some(reason) => Decision::r#in(fleet.replicas - 1, reason),
            None => Decision::hold(fleet.replicas, format!("nothing waits; {}", fit.words)),
        }
    }

    fn target(&self) -> f64 {
        self.settings.target_age.as_secs_f64()
    }
}

/// A number of workers as a figure; there are never more than a hundred.
fn small(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The least whole number of workers that is enough.
fn whole(figure: f64) -> usize {
    // Beyond a hundred the bounds cut it anyway.
    (1..=100).find(|count| small(*count) + 1e-9 >= figure).unwrap_or(100)
}
