//! `commands.toml`: what becomes of each command that a page shows.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

use super::shown::Shown;

const TABLE: &str = include_str!("commands.toml");
const FILE: &str = "xtask/src/docs/commands.toml";

/// The whole table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Pieces of the pages and what stands for them in a run.
    fill: Vec<(String, String)>,
    /// Commands that are run.
    run: Vec<Run>,
    /// Commands whose work another test does.
    elsewhere: Vec<Elsewhere>,
    /// Commands that no test runs.
    excused: Vec<Excused>,
}

/// What a command is run against.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Ground {
    /// Server, providers and a worker as processes.
    #[default]
    Processes,
    /// The offline Compose stack.
    Stack,
}

/// Commands that are run, and what is expected of each.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    lines: Vec<String>,
    /// Where.
    #[serde(default)]
    pub on: Ground,
    /// Another form of it, where the one of the page would do harm or take long.
    pub instead: Option<String>,
    /// What must have been done before, and what is put right afterwards.
    pub before: Option<String>,
    /// See `before`.
    pub after: Option<String>,
    /// What goes on beside it until the end of the page.
    pub beside: Option<String>,
    /// A condition, and what to say where it does not hold.
    pub when: Option<(String, String)>,
    /// What its output must contain.
    #[serde(default)]
    pub says: Vec<String>,
    /// Its exit code.
    #[serde(default)]
    pub exit: i32,
    /// It goes on until it is ended, which is done as soon as it has said what it must.
    #[serde(default)]
    pub endless: bool,
    /// So many seconds at most.
    #[serde(default = "minute")]
    pub limit: u64,
}

/// Commands whose work another test does.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elsewhere {
    lines: Vec<String>,
    /// Which test.
    pub by: String,
    /// A file and what in it does the work, so that the entry cannot outlive it.
    code: (String, String),
}

/// Commands that no test runs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excused {
    lines: Vec<String>,
    /// Why not.
    pub why: String,
}

/// What the table says of a command.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// It is run.
    Run(&'a Run),
    /// Another test does it.
    Elsewhere(&'a Elsewhere),
    /// Nobody does it.
    Excused(&'a Excused),
}

fn minute() -> u64 {
    60
}

impl Table {
    /// The table of this repository.
    ///
    /// # Errors
    /// When it is not written as it must be.
    pub fn load() -> anyhow::Result<Self> {
        toml::from_str(TABLE).context(FILE)
    }

    /// What is said of a command.
    pub fn entry(&self, command: &str) -> Option<Entry<'_>> {
        let has = |lines: &[String]| lines.iter().any(|line| line == command);
        let run = self.run.iter().find(|entry| has(&entry.lines)).map(Entry::Run);
        let elsewhere = || self.elsewhere.iter().find(|entry| has(&entry.lines)).map(Entry::Elsewhere);
        let excused = || self.excused.iter().find(|entry| has(&entry.lines)).map(Entry::Excused);
        run.or_else(elsewhere).or_else(excused)
    }

    /// A command with what stands for the addresses and names of the page.
    pub fn filled(&self, command: &str) -> String {
        self.fill.iter().fold(command.to_owned(), |text, (from, to)| text.replace(from, to))
    }

    fn lines(&self) -> impl Iterator<Item = &String> {
        let run = self.run.iter().flat_map(|entry| &entry.lines);
        let elsewhere = self.elsewhere.iter().flat_map(|entry| &entry.lines);
        run.chain(elsewhere).chain(self.excused.iter().flat_map(|entry| &entry.lines))
    }

    /// Commands without an entry, entries without a command, and tests that are not where an entry says.
    pub fn problems(&self, root: &Path, pages: &[(String, Vec<Shown>)]) -> Vec<String> {
        let shown: Vec<&Shown> = pages.iter().flat_map(|(_, shown)| shown).collect();
        let missing = shown.iter().filter(|shown| self.entry(&shown.text).is_none()).map(|shown| {
            format!("{}: `{}` is run by no test: add it to {FILE}, whose head says how", shown.at, shown.text)
        });
        let texts: BTreeSet<&str> = shown.iter().map(|shown| shown.text.as_str()).collect();
        let stale = self.lines().filter(|line| !texts.contains(line.as_str()));
        let stale = stale.map(|line| format!("{FILE}: no page shows `{line}` any more: remove it there"));
        let mut seen = BTreeSet::new();
        let twice = self.lines().filter(|line| !seen.insert(*line)).collect::<Vec<_>>();
        let twice = twice.into_iter().map(|line| format!("{FILE}: `{line}` is there twice"));
        let gone = self.elsewhere.iter().filter(|entry| {
            !std::fs::read_to_string(root.join(&entry.code.0)).is_ok_and(|text| text.contains(&entry.code.1))
        });
        let gone = gone.map(|entry| {
            format!("{FILE}: {} has no `{}`, which {} should run", entry.code.0, entry.code.1, entry.by)
        });
        missing.chain(stale).chain(twice).chain(gone).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::shown::Shown;
    use super::{Entry, Table};

    fn table(text: &str) -> Table {
        toml::from_str(&format!("fill = [['localhost:8080', '$FRONT']]\n{text}")).unwrap()
    }

    const SMALL: &str = "[[run]]\nlines = ['a', 'b']\n[[elsewhere]]\nlines = ['c']\nby = 'x'\ncode = ['Cargo.toml', 'no such']\n\
                         [[excused]]\nlines = ['d', 'a']\nwhy = 'y'\n";

    #[test]
    fn every_command_has_one_entry_and_every_entry_a_command() {
        let shown = |text: &str| Shown { at: "p.md:1".to_owned(), text: text.to_owned() };
        let pages = vec![("p.md".to_owned(), ["a", "c", "d", "e"].map(shown).to_vec())];
        let problems = table(SMALL).problems(crate::paths::root(), &pages).join("\n");
        for part in ["p.md:1: `e`", "shows `b`", "`a` is there twice", "Cargo.toml has no `no such`"] {
            assert!(problems.contains(part), "{part} is not in {problems}");
        }
        assert_eq!(problems.lines().count(), 4, "{problems}");
    }

    #[test]
    fn entries_are_found_and_addresses_filled_in() {
        let table = table(SMALL);
        assert!(matches!(table.entry("b"), Some(Entry::Run(run)) if run.limit == 60 && run.exit == 0));
        assert!(matches!(table.entry("c"), Some(Entry::Elsewhere(_))));
        assert!(table.entry("z").is_none());
        assert_eq!(table.filled("curl localhost:8080/health"), "curl $FRONT/health");
    }
}
