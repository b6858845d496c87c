//! Whether the results of the datasets are those of the undisturbed run, byte for byte.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Context;

use super::plan::{DATASETS, dataset_id};
use crate::judge::{Verdict, Workflows};

/// Compares the result files of every dataset with those of the undisturbed run.
///
/// # Errors
/// When the undisturbed results cannot be read.
pub fn datasets(
    reference: &Path,
    storm: &Path,
    workflows: &Workflows,
    verdict: &mut Verdict,
) -> anyhow::Result<()> {
    for index in 0..DATASETS {
        let id = dataset_id(index);
        let folder = format!("data/results/{id}");
        let workflow = workflows.get(&format!("dataset-{id}")).map_or("absent", String::as_str);
        let difference = if workflow == "COMPLETED" {
            difference(&reference.join(&folder), &storm.join(&folder))?
        } else {
            Some(format!("its workflow is {workflow}"))
        };
        if let Some(difference) = difference {
            verdict.different += 1;
            verdict.details.push(format!("{id}: {difference}"));
        }
    }
    Ok(())
}

/// The first difference between two folders of files.
fn difference(expected: &Path, found: &Path) -> anyhow::Result<Option<String>> {
    let names = names(expected).with_context(|| format!("no results in {}", expected.display()))?;
    anyhow::ensure!(!names.is_empty(), "the undisturbed run left no results in {}", expected.display());
    let others = self::names(found).unwrap_or_default();
    if names != others {
        return Ok(Some(format!("expected the files {names:?}, found {others:?}")));
    }
    for name in names {
        if std::fs::read(expected.join(&name))? != std::fs::read(found.join(&name))? {
            return Ok(Some(format!("{name} is not what the undisturbed run made")));
        }
    }
    Ok(None)
}

fn names(dir: &Path) -> std::io::Result<BTreeSet<String>> {
    std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::difference;

    #[test]
    fn files_are_compared_by_name_and_by_byte() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let write = |dir: &tempfile::TempDir, name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap()
        };
        write(&a, "x.json", "1");
        assert!(difference(a.path(), b.path()).unwrap().unwrap().contains("expected the files"));
        write(&b, "x.json", "2");
        assert!(difference(a.path(), b.path()).unwrap().unwrap().contains("x.json"));
        write(&b, "x.json", "1");
        assert_eq!(difference(a.path(), b.path()).unwrap(), None);
    }
}
