//! Where the files of a dataset are, and how they are written: whole or not at all, by one attempt at a time.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use keel_types::order::id_problem;

use super::error::DatasetError;

/// The paths of one dataset.
#[derive(Clone, Debug)]
pub struct Layout {
    data_dir: PathBuf,
    id: String,
}

impl Layout {
    /// The layout of dataset `id` under `data_dir`.
    ///
    /// # Errors
    /// [`DatasetError::Id`] if the id cannot be used in a path.
    pub fn new(data_dir: &Path, id: &str) -> Result<Self, DatasetError> {
        match id_problem("the dataset id", id) {
            Some(problem) => Err(DatasetError::Id(problem)),
            None => Ok(Self { data_dir: data_dir.to_owned(), id: id.to_owned() }),
        }
    }

    /// The dataset's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The input file.
    #[must_use]
    pub fn input(&self) -> PathBuf {
        self.data_dir.join("datasets").join(format!("{}.csv", self.id))
    }

    /// Checkpoints and partial output; exists only while the dataset is processed or waits for its next attempt.
    #[must_use]
    pub fn work_dir(&self) -> PathBuf {
        self.data_dir.join("work").join(&self.id)
    }

    /// Where the results are.
    #[must_use]
    pub fn results_dir(&self) -> PathBuf {
        self.data_dir.join("results").join(&self.id)
    }

    /// The result file `name`.
    #[must_use]
    pub fn result(&self, name: &str) -> PathBuf {
        self.results_dir().join(name)
    }
}

/// The work directory, locked by this attempt. The lock ends with the value, or with the process.
#[derive(Debug)]
pub(super) struct WorkDir {
    path: PathBuf,
    _lock: File,
}

impl WorkDir {
    /// Creates and locks the work directory.
    pub(super) fn lock(layout: &Layout) -> Result<Self, DatasetError> {
        let path = layout.work_dir();
        // The attempt before may remove the directory just after its lock file was opened here. Then the name no longer
        // leads to the file that is locked, and it is tried again; a few times is plenty.
        for _ in 0..16 {
            fs::create_dir_all(&path).map_err(DatasetError::io("create", &path))?;
            let lock_path = path.join("lock");
            let lock = match File::options().create(true).append(true).open(&lock_path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(DatasetError::io("open", &lock_path))?,
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => break,
                Err(TryLockError::Error(error)) => return Err(DatasetError::io("lock", &lock_path)(error)),
            }
            let held = lock.metadata().map_err(DatasetError::io("look at", &lock_path))?;
            if fs::metadata(&lock_path)
                .is_ok_and(|named| (named.dev(), named.ino()) == (held.dev(), held.ino()))
            {
                return Ok(Self { path, _lock: lock });
            }
        }
        Err(DatasetError::Busy { id: layout.id().to_owned() })
    }

    /// The file `name` of the work directory.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The names of the files in it.
    pub(super) fn names(&self) -> Result<Vec<String>, DatasetError> {
        let entries = fs::read_dir(&self.path).map_err(DatasetError::io("list", &self.path))?;
        Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
    }

    /// Lets go of the lock, and of the directory unless it holds the work of an interrupted run.
    pub(super) fn leave(self) -> Result<(), DatasetError> {
        if self.names()? == ["lock"] { self.remove() } else { Ok(()) }
    }

    /// Removes the directory and everything in it, then lets go of the lock.
    pub(super) fn remove(self) -> Result<(), DatasetError> {
        fs::remove_dir_all(&self.path).map_err(DatasetError::io("remove", &self.path))
    }
}

/// Writes a file and brings it to the disk.
pub(super) fn write_synced(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), DatasetError> {
    let written = File::create(path).and_then(|file| {
        let mut out = BufWriter::with_capacity(64 << 10, file);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    });
    written.map_err(DatasetError::io("write", path))
}

/// Writes a file so that its name shows either the old content or all of the new.
pub(super) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), DatasetError> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".tmp");
    let partial = PathBuf::from(partial);
    create_parent(path)?;
    write_synced(&partial, write)?;
    publish(&[(&partial, path)])
}

/// Writes `value` as one line of JSON, as [`write_atomically`] does.
pub(super) fn write_json(path: &Path, value: &impl serde::Serialize) -> Result<(), DatasetError> {
    write_atomically(path, |out| {
        serde_json::to_writer(&mut *out, value)?;
        out.write_all(b"\n")
    })
}

/// Moves finished files to their places in one directory of the same file system.
pub(super) fn publish(moves: &[(&Path, &Path)]) -> Result<(), DatasetError> {
    let Some((_, to)) = moves.first() else { return Ok(()) };
    let parent = create_parent(to)?;
    for (from, to) in moves {
        fs::rename(from, to).map_err(DatasetError::io("write", to))?;
    }
    File::open(parent).and_then(|dir| dir.sync_all()).map_err(DatasetError::io("write", parent))
}

fn create_parent(path: &Path) -> Result<&Path, DatasetError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).map_err(DatasetError::io("create", parent))?;
    Ok(parent)
}

/// Removes a file that may not be there.
pub(super) fn remove_if_there(path: &Path) -> Result<(), DatasetError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DatasetError::io("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
