//! What the past says about one kind of tasks: how fast the wait grows, and how much a worker takes.

use std::collections::VecDeque;
use std::time::Duration;

use super::look::Load;

/// The server's rates are means over this long.
pub const RATES_OVER: Duration = Duration::from_secs(30);
/// The wait's growth is measured over this long, so that one odd figure does not count much.
const GROWTH_OVER: Duration = Duration::from_secs(6);
/// What a lower measurement takes off the one before: workers get slower in earnest, and one figure may be odd.
const FADE: f64 = 0.3;

/// Figures that are kept for a while.
#[derive(Debug, Default)]
pub struct Window(VecDeque<(Duration, f64)>);

impl Window {
    /// Adds a figure and forgets those older than `length`.
    pub fn push(&mut self, now: Duration, figure: f64, length: Duration) {
        self.0.push_back((now, figure));
        while self.0.front().is_some_and(|(at, _)| now.saturating_sub(*at) > length) {
            self.0.pop_front();
        }
    }

    /// Their mean; each counts until the next one, the last not yet.
    pub fn mean(&self) -> Option<f64> {
        let (mut sum, mut length) = (0.0, 0.0);
        for (one, next) in self.0.iter().zip(self.0.iter().skip(1)) {
            let lasted = next.0.saturating_sub(one.0).as_secs_f64();
            sum += one.1 * lasted;
            length += lasted;
        }
        if length > 0.0 { Some(sum / length) } else { self.0.back().map(|(_, figure)| *figure) }
    }

    /// How much they grew a second from the first to the last.
    pub fn growth(&self) -> f64 {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else { return 0.0 };
        let length = last.0.saturating_sub(first.0).as_secs_f64();
        if length > 0.0 { (last.1 - first.1) / length } else { 0.0 }
    }
}

/// The past of one kind of tasks.
#[derive(Debug, Default)]
pub struct Track {
    ages: Window,
    /// Tasks a second that one worker takes, as far as they had to show it.
    capacity: Option<f64>,
}

impl Track {
    /// Takes a look into account. `ready` is how many workers took tasks while the server measured its rates.
    pub fn note(&mut self, now: Duration, load: &Load, ready: f64, is_waiting: bool) {
        self.ages.push(now, load.age, GROWTH_OVER);
        if ready < 0.5 {
            return;
        }
        let each = load.dispatch_rate / ready;
        self.capacity = match self.capacity {
            // Only while tasks wait do workers do what they can; but what they do without that, they can as well.
            Some(known) if is_waiting || each > known => Some(each.max((1.0 - FADE) * known + FADE * each)),
            None if is_waiting && each > 0.0 => Some(each),
            known => known,
        };
    }

    /// Tasks a second that one worker takes; `None` until they had to show it.
    pub fn capacity(&self) -> Option<f64> {
        self.capacity
    }

    /// By how many seconds the oldest task gets older each second.
    pub fn growth(&self) -> f64 {
        self.ages.growth()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{RATES_OVER, Track, Window};
    use crate::autoscale::look::Load;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_window_knows_mean_and_growth_and_forgets() {
        let mut window = Window::default();
        assert_eq!((window.mean(), window.growth()), (None, 0.0));
        window.push(at(0), 100.0, RATES_OVER);
        assert_eq!((window.mean(), window.growth()), (Some(100.0), 0.0));
        window.push(at(40), 1.0, RATES_OVER);
        window.push(at(50), 3.0, RATES_OVER);
        window.push(at(60), 5.0, RATES_OVER);
        assert_eq!(window.mean(), Some(2.0));
        assert!((window.growth() - 0.2).abs() < 1e-9);
    }

    #[test]
    fn what_a_worker_takes_is_known_once_tasks_wait() {
        let load = |rate: f64| Load {
            kind: "activity".to_owned(),
            backlog: 1.0,
            age: 1.0,
            add_rate: rate,
            dispatch_rate: rate,
        };
        let mut track = Track::default();
        track.note(at(0), &load(8.0), 2.0, false);
        assert_eq!(track.capacity(), None, "they may be able to do much more");
        track.note(at(1), &load(8.0), 2.0, true);
        assert_eq!(track.capacity(), Some(4.0));
        track.note(at(2), &load(2.0), 2.0, false);
        assert_eq!(track.capacity(), Some(4.0), "less work says nothing");
        track.note(at(3), &load(10.0), 2.0, false);
        assert_eq!(track.capacity(), Some(5.0), "they just did that");
        track.note(at(4), &load(2.0), 2.0, true);
        assert_eq!(track.capacity(), Some(3.8), "they are slower in earnest, or the figure is odd");
        track.note(at(5), &load(9.0), 0.0, true);
        assert_eq!(track.capacity(), Some(3.8), "nobody was there");
    }
}
