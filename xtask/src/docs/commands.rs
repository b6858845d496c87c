//! Commands in pages: each is given to the program that it names, with `--help` behind it. A program reads its arguments
//! in order, so it refuses an unknown word before it comes to the help, and does nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::ErrorKind;

use super::page::Page;
use super::shown::{self, is_variable};
use crate::binaries::Binaries;
use crate::exec;

const LIMIT: Duration = Duration::from_secs(20);

/// The programs whose commands are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Xtask,
    Keel,
    Worker,
    Sandbox,
}

/// A command of a page.
#[derive(Debug, PartialEq, Eq)]
struct Shown {
    program: Program,
    words: Vec<String>,
}

/// Checks the commands of all pages; returns how many there are and what is wrong.
///
/// # Errors
/// When a program cannot be started.
pub fn check(pages: &BTreeMap<PathBuf, Page>, binaries: &Binaries) -> anyhow::Result<(usize, Vec<String>)> {
    let (mut count, mut problems) = (0, Vec::new());
    for (path, page) in pages {
        for code in &page.code {
            let Some(shown) = command(&code.text) else { continue };
            count += 1;
            let refusal = match shown.program {
                Program::Xtask => refused_by_xtask(&shown.words),
                Program::Keel => refused_by(&binaries.keel, &shown.words)?,
                Program::Worker => refused_by(&binaries.worker, &shown.words)?,
                Program::Sandbox => refused_by(&binaries.sandbox, &shown.words)?,
            };
            if let Some(why) = refusal {
                problems.push(format!("{}:{}: `{}`: {why}", path.display(), code.line, code.text.trim()));
            }
        }
    }
    Ok((count, problems))
}

fn refused_by_xtask(words: &[String]) -> Option<String> {
    let all = std::iter::once("xtask".to_owned()).chain(words.iter().cloned());
    match crate::command().try_get_matches_from(all) {
        Err(error) if !matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Some(first_line(&error.to_string()))
        }
        _ => None,
    }
}

fn refused_by(program: &Path, words: &[String]) -> anyhow::Result<Option<String>> {
    let mut command = exec::tied(program, "TERM");
    crate::stack::clean_environment(&mut command, false);
    let output = exec::capture(command.args(words), LIMIT)?;
    Ok((!output.status.success()).then(|| first_line(&output.stderr)))
}

fn first_line(text: &str) -> String {
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("refused without a word").trim().to_owned()
}

/// The command that a line of code shows, if it shows one of ours: without the prompt, variables in front, what explains it
/// behind two spaces or `#`, and what the shell does with its output.
fn command(code: &str) -> Option<Shown> {
    let line = filled_in(shown::bare(code));
    let mut words = shlex::split(&line)?.into_iter().skip_while(|word| is_variable(word)).peekable();
    let program = match words.next()?.as_str() {
        "cargo" if words.next_if(|word| word == "xtask").is_some() => Program::Xtask,
        "keel" => Program::Keel,
        "keel-worker" => Program::Worker,
        "keel-sandbox" => Program::Sandbox,
        _ => return None,
    };
    // `keel (CLI)` in a drawing; and the sandbox, which takes flags only, says `keel-sandbox listening on …`.
    let prose = words
        .peek()
        .is_some_and(|word| word.starts_with('(') || (program == Program::Sandbox && !word.starts_with('-')));
    if prose {
        return None;
    }
    let mut taken: Vec<String> = words.take_while(|word| !is_shell(word) && !is_left_out(word)).collect();
    let end = taken.iter().position(|word| word == "--").unwrap_or(taken.len());
    taken.truncate(end);
    // A name that stands for any subcommand, such as `drill X`; as a value it may be anything.
    if let [before @ .., last] = taken.as_slice()
        && is_placeholder(last)
        && !before.last().is_some_and(|word| word.starts_with('-'))
    {
        taken.pop();
    }
    taken.push("--help".to_owned());
    Some(Shown { program, words: taken })
}

/// A value for each `<id>`, and the first of each `bash|zsh`.
fn filled_in(line: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some((before, (_, after))) =
        rest.split_once('<').and_then(|(before, inside)| Some((before, inside.split_once('>')?)))
    {
        out.push_str(before);
        out.push_str("sample");
        rest = after;
    }
    out.push_str(rest);
    let first = |word: &str| match word.split_once('|') {
        Some((first, _)) if !first.is_empty() => first.to_owned(),
        _ => word.to_owned(),
    };
    out.split(' ').map(first).collect::<Vec<_>>().join(" ")
}

fn is_shell(word: &str) -> bool {
    [">", "|", "&", ";", "&&", "||", ">>", "<"].contains(&word) || word.starts_with('>')
}

/// `…` and what is in brackets: there is more, which the page does not show.
fn is_left_out(word: &str) -> bool {
    word.starts_with('…') || word.starts_with("...") || word.starts_with('[')
}

fn is_placeholder(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::{Program, command, refused_by_xtask};

    #[track_caller]
    fn reads(code: &str, program: Program, words: &str) {
        let shown = command(code).unwrap_or_else(|| panic!("{code} is no command"));
        assert_eq!((shown.program, shown.words.join(" ").as_str()), (program, words), "{code}");
    }

    #[test]
    fn commands_are_taken_out_of_what_surrounds_them() {
        reads("$ cargo xtask up", Program::Xtask, "up --help");
        reads("cargo xtask drill X            break it", Program::Xtask, "drill --help");
        reads("KEEL__LOG__LEVEL=debug cargo xtask up", Program::Xtask, "up --help");
        reads("keel order approve 'A B' --by x > out.json", Program::Keel, "order approve A B --by x --help");
        reads("keel-worker config print | less", Program::Worker, "config print --help");
        reads("cargo xtask bench telemetry -- --at-most 1.1", Program::Xtask, "bench telemetry --help");
        reads("keel fleet …", Program::Keel, "fleet --help");
        reads("keel why <workflow id>", Program::Keel, "why sample --help");
        reads("keel completions bash|zsh|…", Program::Keel, "completions bash --help");
        reads("cargo xtask test --filter X", Program::Xtask, "test --filter X --help");
        for code in [
            "curl localhost:8080/health",
            "keel.toml",
            "keel_orders_total",
            "cargo test",
            "keel (CLI) ──",
            "keel-sandbox listening on <address>",
            "",
        ] {
            assert_eq!(command(code), None, "{code}");
        }
    }

    #[test]
    fn words_that_xtask_does_not_know_are_refused() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(refused_by_xtask(&words("drill shutdown --help")), None);
        assert!(refused_by_xtask(&words("drill nothing --help")).unwrap().contains("nothing"));
        assert!(refused_by_xtask(&words("up --no-such-flag --help")).unwrap().contains("no-such-flag"));
    }
}
