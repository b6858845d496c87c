//! From what the server says to what is to be done: how often to ask, and when to rebuild.

use std::time::{Duration, Instant};

use crate::sight::Sight;

/// While all is well.
const CALM: Duration = Duration::from_secs(5);
/// While it is not.
const ALERT: Duration = Duration::from_millis(500);
/// At the start, when milliseconds count.
const EAGER: Duration = Duration::from_millis(5);
/// So many eager looks before they become rarer.
const EAGER_LOOKS: u32 = 40;
/// A server that was away for longer leaves the SDK's polls in long pauses.
const OUTAGE: Duration = Duration::from_secs(1);
/// Polls that the server has forgotten come back by themselves within this time, or not soon.
const FORGOTTEN: Duration = Duration::from_secs(3);

/// Watches one generation.
#[derive(Debug)]
pub(crate) struct Lookout {
    seen: bool,
    looks: u32,
    slow: u32,
    pause: Duration,
    lost: Option<Instant>,
    unseen: Option<Instant>,
}

impl Lookout {
    pub(crate) const fn new() -> Self {
        Self { seen: false, looks: 0, slow: 0, pause: EAGER, lost: None, unseen: None }
    }

    /// How long to wait before the next look.
    pub(crate) fn pause(&mut self, ready: bool) -> Duration {
        self.looks += 1;
        self.pause = match (ready, self.seen) {
            (true, _) if self.slow == 0 => CALM,
            (true, _) => ALERT,
            (false, true) => ALERT,
            (false, false) if self.looks <= EAGER_LOOKS => EAGER,
            (false, false) => self.pause.mul_f64(1.5).min(ALERT),
        };
        self.pause
    }

    /// Whether readiness depends on it: one slow answer says nothing, the next look comes soon.
    pub(crate) fn counts(&mut self, sight: &Sight) -> bool {
        self.slow = if matches!(sight, Sight::Slow(_)) { self.slow + 1 } else { 0 };
        !self.seen || self.slow != 1
    }

    /// Why the SDK workers have to be rebuilt, if they have to.
    pub(crate) fn judge(&mut self, sight: &Sight, now: Instant) -> Option<String> {
        match sight {
            Sight::Away(_) => {
                self.lost.get_or_insert(now);
                return None;
            }
            // Whoever is slow may still have our polls.
            Sight::Slow(_) | Sight::Refused(_) => return None,
            Sight::Polling | Sight::Stale(_) | Sight::Untold(_) => self.unseen = None,
            Sight::Unseen(_) => {}
        }
        if let Some(lost) = self.lost.take() {
            let away = now.duration_since(lost);
            if away >= OUTAGE {
                return Some(format!("Temporal is back after {} s", away.as_secs()));
            }
        }
        match sight {
            Sight::Unseen(_) if self.seen => {
                let unseen = *self.unseen.get_or_insert(now);
                (now.duration_since(unseen) >= FORGOTTEN)
                    .then(|| "the server has forgotten our polls, as it does when it restarts".to_owned())
            }
            Sight::Unseen(_) => None,
            _ => {
                self.seen = true;
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::{CALM, EAGER, Lookout};
    use crate::sight::Sight;

    fn unseen() -> Sight {
        Sight::Unseen("no poll".to_owned())
    }

    #[test]
    fn a_server_that_was_away_gets_new_sdk_workers() {
        let (mut lookout, start) = (Lookout::new(), Instant::now());
        assert_eq!(lookout.judge(&Sight::Polling, start), None);
        let away = Sight::Away("gone".to_owned());
        assert_eq!(lookout.judge(&away, start + Duration::from_secs(5)), None);
        assert_eq!(lookout.judge(&away, start + Duration::from_secs(8)), None);
        let why = lookout.judge(&unseen(), start + Duration::from_secs(9)).unwrap();
        assert_eq!(why, "Temporal is back after 4 s");
    }

    #[test]
    fn polls_that_are_forgotten_get_a_moment_to_come_back() {
        let (mut lookout, start) = (Lookout::new(), Instant::now());
        assert_eq!(lookout.judge(&unseen(), start), None);
        assert_eq!(lookout.judge(&unseen(), start + Duration::from_secs(60)), None, "it was never seen");
        assert_eq!(lookout.judge(&Sight::Polling, start + Duration::from_secs(61)), None);
        assert_eq!(lookout.judge(&unseen(), start + Duration::from_secs(62)), None);
        assert_eq!(lookout.judge(&Sight::Polling, start + Duration::from_secs(63)), None, "they came back");
        assert_eq!(lookout.judge(&unseen(), start + Duration::from_secs(64)), None);
        assert!(lookout.judge(&unseen(), start + Duration::from_secs(67)).is_some());
    }

    #[test]
    fn one_slow_answer_does_not_count() {
        let (mut lookout, slow) = (Lookout::new(), Sight::Slow("no answer".to_owned()));
        assert!(lookout.counts(&slow), "at the start it does");
        assert_eq!(lookout.judge(&Sight::Polling, Instant::now()), None);
        assert!(lookout.counts(&Sight::Polling));
        assert!(!lookout.counts(&slow));
        assert!(lookout.pause(true) < CALM);
        assert!(lookout.counts(&slow));
        assert!(lookout.counts(&Sight::Polling));
        assert_eq!(lookout.pause(true), CALM);
    }

    #[test]
    fn it_asks_often_only_until_all_is_well() {
        let mut lookout = Lookout::new();
        assert_eq!(lookout.pause(false), EAGER);
        let slow = (0..100).map(|_| lookout.pause(false)).last().unwrap();
        assert_eq!(slow, Duration::from_millis(500));
        assert_eq!(lookout.pause(true), CALM);
    }
}
