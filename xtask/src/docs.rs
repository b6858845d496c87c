//! `cargo xtask docs`: the documentation against what it talks about: every link leads somewhere, every command that it
//! shows is one that the programs take, and with `--run` every command of its code blocks is run, or named with who runs
//! it or why nobody does.

mod commands;
mod ground;
mod page;
mod run;
mod session;
mod shown;
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{binaries, paths};
use page::Page;
use shown::Shown;
use table::{Ground, Table};

/// Check that every link in the documentation resolves and every command in it parses.
#[derive(clap::Args)]
pub struct Args {
    /// Also run the commands of the code blocks against a server, providers and a worker of their own
    #[arg(long)]
    run: bool,
    /// With `--run`: those that need the Compose stack instead, on an offline one; needs Docker
    #[arg(long, requires = "run")]
    stack: bool,
    /// With `--run`: only pages whose path contains this
    #[arg(long, value_name = "TEXT", requires = "run", default_value = "", hide_default_value = true)]
    page: String,
    /// With `--stack`: images with this tag that are here already, instead of those of this checkout
    #[arg(long, value_name = "ID", requires = "stack")]
    build_id: Option<String>,
}

/// Runs the subcommand.
///
/// # Errors
/// When a build fails, or the documentation is wrong somewhere.
pub fn run(args: Args) -> anyhow::Result<()> {
    if !args.run {
        return check(&binaries::build(false)?);
    }
    let (binaries, _) = binaries::build_with_load(false)?;
    if args.stack {
        return execute_on_stack(&binaries, args.build_id.as_deref(), &args.page);
    }
    check(&binaries)?;
    execute(&binaries, &args.page)
}

/// Checks all pages with binaries that are built.
///
/// # Errors
/// With every wrong link and command on stderr.
pub fn check(binaries: &binaries::Binaries) -> anyhow::Result<()> {
    let pages = read(paths::root())?;
    let mut problems = links(paths::root(), &pages);
    problems.extend(Table::load()?.problems(paths::root(), &shown::commands(&pages)));
    let (count, wrong) = commands::check(&pages, binaries)?;
    problems.extend(wrong);
    for problem in &problems {
        eprintln!("docs: {problem}");
    }
    anyhow::ensure!(problems.is_empty(), "docs: {} mistakes", problems.len());
    println!("docs: {} pages, {count} commands, every link leads somewhere", pages.len());
    Ok(())
}

/// Runs the commands of the code blocks with binaries that are built, `keel-load` among them, of pages whose path contains
/// `page`.
///
/// # Errors
/// With every command that does not do what its page says.
pub fn execute(binaries: &binaries::Binaries, page: &str) -> anyhow::Result<()> {
    let (shown, table) = (pages_with(page)?, Table::load()?);
    let tally = ground::with_processes(binaries, |place| run::all(&shown, &table, Ground::Processes, place))?;
    tally.tell();
    println!(
        "docs: {} pages, {} commands, {} run, {} run by other tests, {} excused",
        shown.len(),
        tally.count(),
        tally.run,
        tally.elsewhere.len(),
        tally.excused.len()
    );
    anyhow::ensure!(tally.problems.is_empty(), "docs: {} commands failed", tally.problems.len());
    Ok(())
}

/// Runs those that need the Compose stack, on an offline one of their own, from images with this tag if one is given.
///
/// # Errors
/// With every command that does not do what its page says, and when the stack does not come up.
pub fn execute_on_stack(binaries: &binaries::Binaries, tag: Option<&str>, page: &str) -> anyhow::Result<()> {
    let (shown, table) = (pages_with(page)?, Table::load()?);
    ground::with_stack(binaries, tag, |place| {
        let tally = run::all(&shown, &table, Ground::Stack, place)?;
        for problem in &tally.problems {
            eprintln!("docs: {problem}");
        }
        println!("docs: {} commands run on the Compose stack", tally.run);
        anyhow::ensure!(tally.problems.is_empty(), "docs: {} commands failed", tally.problems.len());
        Ok(())
    })
}

fn pages_with(text: &str) -> anyhow::Result<Vec<(String, Vec<Shown>)>> {
    let mut shown = shown::commands(&read(paths::root())?);
    shown.retain(|(path, _)| path.contains(text));
    anyhow::ensure!(!shown.is_empty(), "no page has `{text}` in its path");
    Ok(shown)
}

/// The pages at the root, in `docs` and in `deploy`, by their path from the root.
fn read(root: &Path) -> anyhow::Result<BTreeMap<PathBuf, Page>> {
    let mut files: Vec<PathBuf> = Vec::new();
    let mut open = vec![root.join("docs"), root.join("deploy")];
    files.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root.join(name)));
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", paths::shown(&dir)))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                files.push(path);
            }
        }
    }
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", paths::shown(&path)))?;
            Ok((path.strip_prefix(root).unwrap_or(&path).to_path_buf(), Page::read(&text)))
        })
        .collect()
}

/// Relative links whose file or heading is not there. Other hosts are not asked.
fn links(root: &Path, pages: &BTreeMap<PathBuf, Page>) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, page) in pages {
        for (line, link) in &page.links {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) =
                link.split_once('#').map_or((link.as_str(), None), |(file, a)| (file, Some(a)));
            let target = if file.is_empty() {
                path.clone()
            } else {
                flat(&path.parent().unwrap_or_else(|| Path::new("")).join(file))
            };
            let at = format!("{}:{line}", path.display());
            if !root.join(&target).exists() {
                problems.push(format!("{at}: {link} leads to {}, which is not there", target.display()));
            } else if let (Some(anchor), Some(page)) = (anchor, pages.get(&target))
                && !page.anchors.contains(anchor)
            {
                problems.push(format!("{at}: {} has no heading #{anchor}", target.display()));
            }
        }
    }
    problems
}

/// Takes `a/../` out of a path.
fn flat(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                out.pop();
            }
            std::path::Component::CurDir => {}
            part => out.push(part),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::page::Page;
    use super::table::Table;
    use super::{links, read, shown};
    use crate::paths;

    #[test]
    fn links_and_headings_that_are_not_there_are_found() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("b.md"), "").unwrap();
        std::fs::create_dir(dir.path().join("docs")).unwrap();
        std::fs::write(dir.path().join("docs/a.md"), "").unwrap();
        let pages = BTreeMap::from([
            (
                PathBuf::from("docs/a.md"),
                Page::read("[x](../b.md#one-thing) [y](../b.md#two)\n[z](c.md) [w](#here)\n\n# Here\n"),
            ),
            (PathBuf::from("b.md"), Page::read("# One `thing`\n")),
        ]);
        let found = links(dir.path(), &pages);
        assert_eq!(
            found,
            [
                "docs/a.md:1: b.md has no heading #two",
                "docs/a.md:2: c.md leads to docs/c.md, which is not there"
            ]
        );
    }

    #[test]
    fn every_link_of_this_repository_leads_somewhere() {
        let pages = read(paths::root()).unwrap();
        assert!(pages.len() > 15 && pages.values().map(|page| page.links.len()).sum::<usize>() > 40);
        assert_eq!(links(paths::root(), &pages), Vec::<String>::new());
    }

    #[test]
    fn every_command_of_this_repository_is_accounted_for() {
        let shown = shown::commands(&read(paths::root()).unwrap());
        assert!(shown.iter().map(|(_, shown)| shown.len()).sum::<usize>() > 80);
        assert_eq!(Table::load().unwrap().problems(paths::root(), &shown), Vec::<String>::new());
    }
}
