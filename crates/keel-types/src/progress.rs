//! Progress of a task or a dataset run, as the query `getProgress` answers it.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

/// What `currentStep` says before the first step starts.
pub const INITIALIZING: &str = "initializing";
/// What `currentStep` says when everything is done.
pub const COMPLETED: &str = "completed";

/// The steps of a task, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The dataset exists and its columns fit.
    Validate,
    /// The rows are read, rejected or aggregated.
    Process,
    /// Revenue by day, region and product; top customers.
    Analyze,
    /// A JSON summary and an HTML report.
    Generate,
    /// A manifest with checksums and counts.
    Complete,
}

impl Step {
    /// The steps in the order they run.
    pub const ALL: [Self; 5] = [Self::Validate, Self::Process, Self::Analyze, Self::Generate, Self::Complete];

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Process => "process",
            Self::Analyze => "analyze",
            Self::Generate => "generate",
            Self::Complete => "complete",
        }
    }

    /// The step with this name, if there is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The answer of `getProgress`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// The step that runs: `initializing`, a [`Step`], or `completed`.
    pub current_step: String,
    /// Steps that are done.
    pub completed_steps: Vec<String>,
    /// 0 to 100; 100 only when everything is done.
    pub progress: u8,
    /// When it should be done, ISO-8601 UTC, from the durations seen so far.
    pub estimated_completion: String,
}

/// Keeps [`Progress`] up to date as steps start and finish. Pure: the caller brings the time.
#[derive(Clone, Debug)]
pub struct ProgressTracker {
    steps: &'static [Step],
    started_at: SystemTime,
    now: SystemTime,
    current: Option<Step>,
    done: Vec<Step>,
    finished: bool,
}

impl ProgressTracker {
    /// A run over `steps` that starts at `now`.
    #[must_use]
    pub const fn new(steps: &'static [Step], now: SystemTime) -> Self {
        Self { steps, started_at: now, now, current: None, done: Vec::new(), finished: false }
    }

    /// `step` starts at `now`.
    pub const fn begin(&mut self, step: Step, now: SystemTime) {
        self.current = Some(step);
        self.now = now;
    }

    /// `step` is done at `now`.
    pub fn finish(&mut self, step: Step, now: SystemTime) {
        self.done.push(step);
        self.now = now;
    }

    /// Everything is done at `now`.
    pub const fn complete(&mut self, now: SystemTime) {
        self.finished = true;
        self.now = now;
    }

    /// The answer of the query at this moment.
    #[must_use]
    pub fn snapshot(&self) -> Progress {
        let current = match self.current {
            _ if self.finished => COMPLETED,
            Some(step) => step.as_str(),
            None => INITIALIZING,
        };
        Progress {
            current_step: current.to_owned(),
            completed_steps: self.done.iter().map(ToString::to_string).collect(),
            progress: self.percent(),
            estimated_completion: iso(self.estimate()),
        }
    }

    fn percent(&self) -> u8 {
        if self.finished {
            return 100;
        }
        let percent = self.done.len() * 100 / self.steps.len().max(1);
        u8::try_from(percent.min(99)).unwrap_or(99)
    }

    /// The mean duration of the finished steps, for each step that remains. Before the first one is done nothing has
    /// been seen, and the estimate is the last moment known.
    fn estimate(&self) -> SystemTime {
        let remaining = self.steps.len().saturating_sub(self.done.len());
        let seen = self.now.duration_since(self.started_at).unwrap_or(Duration::ZERO);
        let (Ok(done), Ok(remaining)) = (u32::try_from(self.done.len()), u32::try_from(remaining)) else {
            return self.now;
        };
        if self.finished || done == 0 {
            return self.now;
        }
        self.now + (seen / done) * remaining
    }
}

/// `time` as ISO-8601 UTC with milliseconds; times outside the calendar are clamped.
#[must_use]
pub fn iso(time: SystemTime) -> String {
    let stamp = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::MAX);
    format!("{stamp:.3}")
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{ProgressTracker, Step, iso};

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn an_estimate_follows_the_durations_seen() {
        let mut tracker = ProgressTracker::new(&Step::ALL, at(100));
        assert_eq!(tracker.snapshot().current_step, "initializing");
        tracker.begin(Step::Validate, at(100));
        assert_eq!(tracker.snapshot().progress, 0);
        tracker.finish(Step::Validate, at(110));
        tracker.begin(Step::Process, at(110));
        let progress = tracker.snapshot();
        assert_eq!((progress.current_step.as_str(), progress.progress), ("process", 20));
        assert_eq!(progress.estimated_completion, iso(at(150)));
        assert_eq!(progress.completed_steps, ["validate"]);
    }

    #[test]
    fn a_hundred_is_only_said_at_the_end() {
        let mut tracker = ProgressTracker::new(&Step::ALL, at(0));
        for step in Step::ALL {
            tracker.begin(step, at(1));
            tracker.finish(step, at(2));
        }
        assert_eq!(tracker.snapshot().progress, 99);
        tracker.complete(at(3));
        let progress = tracker.snapshot();
        assert_eq!((progress.current_step.as_str(), progress.progress), ("completed", 100));
        assert_eq!(progress.estimated_completion, "1970-01-01T00:00:03.000Z");
    }
}
