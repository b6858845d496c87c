//! Drawing a run that is being watched: a live bar on a terminal, plain lines elsewhere, NDJSON for programs.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use keel_client::jobs::{Job, percent};
use keel_client::{Kind, LastFailure, Outcome, RunInfo, Sighting, Subject, Watch};
use keel_types::dataset::DatasetProgress;
use keel_types::progress::{Progress, Step};
use keel_types::state::OrderState;
use keel_types::workflow::GetState;
use serde_json::{Value, json};
use temporalio_common::{HasWorkflowDefinition, WorkflowDefinition};

use crate::output::{Exit, Failure, Out, note};
use crate::show::grouped;

/// Follows a task or a dataset until it ends, or until Ctrl-C ends the watching.
pub(crate) async fn job<J>(out: Out, id: &str, mut watch: Watch<J>) -> Result<Exit, Failure>
where
    J: Job,
    J::Workflow: HasWorkflowDefinition<Run = J::Workflow> + WorkflowDefinition<Output = String>,
{
    let mut lines = JobLines::new(J::KIND, id);
    let bar = bar(out, &format!("{} {id}", J::KIND.word()));
    let mut absence = Absence::default();
    let mut failures = Failures::default();
    loop {
        let sighting = tokio::select! {
            sighting = watch.next() => sighting?,
            _ = tokio::signal::ctrl_c() => return Ok(interrupted(bar.as_ref(), J::KIND, id)),
        };
        absence.tell(&sighting, bar.as_ref());
        let failed_anew = failures.tell(out, &sighting, bar.as_ref());
        if let Some(outcome) = &sighting.outcome {
            if let Some(bar) = &bar {
                bar.finish_and_clear();
            }
            return ended(out, J::KIND, id, outcome);
        }
        let heartbeat = sighting.info.as_ref().and_then(|info| info.heartbeat());
        let Some(progress) = &sighting.answer else {
            if failed_anew && out.is_json() {
                out.data(&failures.added_to(json!({"id": id})), String::new)?;
            }
            continue;
        };
        let line = lines.next(progress, heartbeat, Timestamp::now());
        match (&bar, line) {
            (Some(bar), _) => {
                bar.set_position((percent(J::KIND, progress, heartbeat) * 10.0) as u64);
                bar.set_message(message(progress, heartbeat, Timestamp::now()));
            }
            (None, line) if line.is_some() || (failed_anew && out.is_json()) => {
                let percent = percent(J::KIND, progress, heartbeat);
                let document =
                    json!({"id": id, "percent": percent, "progress": progress, "heartbeat": heartbeat});
                out.data(&failures.added_to(document), || line.unwrap_or_default())?;
            }
            (None, _) => {}
        }
    }
}

/// Follows an order until it ends; one line for each change.
pub(crate) async fn order(out: Out, id: &str, mut watch: Watch<GetState>) -> Result<Exit, Failure> {
    let mut last: Option<OrderState> = None;
    let mut absence = Absence::default();
    let mut failures = Failures::default();
    loop {
        let sighting = tokio::select! {
            sighting = watch.next() => sighting?,
            _ = tokio::signal::ctrl_c() => return Ok(interrupted(None, Kind::Order, id)),
        };
        absence.tell(&sighting, None);
        let failed_anew = failures.tell(out, &sighting, None);
        if let Some(outcome) = &sighting.outcome {
            return ended(out, Kind::Order, id, outcome);
        }
        let news = sighting.answer.filter(|state| last.as_ref() != Some(state));
        if news.is_none() && !(failed_anew && out.is_json()) {
            continue;
        }
        last = news.or(last);
        let document = match &last {
            Some(state) => serde_json::to_value(state)?,
            None => json!({"orderId": id}),
        };
        out.data(&failures.added_to(document), || last.as_ref().map(order_line).unwrap_or_default())?;
    }
}

fn order_line(state: &OrderState) -> String {
    let mut line = format!("order {}: {}", state.order_id, state.status);
    if let Some(by) = &state.approved_by {
        line.push_str(&format!(", approved by {by}"));
    }
    if let Some(step) = &state.current_step {
        line.push_str(&format!(", running {step}"));
    }
    if let Some(failure) = &state.failure {
        line.push_str(&format!(", because {}", failure.message));
    }
    line
}

/// The last line, and the exit code that goes with it.
fn ended(out: Out, kind: Kind, id: &str, outcome: &Outcome) -> Result<Exit, Failure> {
    let word = kind.word();
    out.data(&json!({"id": id, "outcome": outcome}), || {
        let status = outcome.status.word();
        let detail = outcome.to_string();
        if detail == status {
            format!("{word} {id} {status}")
        } else {
            format!("{word} {id} {status}: {detail}")
        }
    })?;
    if let Some(remedy) = Subject::new(kind, id).after(outcome.status) {
        note(&format!("{word} {id}: {remedy}"));
    } else if outcome.failure.as_ref().is_some_and(|failure| failure.kind.is_some()) {
        note(&format!("docs/failures.md says what to do about it; `keel {word} show {id}` tells more"));
    } else if !outcome.is_success() {
        note(&format!("`keel {word} show {id}` tells more"));
    }
    Ok(Exit::of(outcome.is_success()))
}

fn interrupted(bar: Option<&ProgressBar>, kind: Kind, id: &str) -> Exit {
    if let Some(bar) = bar {
        bar.abandon();
    }
    let word = kind.word();
    note(&format!(
        "stopped watching; {word} {id} goes on (`keel {word} watch {id}` looks again, `keel {word} cancel {id}` ends it)"
    ));
    Exit::Interrupted
}

/// A bar, where there is a terminal to draw it on and a person to look at it.
fn bar(out: Out, prefix: &str) -> Option<ProgressBar> {
    if out.is_json() || !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::stderr_with_hz(4));
    let style = ProgressStyle::with_template("{prefix} [{bar:30}] {percent:>3} % {wide_msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(prefix.to_owned());
    Some(bar)
}

fn message(progress: &Progress, heartbeat: Option<DatasetProgress>, now: Timestamp) -> String {
    let mut text = progress.current_step.clone();
    match (Step::parse(&progress.current_step), heartbeat) {
        (Some(Step::Process), Some(heartbeat)) => text.push_str(&format!(
            " ({} rows, {} rejected)",
            grouped(heartbeat.rows_accepted),
            grouped(heartbeat.rows_rejected)
        )),
        // It reads the file once more, for the checksum, and counts no rows.
        (Some(Step::Complete), Some(heartbeat)) => {
            text.push_str(&format!(" ({:.0} % of the bytes hashed)", heartbeat.fraction() * 100.0));
        }
        _ => {}
    }
    if let Some(end) = expected_end(progress, now) {
        text.push_str(&format!(", expected end {end}"));
    }
    text
}

/// The time of day at which it should be done. The workflow works it out when a step ends, so that a long step can
/// outlive it: a time that has passed is not worth showing.
fn expected_end(progress: &Progress, now: Timestamp) -> Option<String> {
    let end: Timestamp = progress.estimated_completion.parse().ok()?;
    (!progress.completed_steps.is_empty() && end > now).then(|| end.strftime("%H:%M:%SZ").to_string())
}

/// Decides which moments are worth a line: a change of step, or ten more per cent.
#[derive(Debug)]
struct JobLines {
    kind: Kind,
    id: String,
    last: Option<(String, u64)>,
}

impl JobLines {
    fn new(kind: Kind, id: &str) -> Self {
        Self { kind, id: id.to_owned(), last: None }
    }

    fn next(
        &mut self,
        progress: &Progress,
        heartbeat: Option<DatasetProgress>,
        now: Timestamp,
    ) -> Option<String> {
        let percent = percent(self.kind, progress, heartbeat);
        let moment = (progress.current_step.clone(), (percent / 10.0) as u64);
        let is_news = self.last.as_ref().is_none_or(|last| last.0 != moment.0 || last.1 < moment.1);
        is_news.then(|| {
            self.last = Some(moment);
            format!("{} {}: {percent:.0} % {}", self.kind.word(), self.id, message(progress, heartbeat, now))
        })
    }
}

/// Tells once for each failed attempt why nothing moves.
#[derive(Debug, Default)]
struct Failures {
    last: Option<LastFailure>,
}

impl Failures {
    /// Takes note of the last failure; whether it is a new one. People are told on stderr, programs by
    /// [`Failures::added_to`].
    fn tell<S>(&mut self, out: Out, sighting: &Sighting<S>, bar: Option<&ProgressBar>) -> bool {
        let now = sighting.info.as_ref().and_then(RunInfo::last_failure);
        let is_new = now.as_ref().is_some_and(|now| !self.last.as_ref().is_some_and(|last| same(last, now)));
        self.last = now;
        if let Some(failure) = self.last.as_ref().filter(|_| is_new && !out.is_json()) {
            say(bar, &failure.to_string());
        }
        is_new
    }

    /// `document` with the field `lastFailure`, if there is one.
    fn added_to(&self, mut document: Value) -> Value {
        if let (Some(failure), Some(fields)) = (&self.last, document.as_object_mut()) {
            fields.insert("lastFailure".to_owned(), json!(failure));
        }
        document
    }
}

/// Whether two looks saw the same failed attempt; that the next one has started by now is no news.
fn same(one: &LastFailure, other: &LastFailure) -> bool {
    let key = |failure: &LastFailure| (failure.activity.clone(), failure.failure.clone(), failure.attempt);
    key(one) == key(other)
}

/// A note that does not tear the bar.
fn say(bar: Option<&ProgressBar>, text: &str) {
    match bar {
        Some(bar) => bar.suspend(|| note(text)),
        None => note(text),
    }
}

/// Tells once, not every time, that nobody answers.
#[derive(Debug, Default)]
struct Absence {
    told: Option<String>,
}

impl Absence {
    fn tell<S>(&mut self, sighting: &Sighting<S>, bar: Option<&ProgressBar>) {
        let queue = sighting.info.as_ref().map(|info| info.task_queue.as_str()).unwrap_or_default();
        let now = if sighting.server_away {
            Some("Temporal does not answer; still trying".to_owned())
        } else if sighting.worker_away {
            Some(format!("no worker answers on task queue {queue}; the run waits for one"))
        } else {
            None
        };
        let text = match (&self.told, &now) {
            (None, Some(text)) => Some(text.clone()),
            (Some(told), Some(text)) if told != text => Some(text.clone()),
            (Some(_), None) => Some("answers again".to_owned()),
            _ => None,
        };
        if let Some(text) = text {
            say(bar, &text);
        }
        self.told = now;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use keel_client::Kind;
    use keel_types::dataset::DatasetProgress;
    use keel_types::progress::Progress;

    use super::JobLines;

    fn at(step: &str, done: u8) -> Progress {
        let completed_steps = if done == 0 { Vec::new() } else { vec!["validate".to_owned()] };
        let estimated_completion = "2026-11-22T10:20:30.123Z".to_owned();
        Progress { current_step: step.to_owned(), completed_steps, progress: done, estimated_completion }
    }

    fn bytes(bytes_done: u64) -> Option<DatasetProgress> {
        Some(DatasetProgress { bytes_done, bytes_total: 100, rows_accepted: 1234, rows_rejected: 5 })
    }

    #[test]
    fn a_line_for_each_step_and_each_tenth() {
        let mut lines = JobLines::new(Kind::Task, "T-1");
        let before: Timestamp = "2026-11-22T10:20:00Z".parse().unwrap();
        let after: Timestamp = "2026-11-22T10:21:00Z".parse().unwrap();
        assert_eq!(lines.next(&at("validate", 0), None, before).as_deref(), Some("task T-1: 0 % validate"));
        assert_eq!(lines.next(&at("validate", 0), None, before), None);
        assert_eq!(
            lines.next(&at("process", 20), bytes(10), before).as_deref(),
            Some("task T-1: 22 % process (1,234 rows, 5 rejected), expected end 10:20:30Z")
        );
        assert_eq!(lines.next(&at("process", 20), bytes(40), before), None);
        assert!(
            lines
                .next(&at("process", 20), bytes(60), after)
                .is_some_and(|line| line.contains(" 32 % ") && line.ends_with("rejected)"))
        );
        // Rows belong to the step that counts them.
        assert_eq!(
            lines.next(&at("complete", 80), bytes(50), after).as_deref(),
            Some("task T-1: 90 % complete (50 % of the bytes hashed)")
        );
        let mut lines = JobLines::new(Kind::Task, "T-1");
        assert!(lines.next(&at("process", 20), bytes(60), after).is_some());
        // A retry that starts the step over is no news.
        assert_eq!(lines.next(&at("process", 20), bytes(0), before), None);
    }
}
