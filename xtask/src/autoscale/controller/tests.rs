//! The controller against a fleet in simulated time: first in, first out, workers that need some seconds to start, and rates
//! that are means over half a minute, as the server's are.

mod world;

use std::time::Duration;

use super::{Controller, Direction};
use crate::autoscale::look::{Fleet, Load, Look, Slots};
use crate::autoscale::settings::Settings;
use world::{Told, World};

fn settings(min: usize, max: usize) -> Settings {
    Settings {
        min,
        max,
        target_age: Duration::from_secs(5),
        cool_down_out: Duration::from_secs(10),
        cool_down_in: Duration::from_secs(30),
        step: 3,
        headroom: 0.3,
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn load(age: f64, backlog: f64, rate: f64) -> Load {
    Load { kind: "activity".to_owned(), backlog, age, add_rate: rate, dispatch_rate: rate }
}

fn fleet(replicas: usize, load: Load) -> Look {
    Look::Fleet(Fleet { replicas, ready: replicas, loads: vec![load], slots: Vec::new() })
}

#[test]
fn a_sine_wave_is_followed_both_ways_and_the_oldest_stays_below_the_target() {
    let wave = |now: f64| 12.0 - 10.0 * (now * std::f64::consts::TAU / 180.0).cos();
    let told = World::new(1, 5.0).run(settings(1, 8), 720, wave);
    assert!(told.most >= 5 && told.fewest_after(60) <= 3, "{told}");
    assert!(told.oldest <= 5.0, "{told}");
    assert!(told.outs >= 4 && told.ins >= 4 && told.outs + told.ins < 60, "{told}");
}

#[test]
fn a_step_gets_several_workers_at_once_and_the_wait_ends() {
    let told = World::new(1, 5.0).run(settings(1, 10), 180, |now| if now < 60.0 { 2.0 } else { 30.0 });
    assert_eq!(told.biggest_step, 3, "{told}");
    assert!(told.most >= 6, "{told}");
    assert!(told.oldest < 25.0 && told.age_at_end < 1.0, "{told}");
}

#[test]
fn work_that_comes_and_goes_faster_than_the_cool_down_moves_the_fleet_little() {
    let burst = |now: f64| if ((now / 15.0) as u64).is_multiple_of(2) { 14.0 } else { 2.0 };
    let told = World::new(2, 5.0).run(settings(1, 8), 600, burst);
    assert!(told.outs + told.ins <= 12, "{told}");
    assert!(told.oldest < 10.0, "{told}");
}

#[test]
fn a_steady_load_settles() {
    let told = World::new(6, 5.0).run(settings(1, 8), 3600, |_| 8.0);
    assert!((2..=3).contains(&told.at_end), "{told}");
    assert!(told.moves_after(1800) <= 4, "{told}");
    let told = World::new(6, 5.0).run(settings(2, 8), 1200, |_| 0.0);
    assert_eq!((told.at_end, told.ins), (2, 4), "{told}");
}

#[test]
fn the_last_cannot_be_exceeded_and_says_so() {
    let told = World::new(1, 5.0).run(settings(1, 3), 120, |_| 40.0);
    assert_eq!((told.most, told.at_end), (3, 3), "{told}");
    assert!(told.last_reason.contains("--max is 3"), "{told}");
}

#[test]
fn without_an_answer_nothing_changes_and_patience_begins_anew() {
    let mut controller = Controller::new(settings(1, 8));
    let calm = fleet(3, load(0.0, 0.0, 0.0));
    for second in (0..28).step_by(2) {
        assert_eq!(controller.decide(at(second), &calm).direction, Direction::Hold);
    }
    let unknown = controller.decide(at(28), &Look::Unknown("the server is away".to_owned()));
    assert_eq!((unknown.direction, unknown.wanted), (Direction::Hold, Some(3)));
    assert!(unknown.reason.contains("the server is away"));
    for second in (30..60).step_by(2) {
        assert_eq!(controller.decide(at(second), &calm).direction, Direction::Hold, "at {second}");
    }
    assert_eq!(controller.decide(at(60), &calm).direction, Direction::In, "30 s after the answers came back");
}

#[test]
fn a_rollout_pauses_it_even_when_work_waits() {
    let mut controller = Controller::new(settings(1, 8));
    for second in 0..5 {
        controller.decide(at(second), &fleet(1, load(20.0, 50.0, 9.0)));
    }
    let paused = controller.decide(at(30), &Look::Paused("a rollout is going on".to_owned()));
    assert_eq!((paused.direction, paused.wanted), (Direction::Pause, Some(1)));
}

#[test]
fn zeros_while_nobody_is_ready_are_no_reason_to_shrink() {
    let mut controller = Controller::new(settings(1, 8));
    let nobody =
        Look::Fleet(Fleet { replicas: 3, ready: 0, loads: vec![load(0.0, 0.0, 0.0)], slots: Vec::new() });
    let some =
        Look::Fleet(Fleet { replicas: 3, ready: 2, loads: vec![load(0.0, 0.0, 0.0)], slots: Vec::new() });
    for second in (0..600).step_by(5) {
        let look = if second < 300 { &nobody } else { &some };
        assert_eq!(controller.decide(at(second), look).direction, Direction::Hold);
    }
}

#[test]
fn slots_in_use_keep_a_worker_although_nothing_waits() {
    let used = |used: f64| {
        Look::Fleet(Fleet {
            replicas: 2,
            ready: 2,
            loads: vec![load(0.0, 0.0, 1.0)],
            slots: vec![Slots { used, total: 200.0 }],
        })
    };
    let mut controller = Controller::new(settings(1, 8));
    for second in (0..600).step_by(5) {
        let decision = controller.decide(at(second), &used(90.0));
        assert_eq!(decision.direction, Direction::Hold);
        assert!(decision.reason.contains("90 of 200 slots"), "{}", decision.reason);
    }
    for second in (600..630).step_by(5) {
        assert_eq!(controller.decide(at(second), &used(60.0)).direction, Direction::Hold);
    }
    assert_eq!(controller.decide(at(630), &used(60.0)).direction, Direction::In);
}

#[test]
fn the_bounds_hold_without_any_load() {
    let mut controller = Controller::new(settings(2, 4));
    let none = controller.decide(at(0), &fleet(0, load(0.0, 0.0, 0.0)));
    assert_eq!((none.direction, none.wanted), (Direction::Pause, Some(0)), "somebody wanted that");
    let few = controller.decide(at(0), &fleet(1, load(0.0, 0.0, 0.0)));
    assert_eq!((few.direction, few.wanted), (Direction::Out, Some(2)));
    let many = controller.decide(at(5), &fleet(6, load(0.0, 0.0, 0.0)));
    assert_eq!((many.direction, many.wanted), (Direction::In, Some(5)), "one by one");
}

#[test]
fn a_try_that_was_wrong_is_not_made_again_soon() {
    let told = World::new(2, 5.0).run(settings(1, 4), 7200, |_| 4.6);
    assert!(told.outs <= 6, "{told}");
    assert!(told.oldest <= 6.0, "{told}");
}

impl Told {
    fn moves_after(&self, second: u64) -> usize {
        self.moves.iter().filter(|(at, _)| *at >= second).count()
    }

    fn fewest_after(&self, second: u64) -> usize {
        self.moves.iter().filter(|(at, _)| *at >= second).map(|(_, to)| *to).min().unwrap_or(usize::MAX)
    }
}
