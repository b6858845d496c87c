//! Which lines of a page's code blocks are commands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::page::Page;

/// First words that make a line of a block a command. A line after a prompt (`$ `) is one whatever it calls.
const PROGRAMS: [&str; 26] = [
    "apt-get",
    "bash",
    "cargo",
    "curl",
    "docker",
    "docker-compose",
    "git",
    "grep",
    "helm",
    "jq",
    "keel",
    "keel-load",
    "keel-sandbox",
    "keel-worker",
    "kill",
    "kubectl",
    "kustomize",
    "make",
    "promtool",
    "psql",
    "python3",
    "rustup",
    "sudo",
    "systemctl",
    "tar",
    "temporal",
];

/// A command that a block of a page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `page:line`.
    pub at: String,
    /// The command alone.
    pub text: String,
}

/// The commands of each page's blocks, from top to bottom.
pub fn commands(pages: &BTreeMap<PathBuf, Page>) -> Vec<(String, Vec<Shown>)> {
    pages
        .iter()
        .map(|(path, page)| {
            let path = path.display();
            let blocks = page.code.iter().filter(|code| code.block && is_command(&code.text));
            let shown =
                |line: usize, text: &str| Shown { at: format!("{path}:{line}"), text: bare(text).to_owned() };
            (path.to_string(), blocks.map(|code| shown(code.line, &code.text)).collect())
        })
        .collect()
}

/// A line without the prompt, and without what explains it behind two spaces or `#`.
pub fn bare(code: &str) -> &str {
    let line = code.trim();
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let line = line.split("  ").next().unwrap_or(line);
    line.split(" #").next().unwrap_or(line).trim_end()
}

/// `NAME=value` before a command.
pub fn is_variable(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

fn is_command(code: &str) -> bool {
    let mut words = bare(code).split(' ').skip_while(|word| is_variable(word));
    let known = words.next().is_some_and(|word| PROGRAMS.contains(&word));
    // `keel (CLI)` in a drawing.
    let drawn = words.next().is_some_and(|word| word.starts_with('('));
    code.trim().starts_with("$ ") || (known && !drawn)
}

#[cfg(test)]
mod tests {
    use super::{bare, is_command};

    #[test]
    fn commands_are_told_from_what_surrounds_them() {
        for code in [
            "$ make it",
            "  keel doctor",
            "A=b keel why",
            "kubectl -n keel get x &",
            "cargo xtask up    the stack",
        ] {
            assert!(is_command(code), "{code}");
        }
        for code in ["keel (CLI) ──signals", "order X is placed", "keel_orders_total 3", "# keel why", ""]
        {
            assert!(!is_command(code), "{code}");
        }
    }

    #[test]
    fn what_explains_a_command_is_no_part_of_it() {
        assert_eq!(bare("    $ cargo xtask up       # the stack"), "cargo xtask up");
        assert_eq!(bare("keel why ID    what it waits for"), "keel why ID");
    }
}
