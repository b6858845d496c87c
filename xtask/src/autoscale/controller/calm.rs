//! When a worker may go: fewer must have sufficed for long, as far as the figures show it; and where they cannot show it,
//! after three times as long one is tried, and after a wrong try later and later.

use std::collections::BTreeMap;
use std::time::Duration;

use super::small;
use crate::autoscale::look::{Fleet, Load};
use crate::autoscale::settings::Settings;
use crate::autoscale::track::Track;
use crate::capacity::shown;

/// A try waits so many times the cool-down.
const TRY_AFTER: u32 = 3;
/// Wrong tries double the wait up to 2^4 times.
const MOST_WRONG: u32 = 4;
/// Fewer tasks a second are none.
const QUIET: f64 = 0.05;

/// Since when it has been calm.
#[derive(Debug, Default)]
pub struct Calm {
    /// Since when nothing waits.
    since: Option<Duration>,
    /// Since when the figures show that fewer suffice.
    fits_since: Option<Duration>,
    /// The last try, until it is known to have been right.
    tried: Option<Duration>,
    wrong: u32,
}

/// Whether fewer would do.
#[derive(Debug, PartialEq, Eq)]
pub struct Fit {
    /// What the figures show; `None` when they show nothing.
    pub fits: Option<bool>,
    /// Whether it is known that fewer would not do, so that no try is needed.
    pub never: bool,
    /// For people.
    pub words: String,
}

impl Calm {
    /// Begins anew.
    pub fn reset(&mut self) {
        (self.since, self.fits_since) = (None, None);
    }

    /// More workers came: if that answers a try, the try was wrong.
    pub fn note_out(&mut self, now: Duration, cool_down: Duration) {
        self.reset();
        if let Some(tried) = self.tried.take()
            && now.saturating_sub(tried) < cool_down * TRY_AFTER
        {
            self.wrong = (self.wrong + 1).min(MOST_WRONG);
        }
    }

    /// The reason to let one go, when it has been calm for long enough.
    pub fn patience_over(&mut self, now: Duration, cool_down: Duration, fit: &Fit) -> Option<String> {
        if fit.never {
            self.reset();
            return None;
        }
        let since = *self.since.get_or_insert(now);
        if fit.fits == Some(true) {
            let since = *self.fits_since.get_or_insert(now);
            if now.saturating_sub(since) >= cool_down {
                self.wrong = 0;
                self.reset();
                return Some(format!("for {} {}", shown(cool_down), fit.words));
            }
        } else {
            self.fits_since = None;
        }
        let wait = cool_down * TRY_AFTER * 2_u32.pow(self.wrong);
        if now.saturating_sub(since) >= wait {
            self.tried = Some(now);
            self.reset();
            return Some(format!("nothing waited for {}: trying with one fewer", shown(wait)));
        }
        None
    }
}

/// Whether what comes in would fit into one worker fewer, with headroom.
pub fn fit(settings: &Settings, tracks: &BTreeMap<String, Track>, fleet: &Fleet) -> Fit {
    let (all, fewer) = (small(fleet.replicas), small(fleet.replicas - 1));
    let share = 1.0 - settings.headroom;
    let crowded = fleet.slots.iter().find(|slots| slots.used > share * slots.total * fewer / all);
    if let Some(slots) = crowded {
        let words = format!("{:.0} of {:.0} slots were in use", slots.used, slots.total);
        return Fit { fits: Some(false), never: true, words };
    }
    let rate = |load: &Load| load.add_rate.max(load.dispatch_rate);
    let mut shows = !fleet.slots.is_empty() || fleet.loads.iter().all(|load| rate(load) < QUIET);
    let mut words = vec![format!("{fewer:.0} would have sufficed")];
    for load in &fleet.loads {
        let rate = rate(load);
        match tracks.get(&load.kind).and_then(Track::capacity) {
            Some(each) if rate > share * each * fewer => {
                let words = format!("{rate:.1} {} tasks/s, and a worker takes {each:.1}", load.kind);
                return Fit { fits: Some(false), never: false, words };
            }
            Some(each) => {
                shows = true;
                words.push(format!("{rate:.1} {} tasks/s, and a worker takes {each:.1}", load.kind));
            }
            None => {}
        }
    }
    if !shows {
        let words = "what a worker takes at most has not been seen yet".to_owned();
        return Fit { fits: None, never: false, words };
    }
    Fit { fits: Some(true), never: false, words: words.join(": ") }
}
