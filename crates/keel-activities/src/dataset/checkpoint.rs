//! Checkpoints: everything a later attempt needs to go on where an earlier one stopped.
//!
//! The sums of a small dataset travel inside of the heartbeat. Larger ones, which the server would refuse, are spilled
//! to a file of the work directory that carries its own checksum, and the heartbeat names that file. Heartbeats are
//! throttled on their way, so the newest file may be newer than the one that is named: the newest that proves right wins.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};

use keel_types::dataset::DatasetProgress;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::aggregate::Aggregates;
use super::batch::Position;
use super::error::DatasetError;
use super::files::{WorkDir, hex, remove_if_there};
use super::source::Identity;

/// Largest encoded sums that travel inside of a heartbeat.
const INLINE_BYTES: usize = 128 << 10;
/// With more keys than this the sums cannot fit, so it is not even tried.
const INLINE_KEYS: usize = 4096;
const SPILL_PREFIX: &str = "checkpoint-";

/// What `processLargeDataset` heartbeats: the progress, flat, and the checkpoint beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heartbeat {
    /// How far the run is.
    #[serde(flatten)]
    pub progress: DatasetProgress,
    /// Where the next attempt goes on; absent while the input is only read to be checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<Checkpoint>,
}

/// Where a run stands, and the sums so far.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    identity: Identity,
    position: Position,
    sums: Sums,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Sums {
    /// One entry for each thread.
    Inline(Vec<Aggregates>),
    /// In a file of the work directory.
    Spilled { file: String, sha256: String },
}

/// The first line of a spilled checkpoint.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SpillHead {
    identity: Identity,
    position: Position,
}

/// A place to go on from.
#[derive(Debug)]
pub(super) struct Resumed {
    pub(super) position: Position,
    pub(super) sums: Vec<Aggregates>,
}

impl Checkpoint {
    /// Whether the sums are in a file instead of in the heartbeat.
    #[must_use]
    pub const fn is_spilled(&self) -> bool {
        matches!(self.sums, Sums::Spilled { .. })
    }
}

/// Makes checkpoints of one run.
#[derive(Debug)]
pub(super) struct Keeper {
    identity: Identity,
    next: u64,
}

impl Keeper {
    /// A keeper that continues the numbering of the files that are there.
    pub(super) fn new(identity: Identity, work: &WorkDir) -> Result<Self, DatasetError> {
        let next = spills(work)?.first().map_or(1, |(number, _)| number + 1);
        Ok(Self { identity, next })
    }

    /// A checkpoint at `position`. Everything before it must have reached the disk.
    pub(super) fn make(
        &mut self,
        work: &WorkDir,
        position: Position,
        sums: &[Aggregates],
    ) -> Result<Checkpoint, DatasetError> {
        let identity = self.identity.clone();
        let keys: usize = sums.iter().map(Aggregates::key_count).sum();
        let inline = keys <= INLINE_KEYS && {
            let mut size = Counter(0);
            // Counting cannot fail; a failure would only spill what could have been inlined.
            serde_json::to_writer(&mut size, sums).is_ok() && size.0 <= INLINE_BYTES
        };
        let sums = if inline { Sums::Inline(sums.to_vec()) } else { self.spill(work, position, sums)? };
        Ok(Checkpoint { identity, position, sums })
    }

    fn spill(
        &mut self,
        work: &WorkDir,
        position: Position,
        sums: &[Aggregates],
    ) -> Result<Sums, DatasetError> {
        let name = format!("{SPILL_PREFIX}{}", self.next);
        let (path, partial) = (work.file(&name), work.file("checkpoint.tmp"));
        let head = SpillHead { identity: self.identity.clone(), position };
        let sha256 = write_spill(&partial, &head, sums).map_err(DatasetError::io("write", &partial))?;
        fs::rename(&partial, &path).map_err(DatasetError::io("write", &path))?;
        for (_, old) in spills(work)?.into_iter().filter(|(number, _)| *number < self.next) {
            remove_if_there(&work.file(&old))?;
        }
        self.next += 1;
        Ok(Sums::Spilled { file: name, sha256 })
    }
}

/// The best place to go on from: the heartbeat of the attempt before, or the newest file of the work directory.
///
/// Nothing is believed: the input must be the same, a file must match its checksum and the heartbeat's, and the rejects
/// file must be at least as long as it was. What does not fit is left out, down to a start from nothing.
pub(super) fn resume(
    heartbeat: Option<Checkpoint>,
    identity: &Identity,
    work: &WorkDir,
    rejects_bytes: u64,
    max_distinct_keys: usize,
) -> Result<Option<Resumed>, DatasetError> {
    let fits = |found: &Identity, position: &Position| {
        found == identity && position.rejects_bytes <= rejects_bytes && position.bytes <= identity.bytes()
    };
    let mut named = None;
    let mut best = None;
    match heartbeat {
        Some(Checkpoint { sums: Sums::Spilled { file, sha256 }, .. }) => named = Some((file, sha256)),
        Some(Checkpoint { sums: Sums::Inline(sums), position, identity }) if fits(&identity, &position) => {
            best = Some(Resumed { position, sums });
        }
        _ => {}
    }
    for (_, name) in spills(work)? {
        let expected = named.as_ref().filter(|(file, _)| *file == name).map(|(_, sha256)| sha256.as_str());
        let Some((head, sums)) = read_spill(&work.file(&name), expected) else {
            tracing::warn!(checkpoint = name, "a checkpoint is damaged and is not used");
            continue;
        };
        let newer = best.as_ref().is_none_or(|best| best.position.bytes < head.position.bytes);
        if fits(&head.identity, &head.position) && newer {
            best = Some(Resumed { position: head.position, sums });
        }
    }
    if let Some(best) = &mut best {
        best.sums.iter_mut().for_each(|sums| sums.limit_keys(max_distinct_keys));
    }
    Ok(best)
}

/// Removes every spilled checkpoint.
pub(super) fn forget(work: &WorkDir) -> Result<(), DatasetError> {
    spills(work)?.iter().try_for_each(|(_, name)| remove_if_there(&work.file(name)))
}

/// The spilled checkpoints, newest first.
fn spills(work: &WorkDir) -> Result<Vec<(u64, String)>, DatasetError> {
    let number = |name: &String| name.strip_prefix(SPILL_PREFIX)?.parse().ok();
    let mut found: Vec<(u64, String)> =
        work.names()?.into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
    found.sort_unstable_by(|a, b| b.cmp(a));
    Ok(found)
}

/// Two lines of JSON, and the SHA-256 of everything before as the third.
fn write_spill(path: &std::path::Path, head: &SpillHead, sums: &[Aggregates]) -> io::Result<String> {
    let out = Hashing { out: File::create(path)?, hash: Sha256::new() };
    let mut out = BufWriter::with_capacity(64 << 10, out);
    serde_json::to_writer(&mut out, head)?;
    out.write_all(b"\n")?;
    serde_json::to_writer(&mut out, sums)?;
    out.write_all(b"\n")?;
    let Hashing { mut out, hash } = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    let sha256 = hex(&hash.finalize());
    out.write_all(sha256.as_bytes())?;
    out.sync_all()?;
    Ok(sha256)
}

fn read_spill(path: &std::path::Path, expected: Option<&str>) -> Option<(SpillHead, Vec<Aggregates>)> {
    let bytes = fs::read(path).ok()?;
    let (body, sha256) = bytes.split_last_chunk::<64>()?;
    let found = hex(&Sha256::digest(body));
    if found.as_bytes() != sha256 || expected.is_some_and(|expected| expected != found) {
        return None;
    }
    let line = memchr::memchr(b'\n', body)?;
    let head = serde_json::from_slice(&body[..line]).ok()?;
    let sums = serde_json::from_slice(&body[line..]).ok()?;
    Some((head, sums))
}

struct Hashing<W> {
    out: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write_all(bytes)?;
        self.hash.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Counter(usize);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
