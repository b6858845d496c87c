//! The steps of a check-up, and what they add up to.

use serde::Serialize;
use serde_json::{Value, json};

use crate::output::Exit;

/// What a step is about; its failure has its own exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum Family {
    Dns,
    Tcp,
    Tls,
    Authentication,
    Server,
    Namespace,
    SearchAttributes,
    Pollers,
    Backlog,
    Clock,
    Worker,
}

impl Family {
    const fn word(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Server => "server",
            Self::Namespace => "namespace",
            Self::SearchAttributes => "search attributes",
            Self::Pollers => "pollers",
            Self::Backlog => "backlog",
            Self::Clock => "clock",
            Self::Worker => "worker",
        }
    }

    /// As documented in docs/doctor.md.
    const fn exit_code(self) -> u8 {
        match self {
            Self::Dns | Self::Tcp | Self::Server => 10,
            Self::Tls => 11,
            Self::Authentication => 12,
            Self::Namespace => 13,
            Self::SearchAttributes => 14,
            Self::Pollers => 15,
            Self::Backlog => 16,
            Self::Clock => 17,
            Self::Worker => 18,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
enum Status {
    Ok,
    Warn,
    Fail,
    Skipped,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    step: Family,
    status: Status,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "Value::is_null")]
    figures: Value,
}

/// The steps so far.
#[derive(Debug, Default)]
pub(super) struct Checkup {
    steps: Vec<Step>,
}

impl Checkup {
    pub(super) fn ok(&mut self, step: Family, detail: impl Into<String>, figures: Value) {
        self.push(step, Status::Ok, detail.into(), None, figures);
    }

    pub(super) fn warn(&mut self, step: Family, detail: impl Into<String>, next: impl Into<String>) {
        self.push(step, Status::Warn, detail.into(), Some(next.into()), Value::Null);
    }

    pub(super) fn fail(&mut self, step: Family, detail: impl Into<String>, next: impl Into<String>) {
        self.push(step, Status::Fail, detail.into(), Some(next.into()), Value::Null);
    }

    pub(super) fn skip(&mut self, step: Family, why: impl Into<String>) {
        self.push(step, Status::Skipped, why.into(), None, Value::Null);
    }

    /// A failure told by an error. Errors of this program put the remedy behind the first semicolon; `next` is for those
    /// that know none.
    pub(super) fn broken(&mut self, step: Family, error: &dyn std::error::Error, next: &str) {
        let text = error.to_string();
        let (what, next) = text.split_once("; ").unwrap_or((&text, next));
        let mut detail = what.to_owned();
        let mut cause = error.source();
        while let Some(inner) = cause {
            detail.push_str(&format!(" (cause: {inner})"));
            cause = inner.source();
        }
        self.fail(step, detail, next);
    }

    fn push(&mut self, step: Family, status: Status, detail: String, next: Option<String>, figures: Value) {
        self.steps.push(Step { step, status, detail, next, figures });
    }

    /// Adds figures to the last step.
    pub(super) fn figures(&mut self, figures: Value) {
        if let Some(step) = self.steps.last_mut() {
            step.figures = figures;
        }
    }

    pub(super) fn exit(&self) -> Exit {
        let failed = self.steps.iter().find(|step| step.status == Status::Fail);
        failed.map_or(Exit::Success, |step| Exit::Diagnosed(step.step.exit_code()))
    }

    pub(super) fn document(&self) -> Value {
        let code = match self.exit() {
            Exit::Diagnosed(code) => code,
            _ => 0,
        };
        json!({"ok": code == 0, "exitCode": code, "steps": self.steps})
    }

    pub(super) fn text(&self) -> String {
        let mut lines = Vec::new();
        for step in &self.steps {
            let mark = match step.status {
                Status::Ok => "ok  ",
                Status::Warn => "warn",
                Status::Fail => "FAIL",
                Status::Skipped => "skip",
            };
            lines.push(format!("{mark}  {:<18}{}", step.step.word(), step.detail));
            lines.extend(step.next.iter().map(|next| format!("{:24}next: {next}", "")));
        }
        let count = |status| self.steps.iter().filter(|step| step.status == status).count();
        lines.push(format!(
            "doctor: {} ok, {} to watch, {} failed, {} skipped",
            count(Status::Ok),
            count(Status::Warn),
            count(Status::Fail),
            count(Status::Skipped)
        ));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Checkup, Family};
    use crate::output::Exit;

    #[test]
    fn the_first_failure_names_the_exit_code_and_warnings_do_not() {
        let mut checkup = Checkup::default();
        checkup.ok(Family::Dns, "fine", Value::Null);
        checkup.warn(Family::Clock, "2 s off", "set it");
        assert_eq!(checkup.exit(), Exit::Success);
        checkup.fail(Family::Pollers, "nobody", "start one");
        checkup.fail(Family::Backlog, "much", "wait");
        assert_eq!(checkup.exit(), Exit::Diagnosed(15));
        let text = checkup.text();
        assert!(text.contains("FAIL  pollers           nobody\n"), "{text}");
        assert!(text.ends_with("doctor: 1 ok, 1 to watch, 2 failed, 0 skipped"), "{text}");
        assert_eq!(checkup.document()["steps"][0]["status"], "ok");
    }

    #[test]
    fn every_exit_code_is_documented() {
        let page = include_str!("../../../../../../docs/doctor.md");
        for family in [
            Family::Dns,
            Family::Tcp,
            Family::Tls,
            Family::Authentication,
            Family::Server,
            Family::Namespace,
            Family::SearchAttributes,
            Family::Pollers,
            Family::Backlog,
            Family::Clock,
            Family::Worker,
        ] {
            let row = format!("| {} |", family.exit_code());
            let row = page.lines().find(|line| line.starts_with(&row));
            assert!(row.is_some_and(|row| row.contains(family.word())), "docs/doctor.md: {family:?}");
        }
    }
}
