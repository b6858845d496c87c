//! How the workers followed: what the drill saw itself, and what the autoscaler says that it did.

use std::time::{Duration, Instant};

use anyhow::Context;
use serde::Deserialize;

use crate::autoscale::{Look, look_at};
use crate::deploy::Site;
use crate::stack::{Load, Service};
use crate::wait;

/// Between two looks of the drill's own.
const LOOK: Duration = Duration::from_secs(1);
/// One line for people each so many looks.
const LINE: usize = 10;

/// What the drill saw, look by look.
#[derive(Debug, Default)]
pub struct Seen {
    ready: Vec<usize>,
    oldest: f64,
}

/// The whole of it.
#[derive(Debug, PartialEq)]
pub struct Ride {
    /// The fewest workers that were ready at once.
    pub fewest: usize,
    /// The most.
    pub most: usize,
    /// The longest that the oldest task had waited, in seconds.
    pub oldest: f64,
    /// Decisions for more.
    pub outs: usize,
    /// Decisions for one fewer.
    pub ins: usize,
    /// Whether there were more again after there had been fewer.
    pub rose_again: bool,
}

/// A line of `cargo xtask autoscale --output json`.
#[derive(Deserialize)]
struct Line {
    direction: String,
}

/// Looks at the fleet for as long as the waves last.
///
/// # Errors
/// When the load or the autoscaler ends.
pub fn watch(
    site: &Site,
    load: &mut Load,
    autoscaler: &mut Service,
    length: Duration,
) -> anyhow::Result<Seen> {
    let (begun, build) = (Instant::now(), site.stack().state.build.id.clone());
    let front = format!("{}/health", site.url("FRONT"));
    let mut seen = Seen::default();
    while begun.elapsed() < length {
        load.must_run()?;
        autoscaler.must_run()?;
        // Unknown for a moment, as when the front is slow, is the autoscaler's to deal with.
        if let Look::Fleet(fleet) = look_at(&front, &build, 0) {
            seen.oldest = seen.oldest.max(fleet.age());
            seen.ready.push(fleet.ready);
            if seen.ready.len() % LINE == 1 {
                let rate: f64 = fleet.loads.iter().map(|load| load.add_rate).sum();
                eprintln!(
                    "  {:>3} s: {} ready, {rate:.1} tasks/s, {:.0} wait, the oldest {:.1} s",
                    begun.elapsed().as_secs(),
                    fleet.ready,
                    fleet.backlog(),
                    fleet.age()
                );
            }
        }
        wait::pause(LOOK)?;
    }
    Ok(seen)
}

impl Ride {
    /// Puts both together.
    ///
    /// # Errors
    /// When nothing was seen, or the autoscaler said something else than lines of JSON.
    pub fn read(seen: Seen, log: &str) -> anyhow::Result<Self> {
        let mut moves = Vec::new();
        // Beside the lines stands what it tells people.
        for line in log.lines().filter(|line| line.starts_with('{')) {
            let line: Line =
                serde_json::from_str(line).with_context(|| format!("the autoscaler said {line}"))?;
            if matches!(line.direction.as_str(), "out" | "in") {
                moves.push(line.direction);
            }
        }
        let fell = moves.iter().position(|direction| direction == "in");
        let rose_again = fell.is_some_and(|at| moves[at..].iter().any(|direction| direction == "out"));
        let outs = moves.iter().filter(|direction| *direction == "out").count();
        Ok(Self {
            fewest: *seen.ready.iter().min().context("the front never told how the fleet is")?,
            most: *seen.ready.iter().max().context("the front never told how the fleet is")?,
            oldest: seen.oldest,
            outs,
            ins: moves.len() - outs,
            rose_again,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Ride, Seen};

    #[test]
    fn a_ride_is_put_together_from_both_sides() {
        let seen = || Seen { ready: vec![1, 2, 4, 3], oldest: 2.5 };
        let line = |direction: &str| {
            format!("{{\"seconds\": 1.0, \"direction\": \"{direction}\", \"wanted\": 1}}\n")
        };
        let log = ["hold", "out", "out", "in", "hold"].map(line).concat() + "  draining x\n";
        let ride = Ride::read(seen(), &log).unwrap();
        assert_eq!((ride.fewest, ride.most, ride.outs, ride.ins, ride.rose_again), (1, 4, 2, 1, false));
        assert!(Ride::read(seen(), &(log + &line("out"))).unwrap().rose_again);
        assert!(Ride::read(Seen::default(), "").is_err() && Ride::read(seen(), "{\"x\": 1}").is_err());
    }
}
