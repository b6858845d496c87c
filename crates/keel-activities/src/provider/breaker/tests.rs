//! The state machine with a clock that the tests turn.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Admission, Breaker, BreakerOptions, CircuitState, Counts, Pass, Transition, Window};

const QUICK: Duration = Duration::from_millis(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A breaker, and the time it is told.
struct Bench {
    breaker: Breaker,
    now: Instant,
    transitions: Vec<Transition>,
}

impl Bench {
    fn new(options: BreakerOptions) -> Self {
        let now = Instant::now();
        Self { breaker: Breaker::new(options, now), now, transitions: Vec::new() }
    }

    fn admit(&mut self) -> Admission {
        let (admission, transition) = self.breaker.admit(self.now);
        self.transitions.extend(transition);
        admission
    }

    fn pass(&mut self) -> Pass {
        match self.admit() {
            Admission::Pass(pass) => pass,
            other => panic!("{other:?} should be a pass"),
        }
    }

    fn end(&mut self, pass: Pass, failed: bool, took: Duration) {
        self.transitions.extend(self.breaker.record(pass, failed, took, self.now, 0.0));
    }

    fn call(&mut self, failed: bool) {
        let pass = self.pass();
        self.end(pass, failed, QUICK);
    }

    /// Fails until the circuit opens.
    fn break_it(&mut self) {
        while self.breaker.state() != CircuitState::Open {
            self.call(true);
        }
    }

    fn open_for(&self) -> Duration {
        self.breaker.open_for(self.now)
    }

    fn states(&self) -> Vec<CircuitState> {
        self.transitions.iter().map(|transition| transition.to).collect()
    }
}

#[test]
fn it_opens_when_enough_calls_failed_and_not_before() {
    let mut bench = Bench::new(BreakerOptions::default());
    for _ in 0..9 {
        bench.call(true);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed, "nine calls say too little");
    bench.call(true);
    assert_eq!(bench.admit(), Admission::Open(seconds(5)));
    assert_eq!(bench.transitions[0].counts, Counts { calls: 10, failed: 10, slow: 0 });

    let mut mixed = Bench::new(BreakerOptions::default());
    for number in 0..100 {
        mixed.call(number % 2 == 1 && number > 1);
    }
    assert_eq!(mixed.breaker.state(), CircuitState::Closed, "49 of 100 are less than half");
    mixed.call(true);
    mixed.call(true);
    assert_eq!(mixed.breaker.state(), CircuitState::Open);
}

#[test]
fn slow_calls_open_it_too() {
    let mut bench = Bench::new(BreakerOptions::default());
    for number in 0..10 {
        let pass = bench.pass();
        bench.end(pass, false, if number < 2 { QUICK } else { seconds(5) });
    }
    assert_eq!(bench.transitions.len(), 1);
    assert_eq!(bench.transitions[0].counts, Counts { calls: 10, failed: 0, slow: 8 });
    bench.now += seconds(5);
    let trials: Vec<_> = (0..3).map(|_| bench.pass()).collect();
    for pass in trials {
        bench.end(pass, false, seconds(6));
    }
    assert_eq!(bench.breaker.state(), CircuitState::Open, "slow trials do not close it");
}

#[test]
fn what_is_past_the_window_is_forgotten() {
    let mut bench = Bench::new(BreakerOptions::default());
    for _ in 0..9 {
        bench.call(true);
    }
    bench.now += seconds(11);
    assert_eq!(bench.breaker.counts(bench.now), Counts::default());
    bench.call(true);
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[test]
fn trials_decide_between_closing_and_opening_for_longer() {
    let mut bench = Bench::new(BreakerOptions::default());
    bench.break_it();
    for expected in [5, 10, 20, 30, 30] {
        assert_eq!(bench.open_for(), seconds(expected));
        bench.now += bench.open_for();
        let trial = bench.pass();
        let late = bench.pass();
        bench.end(trial, true, QUICK);
        bench.end(late, false, QUICK);
    }
    bench.now += seconds(30);
    let trials: Vec<_> = (0..3).map(|_| bench.pass()).collect();
    assert_eq!(bench.admit(), Admission::Undecided, "three are enough");
    bench.breaker.abandon(trials[0]);
    let replaced = bench.pass();
    for pass in [replaced, trials[1], trials[2]] {
        bench.end(pass, false, QUICK);
    }
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
    assert_eq!(bench.breaker.openings(), 6);
    assert_eq!(bench.states()[10..], [CircuitState::Open, CircuitState::HalfOpen, CircuitState::Closed]);
    bench.break_it();
    assert_eq!(bench.open_for(), seconds(5), "the doubling starts again");
}

#[test]
fn an_outcome_counts_only_for_the_state_that_let_it_pass() {
    let mut bench = Bench::new(BreakerOptions { trial_calls: 1, ..BreakerOptions::default() });
    let old = bench.pass();
    bench.break_it();
    bench.end(old, false, QUICK);
    assert_eq!(bench.breaker.state(), CircuitState::Open);
    bench.now += seconds(5);
    let trial = bench.pass();
    bench.end(old, true, QUICK);
    bench.breaker.abandon(old);
    assert_eq!(bench.admit(), Admission::Undecided, "an old call frees no trial");
    bench.end(trial, false, QUICK);
    assert_eq!(bench.breaker.state(), CircuitState::Closed);
}

#[test]
fn a_disabled_breaker_never_opens() {
    let mut bench = Bench::new(BreakerOptions { enabled: false, ..BreakerOptions::default() });
    for _ in 0..1_000 {
        bench.call(true);
    }
    assert_eq!((bench.breaker.state(), bench.transitions.len()), (CircuitState::Closed, 0));
}

#[test]
fn every_mistake_in_the_settings_is_named() {
    assert!(BreakerOptions::default().problems("payments").is_empty());
    let options = BreakerOptions {
        window: Duration::ZERO,
        min_calls: 0,
        failure_ratio: 0.0,
        slow_ratio: f64::NAN,
        open_max: seconds(1),
        trial_calls: 101,
        ..BreakerOptions::default()
    };
    let problems = options.problems("payments");
    let keys: Vec<_> = problems.iter().map(|problem| problem.split(':').next().expect("a key")).collect();
    let expected = ["window", "open_max", "failure_ratio", "slow_ratio", "min_calls", "trial_calls"];
    assert_eq!(keys, expected.map(|key| format!("payments.breaker.{key}")));
}

/// What can happen to a breaker.
#[derive(Clone, Copy, Debug)]
enum Event {
    Time(u64),
    Admit,
    End { which: usize, failed: bool, took_ms: u64 },
    GiveUp { which: usize },
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0_u64..8_000).prop_map(Event::Time),
        Just(Event::Admit),
        Just(Event::Admit),
        (any::<usize>(), any::<bool>(), 0_u64..7_000).prop_map(|(which, failed, took_ms)| Event::End {
            which,
            failed,
            took_ms
        }),
        any::<usize>().prop_map(|which| Event::GiveUp { which }),
    ]
}

fn take(passes: &mut VecDeque<Pass>, which: usize) -> Option<Pass> {
    if passes.is_empty() { None } else { passes.remove(which % passes.len()) }
}

proptest! {
    /// Whatever happens: no call passes an open circuit, no more than the trials pass a half-open one, and once the
    /// provider answers again the circuit closes.
    #[test]
    fn it_protects_and_always_heals(events in vec(event(), 1..300), min_calls in 1_u32..6, trial_calls in 1_u32..5) {
        let options = BreakerOptions { min_calls, trial_calls, ..BreakerOptions::default() };
        let mut bench = Bench::new(options.clone());
        let mut passes = VecDeque::new();
        for event in events {
            match event {
                Event::Time(ms) => bench.now += Duration::from_millis(ms),
                Event::Admit => {
                    let blocked = bench.open_for();
                    let admission = bench.admit();
                    prop_assert_eq!(matches!(admission, Admission::Open(_)), !blocked.is_zero());
                    prop_assert!(blocked <= options.open_max);
                    if let Admission::Pass(pass) = admission {
                        passes.push_back(pass);
                    }
                }
                Event::End { which, failed, took_ms } => {
                    if let Some(pass) = take(&mut passes, which) {
                        bench.end(pass, failed, Duration::from_millis(took_ms));
                    }
                }
                Event::GiveUp { which } => {
                    if let Some(pass) = take(&mut passes, which) {
                        bench.breaker.abandon(pass);
                    }
                }
            }
            if bench.breaker.state() == CircuitState::HalfOpen {
                let trials = passes.iter().filter(|pass: &&Pass| pass.epoch == bench.breaker.epoch).count();
                prop_assert!(trials <= trial_calls as usize);
            }
        }
        // The calls under way come to their end, the provider is well again.
        for pass in passes.drain(..) {
            bench.breaker.abandon(pass);
        }
        bench.now += options.open_max;
        for _ in 0..trial_calls {
            bench.call(false);
        }
        prop_assert_eq!(bench.breaker.state(), CircuitState::Closed);
    }

    /// The window counts every call of its length, and none that is older than that and a bucket.
    #[test]
    fn the_window_counts_what_a_list_would(gaps in vec(0_u64..3_000, 1..200), length_ms in 1_000_u64..20_000) {
        let (start, length) = (Instant::now(), Duration::from_millis(length_ms));
        let mut window = Window::new(length, start);
        let (mut now, mut ended) = (start, Vec::new());
        for gap in gaps {
            now += Duration::from_millis(gap);
            window.record(now, true, false);
            ended.push(now);
            let within = |length: Duration| {
                u32::try_from(ended.iter().filter(|at| now - **at < length).count()).expect("few")
            };
            let counted = window.counts(now).failed;
            // Between nine tenths and the whole: the oldest bucket leaves at once.
            prop_assert!(counted >= within(length * 9 / 10) && counted <= within(length), "{counted}");
        }
    }

    /// Openings double up to the longest, and chance only ever adds to them.
    #[test]
    fn openings_are_bounded(before in 0_u32..100, jitter in 0.0..1.0_f64) {
        let options = BreakerOptions::default();
        let least = options.open_max.min(options.open_for * 2_u32.pow(before.min(10)));
        let opening = options.opening(before, jitter);
        prop_assert!(opening >= least && opening <= least.mul_f64(1.2), "{opening:?}");
    }
}
