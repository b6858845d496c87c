//! The one way to stdout, and how a command ends.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use keel_config::ConfigProblems;
use serde::Serialize;

use crate::cli::Format;

/// How the program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Success,
    /// Refused, failed, or not found.
    Failed,
    /// Wrong usage or settings.
    Usage,
    /// Ctrl-C while watching.
    Interrupted,
    /// `keel doctor` found something; see docs/doctor.md.
    Diagnosed(u8),
}

impl Exit {
    /// Success, or failure.
    pub(crate) const fn of(success: bool) -> Self {
        if success { Self::Success } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::Failed => Self::from(1),
            Exit::Usage => Self::from(64),
            Exit::Interrupted => Self::from(130),
            Exit::Diagnosed(code) => Self::from(code),
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The settings are wrong.
    Settings(ConfigProblems),
    /// Anything else.
    Error(anyhow::Error),
    /// Nobody reads our output any more: no reason to complain.
    Unread,
}

impl Failure {
    pub(crate) fn new(error: impl Into<anyhow::Error>) -> Self {
        Self::Error(error.into())
    }

    pub(crate) const fn exit(&self) -> Exit {
        match self {
            Self::Settings(_) => Exit::Usage,
            Self::Error(_) => Exit::Failed,
            Self::Unread => Exit::Success,
        }
    }

    /// All of it in one line, for reports.
    pub(crate) fn one_line(&self) -> String {
        match self {
            Self::Settings(problems) => problems.lines().join("; "),
            Self::Error(error) => format!("{error:#}"),
            Self::Unread => String::new(),
        }
    }

    pub(crate) fn print(&self) {
        match self {
            Self::Settings(problems) => {
                note("the settings are wrong:");
                for line in problems.lines() {
                    note(&format!("  {line}"));
                }
            }
            Self::Error(error) => note(&describe(error)),
            Self::Unread => {}
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// An error with its causes, outermost first, on lines of their own.
fn describe(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        text.push_str(&format!("\n  cause: {cause}"));
    }
    text
}

/// Says something on stderr.
pub(crate) fn note(text: &str) {
    // When stderr is gone there is nobody left to tell.
    drop(writeln!(std::io::stderr().lock(), "keel: {text}"));
}

/// Writes data to stdout in the form that was asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    format: Format,
}

impl Out {
    pub(crate) const fn new(format: Format) -> Self {
        Self { format }
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// One document: JSON on one line, or the text.
    pub(crate) fn data(self, value: &impl Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        let mut line = match self.format {
            Format::Json => serde_json::to_string(value)?,
            Format::Text => text(),
        };
        line.push('\n');
        Self::raw(line.as_bytes())
    }

    /// Bytes as they are.
    pub(crate) fn raw(bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Unread),
            other => Ok(other.context("cannot write to standard output")?),
        }
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    #[test]
    fn causes_are_told_on_their_own_lines() {
        let error = Err::<(), _>(std::io::Error::other("disk gone")).context("cannot write x").unwrap_err();
        assert_eq!(super::describe(&error), "cannot write x\n  cause: disk gone");
    }
}
