//! The shared libraries a program of this machine needs, so that it runs in an otherwise empty image.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};

use super::tree::Tree;
use crate::exec;

/// Puts a program of this machine into the tree at `path`, with every library it needs where the loader looks for it.
///
/// # Errors
/// When a library is missing on this machine.
pub fn add(tree: &mut Tree, path: &str, program: &Path) -> anyhow::Result<()> {
    tree.host(path, 0o755, program);
    libraries(tree, program)
}

/// Puts the libraries of a program or library into the tree.
///
/// # Errors
/// When one is missing on this machine.
pub fn libraries(tree: &mut Tree, of: &Path) -> anyhow::Result<()> {
    let mut command = exec::tied("ldd", "TERM");
    command.arg(of).env("LC_ALL", "C");
    let output = exec::capture(&mut command, Duration::from_secs(20))?;
    if output.stdout.contains("statically linked") || output.stderr.contains("not a dynamic executable") {
        return Ok(());
    }
    let text = output.ok(&format!("ldd {}", of.display()))?;
    for library in parse(&text).with_context(|| of.display().to_string())? {
        let mode = if library.starts_with("/lib64") { 0o755 } else { 0o644 };
        tree.host(&library.display().to_string(), mode, &library);
    }
    Ok(())
}

/// Reads what `ldd` prints.
fn parse(text: &str) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        let path = match line.split_once(" => ") {
            Some((name, "not found")) => bail!("it needs {name}, which is not installed"),
            Some((_, path)) => path,
            // The loader has a path and no arrow; what the kernel provides has neither.
            None => line,
        };
        let path = path.split(" (").next().unwrap_or_default();
        if path.starts_with('/') {
            found.insert(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::parse;

    #[test]
    fn libraries_and_the_loader_are_found() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2b)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f2b)\n";
        let found: Vec<_> = parse(text).unwrap().into_iter().collect();
        assert_eq!(
            found,
            [PathBuf::from("/lib/x86_64-linux-gnu/libc.so.6"), PathBuf::from("/lib64/ld-linux-x86-64.so.2")]
        );
        let error = parse("\tlibpq.so.5 => not found\n").unwrap_err().to_string();
        assert!(error.contains("libpq.so.5"), "{error}");
    }
}
