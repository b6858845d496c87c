//! The circuit breaker: stops asking a provider that does not answer, and finds out when it does again.
//!
//! A state machine without a clock of its own: every call says what time it is. *Closed*, calls pass and are counted in a
//! sliding window; when enough of them failed or were slow it *opens*. Open, no call passes until a time is over; then,
//! *half-open*, a few trials decide between closing and opening for twice as long.

mod options;
#[cfg(test)]
mod tests;
mod window;

use std::time::{Duration, Instant};

use serde::Serialize;

pub use options::BreakerOptions;
pub use window::Counts;
use window::Window;

/// What a breaker lets happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitState {
    /// Calls pass.
    Closed,
    /// Trials pass.
    HalfOpen,
    /// Nothing passes.
    Open,
}

impl CircuitState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Closed, Self::HalfOpen, Self::Open];

    /// The name in metrics and `/health`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The value of the gauge: 0 closed, 1 half-open, 2 open.
    #[must_use]
    pub const fn level(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// Make it, and give the pass back with its outcome.
    Pass(Pass),
    /// Trials are under way; their outcome is near.
    Undecided,
    /// Not before this long.
    Open(Duration),
}

/// The right to one call, valid for the state that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    epoch: u64,
}

/// A change of state, with its reason.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Transition {
    pub(super) to: CircuitState,
    /// What had been counted.
    pub(super) counts: Counts,
    /// How long it stays open at least, if it opened.
    pub(super) open_for: Duration,
}

/// The state machine of one provider.
#[derive(Debug)]
pub(super) struct Breaker {
    options: BreakerOptions,
    state: State,
    window: Window,
    /// Grows with every change of state, so that an outcome is never counted for a state it does not belong to.
    epoch: u64,
    /// Openings since it was last closed.
    in_a_row: u32,
    openings: u64,
    since: Instant,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed,
    HalfOpen { admitted: u32, trials: Counts },
    Open { until: Instant },
}

impl Breaker {
    /// A closed breaker.
    pub(super) fn new(options: BreakerOptions, now: Instant) -> Self {
        let window = Window::new(options.window, now);
        Self { options, state: State::Closed, window, epoch: 0, in_a_row: 0, openings: 0, since: now }
    }

    /// Asks to make a call. The transition, if there is one, is to half-open.
    pub(super) fn admit(&mut self, now: Instant) -> (Admission, Option<Transition>) {
        if !self.options.enabled {
            return (Admission::Pass(Pass { epoch: self.epoch }), None);
        }
        let mut transition = None;
        if let State::Open { until } = self.state {
            if now < until {
                return (Admission::Open(until - now), None);
            }
            transition = Some(self.enter(
                State::HalfOpen { admitted: 0, trials: Counts::default() },
                now,
                self.window.counts(now),
            ));
        }
        if let State::HalfOpen { admitted, .. } = &mut self.state {
            if *admitted == self.options.trial_calls {
                return (Admission::Undecided, transition);
            }
            *admitted += 1;
        }
        (Admission::Pass(Pass { epoch: self.epoch }), transition)
    }

    /// A call that was made has come to its end after `took`. `jitter` from 0 to 1 spreads the end of an opening.
    pub(super) fn record(
        &mut self,
        pass: Pass,
        failed: bool,
        took: Duration,
        now: Instant,
        jitter: f64,
    ) -> Option<Transition> {
        if pass.epoch != self.epoch || !self.options.enabled {
            return None;
        }
        let slow = took >= self.options.slow_call;
        match &mut self.state {
            State::Closed => {
                self.window.record(now, failed, slow);
                let counts = self.window.counts(now);
                self.options.trips(counts).then(|| self.open(counts, now, jitter))
            }
            State::HalfOpen { trials, .. } => {
                trials.add(failed, slow);
                let trials = *trials;
                if failed
                    || f64::from(trials.slow) >= self.options.slow_ratio * f64::from(self.options.trial_calls)
                {
                    Some(self.open(trials, now, jitter))
                } else if trials.calls == self.options.trial_calls {
                    self.in_a_row = 0;
                    self.window = Window::new(self.options.window, now);
                    Some(self.enter(State::Closed, now, trials))
                } else {
                    None
                }
            }
            // An open breaker gives no passes.
            State::Open { .. } => None,
        }
    }

    /// A call was given up by its caller: it says nothing about the provider, and another trial may take its place.
    pub(super) const fn abandon(&mut self, pass: Pass) {
        if let State::HalfOpen { admitted, .. } = &mut self.state
            && pass.epoch == self.epoch
        {
            *admitted = admitted.saturating_sub(1);
        }
    }

    /// The state as callers meet it.
    pub(super) const fn state(&self) -> CircuitState {
        match self.state {
            State::Closed => CircuitState::Closed,
            State::HalfOpen { .. } => CircuitState::HalfOpen,
            State::Open { .. } => CircuitState::Open,
        }
    }

    /// How long it stays open, zero when it is not.
    pub(super) fn open_for(&self, now: Instant) -> Duration {
        match self.state {
            State::Open { until } => until.saturating_duration_since(now),
            State::Closed | State::HalfOpen { .. } => Duration::ZERO,
        }
    }

    /// What is in the sliding window.
    pub(super) fn counts(&self, now: Instant) -> Counts {
        self.window.counts(now)
    }

    /// How often it opened.
    pub(super) const fn openings(&self) -> u64 {
        self.openings
    }

    /// When it entered its state.
    pub(super) const fn since(&self) -> Instant {
        self.since
    }

    fn open(&mut self, counts: Counts, now: Instant, jitter: f64) -> Transition {
        let open_for = self.options.opening(self.in_a_row, jitter);
        self.in_a_row = self.in_a_row.saturating_add(1);
        self.openings += 1;
        self.enter(State::Open { until: now + open_for }, now, counts)
    }

    fn enter(&mut self, state: State, now: Instant, counts: Counts) -> Transition {
        self.state = state;
        self.epoch += 1;
        self.since = now;
        Transition { to: self.state(), counts, open_for: self.open_for(now) }
    }
}
