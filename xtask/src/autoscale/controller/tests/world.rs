//! A fleet in simulated time.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use super::super::{Controller, Direction};
use crate::autoscale::look::{Fleet, Load, Look};
use crate::autoscale::settings::Settings;

const STEP_S: f64 = 0.1;
const STEPS_PER_LOOK: u64 = 20;
/// From a decision until the new worker takes tasks.
const START_S: f64 = 4.0;
const RATES_OVER: usize = 300;

/// One kind of tasks, and workers that take `each` of them a second.
pub(super) struct World {
    each: f64,
    ready: usize,
    starting: Vec<f64>,
    /// All tasks that came until each step, so that the time of the oldest that waits can be found.
    came: Vec<f64>,
    taken: f64,
    rates: VecDeque<(f64, f64)>,
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) most: usize,
    pub(super) at_end: usize,
    pub(super) outs: usize,
    pub(super) ins: usize,
    pub(super) biggest_step: usize,
    pub(super) oldest: f64,
    pub(super) age_at_end: f64,
    pub(super) last_reason: String,
    pub(super) moves: Vec<(u64, usize)>,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:#?}")
    }
}

impl World {
    pub(super) fn new(replicas: usize, each: f64) -> Self {
        Self {
            each,
            ready: replicas,
            starting: Vec::new(),
            came: vec![0.0],
            taken: 0.0,
            rates: VecDeque::new(),
        }
    }

    /// Lets the controller look every two seconds while `rate` tasks a second come.
    pub(super) fn run(mut self, settings: Settings, seconds: u64, rate: impl Fn(f64) -> f64) -> Told {
        let mut controller = Controller::new(settings);
        let mut told = Told { most: self.ready, ..Told::default() };
        for step in 0..seconds * 10 {
            let now = step as f64 * STEP_S;
            self.advance(now, rate(now));
            told.oldest = told.oldest.max(self.age());
            if step % STEPS_PER_LOOK == 0 {
                let decision = controller.decide(Duration::from_secs_f64(now), &self.look());
                let before = self.replicas();
                let wanted = decision.wanted.unwrap_or(before);
                match decision.direction {
                    Direction::Out => {
                        assert!(wanted > before, "{decision:?}");
                        told.outs += 1;
                        told.biggest_step = told.biggest_step.max(wanted - before);
                        self.starting.extend(std::iter::repeat_n(now + START_S, wanted - before));
                    }
                    Direction::In => {
                        assert_eq!(wanted + 1, before, "{decision:?}");
                        told.ins += 1;
                        self.ready -= 1;
                    }
                    Direction::Hold | Direction::Pause => assert_eq!(wanted, before, "{decision:?}"),
                }
                if wanted != before {
                    told.moves.push((step / 10, wanted));
                }
                told.most = told.most.max(wanted);
                told.last_reason = decision.reason;
            }
        }
        told.at_end = self.replicas();
        told.age_at_end = self.age();
        told
    }

    fn replicas(&self) -> usize {
        self.ready + self.starting.len()
    }

    fn advance(&mut self, now: f64, rate: f64) {
        let before = self.starting.len();
        self.starting.retain(|at| *at > now);
        self.ready += before - self.starting.len();
        let all = self.came.last().unwrap() + rate * STEP_S;
        self.came.push(all);
        let takes = (self.each * self.ready as f64 * STEP_S).min(all - self.taken);
        self.taken += takes;
        self.rates.push_back((rate, takes / STEP_S));
        if self.rates.len() > RATES_OVER {
            self.rates.pop_front();
        }
    }

    fn backlog(&self) -> f64 {
        self.came.last().unwrap() - self.taken
    }

    fn age(&self) -> f64 {
        if self.backlog() < 1.0 {
            return 0.0;
        }
        let oldest = self.came.partition_point(|came| *came <= self.taken);
        (self.came.len() - oldest) as f64 * STEP_S
    }

    fn look(&self) -> Look {
        let mean =
            |of: fn(&(f64, f64)) -> f64| self.rates.iter().map(of).sum::<f64>() / self.rates.len() as f64;
        let load = Load {
            kind: "activity".to_owned(),
            backlog: self.backlog().floor(),
            age: self.age(),
            add_rate: mean(|rates| rates.0),
            dispatch_rate: mean(|rates| rates.1),
        };
        let fleet =
            Fleet { replicas: self.replicas(), ready: self.ready, loads: vec![load], slots: Vec::new() };
        Look::Fleet(fleet)
    }
}
