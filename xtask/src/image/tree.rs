//! One layer of an image: files that are the same on every machine, in every order they were added, at any time.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::Context;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

/// Who owns what is writable, and what every image runs as: no user of the host.
pub const USER: u32 = 10001;

/// One thing in a layer.
#[derive(Clone, Debug)]
struct Entry {
    mode: u32,
    owner: u32,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Dir,
    Bytes(Vec<u8>),
    Host(PathBuf),
}

/// A layer in the making; paths have no leading slash.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    entries: BTreeMap<String, Entry>,
}

impl Tree {
    /// A folder that the image's user owns.
    pub fn writable(&mut self, path: &str, mode: u32) {
        self.add(path, Entry { mode, owner: USER, what: What::Dir });
    }

    /// A file of root's with this content.
    pub fn bytes(&mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) {
        self.add(path, Entry { mode, owner: 0, what: What::Bytes(bytes.into()) });
    }

    /// A file of root's with the content of one of this machine.
    pub fn host(&mut self, path: &str, mode: u32, file: impl Into<PathBuf>) {
        self.add(path, Entry { mode, owner: 0, what: What::Host(file.into()) });
    }

    /// What is in a folder of this machine, links followed, as far as `wanted` says so of the path below it.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn host_dir(&mut self, path: &str, dir: &Path, wanted: &dyn Fn(&Path) -> bool) -> anyhow::Result<()> {
        let mut open = vec![dir.to_path_buf()];
        while let Some(next) = open.pop() {
            let entries =
                std::fs::read_dir(&next).with_context(|| format!("cannot read {}", next.display()))?;
            for entry in entries {
                let file = entry?.path();
                let below = file.strip_prefix(dir).unwrap_or(&file).to_path_buf();
                // A link that leads nowhere is left out.
                let Ok(meta) = std::fs::metadata(&file) else { continue };
                if !wanted(&below) {
                    continue;
                }
                if meta.is_dir() {
                    open.push(file);
                } else {
                    self.host(&format!("{path}/{}", below.display()), 0o644, file);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, entry: Entry) {
        let path = path.trim_start_matches('/');
        for (slash, _) in path.match_indices('/') {
            let parent = Entry { mode: 0o755, owner: 0, what: What::Dir };
            self.entries.entry(path[..slash].to_owned()).or_insert(parent);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// Every path, in order.
    #[cfg(test)]
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Writes it as tar: sorted, without times, names or numbers of this machine.
    ///
    /// # Errors
    /// When a file cannot be read, naming it, or the writer fails.
    pub fn write(&self, to: impl Write) -> anyhow::Result<()> {
        let mut tar = Builder::new(to);
        for (path, entry) in &self.entries {
            crate::interrupt::check()?;
            let mut header = Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner.into());
            header.set_gid(entry.owner.into());
            header.set_mtime(0);
            match &entry.what {
                What::Dir => {
                    header.set_entry_type(EntryType::Directory);
                    header.set_size(0);
                    tar.append_data(&mut header, format!("{path}/"), std::io::empty())?;
                }
                What::Bytes(bytes) => {
                    header.set_size(bytes.len().try_into()?);
                    tar.append_data(&mut header, path, bytes.as_slice())?;
                }
                What::Host(file) => {
                    let open = File::open(file).with_context(|| format!("cannot read {}", file.display()))?;
                    header.set_size(open.metadata()?.len());
                    tar.append_data(&mut header, path, open)?;
                }
            }
        }
        tar.into_inner()?.flush()?;
        Ok(())
    }

    /// Adds to a hash all that decides the content; of this machine's files path, length and time instead of the bytes.
    ///
    /// # Errors
    /// When a file is not there, naming it.
    pub fn fingerprint(&self, hash: &mut Sha256) -> anyhow::Result<()> {
        for (path, entry) in &self.entries {
            hash.update(format!("{path} {:o} {}\n", entry.mode, entry.owner));
            match &entry.what {
                What::Dir => {}
                What::Bytes(bytes) => hash.update(bytes),
                What::Host(file) => {
                    let meta =
                        std::fs::metadata(file).with_context(|| format!("cannot read {}", file.display()))?;
                    let time = meta.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
                    hash.update(format!("{} {} {}\n", file.display(), meta.len(), time.as_nanos()));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Tree, USER};

    fn written(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        tree.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn order_and_time_leave_no_trace() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("program");
        std::fs::write(&file, "the program").unwrap();
        let mut one = Tree::default();
        one.host("usr/bin/program", 0o755, &file);
        one.writable("var/lib/keel", 0o750);
        let again = dir.path().join("elsewhere");
        std::fs::write(&again, "the program").unwrap();
        let mut other = Tree::default();
        other.writable("/var/lib/keel", 0o750);
        other.host("/usr/bin/program", 0o755, &again);
        assert_eq!(written(&one), written(&other));
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_belong_to_root() {
        let mut tree = Tree::default();
        tree.writable("var/lib/keel", 0o750);
        tree.bytes("etc/passwd", 0o644, "x");
        let bytes = written(&tree);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let seen: Vec<_> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let header = entry.unwrap().header().clone();
                let path = header.path().unwrap().display().to_string();
                (path, header.mode().unwrap(), header.uid().unwrap(), header.mtime().unwrap())
            })
            .collect();
        let root = |path: &str, mode| (path.to_owned(), mode, 0, 0);
        assert_eq!(
            seen,
            [
                root("etc/", 0o755),
                root("etc/passwd", 0o644),
                root("var/", 0o755),
                root("var/lib/", 0o755),
                ("var/lib/keel/".to_owned(), 0o750, u64::from(USER), 0),
            ]
        );
    }

    #[test]
    fn a_changed_file_changes_the_fingerprint() {
        use sha2::{Digest, Sha256};
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("program");
        let mut tree = Tree::default();
        tree.host("program", 0o755, &file);
        let print = || {
            let mut hash = Sha256::new();
            tree.fingerprint(&mut hash).map(|()| hash.finalize().to_vec())
        };
        assert!(print().unwrap_err().to_string().contains("program"));
        std::fs::write(&file, "one").unwrap();
        let first = print().unwrap();
        std::fs::write(&file, "other").unwrap();
        assert_ne!(first, print().unwrap());
    }
}
