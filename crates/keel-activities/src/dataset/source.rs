//! The input file: found, opened, identified, its header read.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::columns::Columns;
use super::error::DatasetError;
use super::files::{Layout, hex};
use super::segment::RowFile;

/// Changes when the meaning of rows changes, so that no run goes on with sums of an older program.
const RULES: u32 = 1;
/// How much of the file's head makes it recognisable.
const HEAD: usize = 64 << 10;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// What must not change between two attempts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    rules: u32,
    bytes: u64,
    modified_seconds: i64,
    modified_nanos: i64,
    head_sha256: String,
    max_row_bytes: usize,
}

impl Identity {
    /// Bytes of the file.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// An open dataset.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) identity: Identity,
    file: File,
    columns: Columns,
    data_start: u64,
    max_row_bytes: usize,
}

impl Source {
    /// Opens the dataset and reads its header.
    pub(super) fn open(layout: &Layout, max_row_bytes: usize) -> Result<Self, DatasetError> {
        let path = layout.input();
        let id = layout.id().to_owned();
        // Looked at before it is opened: opening a pipe would wait for somebody to write into it.
        let metadata = fs::metadata(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => DatasetError::NotFound { id: id.clone(), path: path.clone() },
            _ => DatasetError::io("look at", &path)(error),
        })?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a directory" } else { "a device or pipe" };
            return Err(DatasetError::NotAFile { id, path, what });
        }
        let file = File::open(&path).map_err(DatasetError::io("open", &path))?;
        let metadata = file.metadata().map_err(DatasetError::io("look at", &path))?;
        let head = head(&file, metadata.len(), max_row_bytes).map_err(DatasetError::io("read", &path))?;
        let (columns, data_start) = header(&head, &id, max_row_bytes)?;
        let identity = Identity {
            rules: RULES,
            bytes: metadata.len(),
            modified_seconds: metadata.mtime(),
            modified_nanos: metadata.mtime_nsec(),
            head_sha256: hex(&Sha256::digest(&head[..head.len().min(HEAD)])),
            max_row_bytes,
        };
        Ok(Self { id, identity, file, columns, data_start, max_row_bytes })
    }

    /// Where the first row starts.
    pub(super) const fn data_start(&self) -> u64 {
        self.data_start
    }

    /// Bytes of the file, the header included.
    pub(super) const fn len(&self) -> u64 {
        self.identity.bytes
    }

    pub(super) const fn rows(&self) -> RowFile<'_> {
        RowFile {
            file: &self.file,
            data_start: self.data_start,
            len: self.len(),
            columns: &self.columns,
            max_row_bytes: self.max_row_bytes,
        }
    }

    /// Fails if the file is not what it was when it was opened.
    pub(super) fn check_unchanged(&self, layout: &Layout) -> Result<(), DatasetError> {
        let metadata = self.file.metadata().map_err(DatasetError::io("look at", &layout.input()))?;
        if self.is_same(&metadata) { Ok(()) } else { Err(DatasetError::Changed { id: self.id.clone() }) }
    }

    fn is_same(&self, metadata: &Metadata) -> bool {
        let identity = &self.identity;
        (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
            == (identity.bytes, identity.modified_seconds, identity.modified_nanos)
    }
}

/// The head of the file: at least [`HEAD`] bytes, and the whole header row unless it is too long.
fn head(file: &File, len: u64, max_row_bytes: usize) -> io::Result<Vec<u8>> {
    let whole = usize::try_from(len).unwrap_or(usize::MAX);
    let most = whole.min(max_row_bytes + HEAD);
    let mut head = Vec::new();
    while head.len() < most && (head.len() < HEAD || memchr::memchr(b'\n', &head).is_none()) {
        let start = head.len();
        head.resize(most.min(start + HEAD), 0);
        file.read_exact_at(&mut head[start..], start as u64)?;
    }
    Ok(head)
}

/// The columns, and where the rows start.
fn header(head: &[u8], id: &str, max_row_bytes: usize) -> Result<(Columns, u64), DatasetError> {
    let bad = |problem| DatasetError::Header { id: id.to_owned(), problem };
    let marked = head.strip_prefix(BOM).unwrap_or(head);
    let newline = memchr::memchr(b'\n', marked);
    let row = newline.map_or(marked, |end| &marked[..end]);
    let row = row.strip_suffix(b"\r").unwrap_or(row);
    if row.len() > max_row_bytes {
        return Err(bad(format!(
            "it is longer than {max_row_bytes} bytes; is this a CSV file with line ends?"
        )));
    }
    if row.trim_ascii().is_empty() {
        return Err(DatasetError::Empty { id: id.to_owned() });
    }
    let columns = Columns::parse(row).map_err(bad)?;
    let header_bytes = newline.map_or(marked.len(), |end| end + 1);
    Ok((columns, (head.len() - marked.len() + header_bytes) as u64))
}
