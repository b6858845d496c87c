//! One line for each decision that is news; as JSON one for every look.

use std::time::Duration;

use serde::Serialize;

use super::controller::{Decision, Direction};
use super::look::Fleet;
use crate::deploy::{Form, Scaled};

/// Says again that nothing changed, after this long.
const STILL: Duration = Duration::from_secs(300);

/// Tells what happens.
#[derive(Debug)]
pub struct Report {
    form: Form,
    last: Option<(Direction, Option<usize>, Duration)>,
}

/// A decision as one line of JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    /// Seconds since the start.
    seconds: f64,
    #[serde(flatten)]
    decision: &'a Decision,
    /// What it was made on; null when nobody could tell.
    fleet: Option<&'a Fleet>,
}

impl Report {
    /// Nothing told yet.
    pub fn new(form: Form) -> Self {
        Self { form, last: None }
    }

    /// A decision.
    ///
    /// # Errors
    /// Never, in practice: when it cannot be written as JSON.
    pub fn decided(
        &mut self,
        now: Duration,
        decision: &Decision,
        fleet: Option<&Fleet>,
    ) -> anyhow::Result<()> {
        if self.form == Form::Json {
            let line = Line { seconds: now.as_secs_f64(), decision, fleet };
            println!("{}", serde_json::to_string(&line)?);
            return Ok(());
        }
        if self.is_news(now, decision) {
            println!("{}", text(now, decision, fleet));
        }
        Ok(())
    }

    /// A change that was made.
    pub fn acted(&mut self, now: Duration, direction: Direction, scaled: &Scaled) {
        eprintln!(
            "  {} {}: {} -> {} in {:.1} s",
            clock(now),
            direction.word(),
            scaled.before,
            scaled.now,
            scaled.seconds
        );
    }

    /// Something that went wrong, and when it is tried again.
    pub fn failed(&mut self, now: Duration, error: &anyhow::Error, pause: Duration) {
        self.last = None;
        eprintln!("  {} failed, next look in {} s: {error:#}", clock(now), pause.as_secs());
    }

    fn is_news(&mut self, now: Duration, decision: &Decision) -> bool {
        let moves = matches!(decision.direction, Direction::Out | Direction::In);
        let same = self.last.is_some_and(|(direction, wanted, told)| {
            direction == decision.direction && wanted == decision.wanted && now.saturating_sub(told) < STILL
        });
        if same && !moves {
            return false;
        }
        self.last = Some((decision.direction, decision.wanted, now));
        true
    }
}

fn text(now: Duration, decision: &Decision, fleet: Option<&Fleet>) -> String {
    let from = fleet.map_or_else(|| "?".to_owned(), |fleet| fleet.replicas.to_string());
    let to = match (decision.direction, decision.wanted) {
        (Direction::Out | Direction::In, Some(wanted)) => format!("{from} -> {wanted}"),
        _ => from,
    };
    format!("{} {:<5} {to:<8} {}", clock(now), decision.direction.word(), decision.reason)
}

/// Minutes and seconds since the start.
fn clock(now: Duration) -> String {
    format!("{:>3}:{:02}", now.as_secs() / 60, now.as_secs() % 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Report, text};
    use crate::autoscale::controller::{Decision, Direction};
    use crate::autoscale::look::Fleet;
    use crate::deploy::Form;

    #[test]
    fn only_news_is_told() {
        let mut report = Report::new(Form::Text);
        let mut news = |second: u64, direction, wanted| {
            let decision = Decision { direction, wanted: Some(wanted), reason: "because".to_owned() };
            report.is_news(Duration::from_secs(second), &decision)
        };
        assert!(news(0, Direction::Hold, 2) && !news(3, Direction::Hold, 2));
        assert!(news(6, Direction::Out, 4) && news(9, Direction::Out, 4), "each change is news");
        assert!(
            news(12, Direction::Hold, 4) && !news(300, Direction::Hold, 4) && news(312, Direction::Hold, 4)
        );
        assert!(news(315, Direction::Pause, 4));
    }

    #[test]
    fn a_line_says_when_what_and_why() {
        let decision = Decision { direction: Direction::Out, wanted: Some(4), reason: "it grows".to_owned() };
        let fleet = Fleet { replicas: 2, ..Fleet::default() };
        assert_eq!(text(Duration::from_secs(75), &decision, Some(&fleet)), "  1:15 out   2 -> 4   it grows");
        let hold = Decision { direction: Direction::Hold, wanted: None, reason: "nobody knows".to_owned() };
        assert_eq!(text(Duration::from_secs(5), &hold, None), "  0:05 hold  ?        nobody knows");
    }
}
