//! `keel-load flow`: orders, tasks and datasets in flight beside a drill, and the account of them at its end.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use rustix::process::Signal;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::service::{Logs, Service};
use super::{Stack, TASK_QUEUE, clean_environment};
use crate::exec;

const READY: Duration = Duration::from_secs(30);
const CALL: Duration = Duration::from_secs(120);
const PATIENCE: Duration = Duration::from_secs(5);

/// What is kept in flight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow<'a> {
    /// Orders at any time.
    pub orders: usize,
    /// New orders per second at most; 0 is no limit.
    pub orders_per_second: u32,
    /// Orders in waves, in place of a steady pace.
    pub wave: Option<Wave>,
    /// Tasks at any time, with the dataset each works on.
    pub tasks: Option<(usize, &'a str)>,
    /// Dataset runs at any time, with the dataset each works on.
    pub datasets: Option<(usize, &'a str)>,
    /// Whether the attempts of every activity are counted at the end, from all histories.
    pub histories: bool,
}

/// New orders at a rate that goes up and down as a sine wave does.
#[derive(Clone, Copy, Debug)]
pub struct Wave {
    /// Orders per second at the bottom.
    pub low: f64,
    /// Orders per second at the top.
    pub high: f64,
    /// From bottom to bottom.
    pub seconds: u32,
}

/// A running flow.
#[derive(Debug)]
pub struct Load {
    service: Service,
    answers: usize,
}

/// How much was started and has ended.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Stats {
    /// Runs that ended, in whatever way.
    pub ended: usize,
}

/// What became of everything.
#[derive(Debug, Deserialize)]
pub struct Account {
    /// Result or failure of each order by its id.
    pub orders: BTreeMap<String, Result<String, String>>,
    /// Result or failure of each task by its id.
    pub tasks: BTreeMap<String, Result<String, String>>,
    /// Result or failure of each dataset run by its id.
    pub datasets: BTreeMap<String, Result<String, String>>,
    /// What the histories say, where they were asked for.
    pub attempts: Attempts,
}

/// Counts over all histories and samples; see `tests/load`.
#[derive(Debug, Deserialize)]
pub struct Attempts {
    /// Activities that were started.
    pub activities: usize,
    /// Attempts that a stopping worker gave back.
    pub handed_over: usize,
    /// Attempts that failed, or that nobody saw the reason of.
    pub failed_attempts: usize,
    /// Attempts that a worker never answered for.
    pub activity_timeouts: usize,
    /// Workflow tasks that a worker took and never answered.
    pub workflow_task_timeouts: usize,
    /// Workflow tasks that waited for a worker that was gone.
    pub sticky_timeouts: usize,
    /// Workflow tasks that failed.
    pub workflow_task_failures: usize,
    /// What was seen, for people.
    pub reasons: Vec<String>,
}

impl Load {
    /// Starts a flow on a stack.
    ///
    /// # Errors
    /// With the end of its log when it does not come up.
    pub fn start(program: &Path, flow: Flow<'_>, stack: &Stack) -> anyhow::Result<Self> {
        Self::beside(program, flow, &stack.server.address(), &stack.settings.data_dir(), &stack.logs)
    }

    /// Starts a flow on the server at an address; tasks and datasets work in `data_dir`.
    ///
    /// # Errors
    /// With the end of its log when it does not come up.
    pub fn beside(
        program: &Path,
        flow: Flow<'_>,
        address: &str,
        data_dir: &Path,
        logs: &Logs,
    ) -> anyhow::Result<Self> {
        let mut command = exec::tied(program, "TERM");
        clean_environment(&mut command, false);
        command.arg("flow").args(["--address", address, "--task-queue", TASK_QUEUE]);
        command.arg("--data-dir").arg(data_dir);
        command.args(["--orders", &flow.orders.to_string()]);
        match flow.wave {
            Some(Wave { low, high, seconds }) => {
                command.args(["--wave-seconds", &seconds.to_string()]);
                command.args(["--wave-low", &low.to_string(), "--wave-high", &high.to_string()]);
            }
            None => drop(command.args(["--orders-per-second", &flow.orders_per_second.to_string()])),
        }
        if let Some((count, template)) = flow.tasks {
            command.args(["--tasks", &count.to_string(), "--task-template", template]);
        }
        if let Some((count, template)) = flow.datasets {
            command.args(["--datasets", &count.to_string(), "--dataset-template", template]);
        }
        if flow.histories {
            command.arg("--histories");
        }
        command.stdin(Stdio::piped());
        let log = logs.path("load");
        let service = Service::start("load", &mut command, log, false, Signal::TERM, PATIENCE)?;
        let mut load = Self { service, answers: 0 };
        load.answer::<Value>("started", READY)?;
        Ok(load)
    }

    /// How much was started and has ended.
    ///
    /// # Errors
    /// When the flow broke.
    pub fn stats(&mut self) -> anyhow::Result<Stats> {
        self.ask("stats", CALL)
    }

    /// Lets it look at what every open run's activities last failed with.
    ///
    /// # Errors
    /// When the flow broke or the server does not answer.
    pub fn sample(&mut self) -> anyhow::Result<()> {
        self.ask::<Value>("sample", CALL).map(drop)
    }

    /// Starts nothing more, waits for every result and returns the account.
    ///
    /// # Errors
    /// When the flow broke, or it takes longer than `limit`.
    pub fn finish(mut self, limit: Duration) -> anyhow::Result<Account> {
        self.ask("finish", limit)
    }

    /// An error when it ended.
    ///
    /// # Errors
    /// With the end of its log.
    pub fn must_run(&mut self) -> anyhow::Result<()> {
        self.service.must_run()
    }

    fn ask<T: DeserializeOwned>(&mut self, command: &str, limit: Duration) -> anyhow::Result<T> {
        self.service.must_run()?;
        self.service.tell(command)?;
        self.answer(command, limit)
    }

    fn answer<T: DeserializeOwned>(&mut self, command: &str, limit: Duration) -> anyhow::Result<T> {
        let before = self.answers;
        let line = self.service.ready(limit, |service| Ok(answers(&service.log_text(), before)))?;
        self.answers += 1;
        let mut answer: Value = serde_json::from_str(&line).context("an answer of keel-load")?;
        anyhow::ensure!(answer["answer"] == command, "keel-load answered {command} with {line}");
        serde_json::from_value(answer["is"].take()).with_context(|| format!("keel-load, {command}: {line}"))
    }
}

/// Answer number `index` of a log, once its line is complete.
fn answers(log: &str, index: usize) -> Option<String> {
    let whole = log.rfind('\n').map_or("", |end| &log[..end]);
    whole.lines().filter(|line| line.starts_with("{\"answer\":")).nth(index).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::{Account, answers};

    #[test]
    fn answers_are_whole_lines_between_other_output() {
        let log = "noise\n{\"answer\":\"a\",\"is\":{}}\nmore\n{\"answer\":\"b\"";
        assert_eq!(answers(log, 0).as_deref(), Some("{\"answer\":\"a\",\"is\":{}}"));
        assert_eq!(answers(log, 1), None);
        assert_eq!(answers("", 0), None);
    }

    #[test]
    fn an_account_reads_results_and_failures() {
        let account: Account = serde_json::from_str(
            r#"{"orders": {"A": {"Ok": "done"}, "B": {"Err": "declined"}}, "tasks": {}, "datasets": {},
                "attempts": {"activities": 5, "handed_over": 1, "failed_attempts": 0, "activity_timeouts": 0,
                "workflow_task_timeouts": 0, "sticky_timeouts": 2, "workflow_task_failures": 0, "reasons": []}}"#,
        )
        .unwrap();
        assert_eq!(account.orders["B"], Err("declined".to_owned()));
        assert_eq!((account.attempts.handed_over, account.attempts.sticky_timeouts), (1, 2));
    }
}
