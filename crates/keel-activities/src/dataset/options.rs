//! Settings of the dataset pipeline: section `[dataset]`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

const MIB: u64 = 1 << 20;

/// Where datasets live and how much of the machine their processing may use.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetOptions {
    /// Directory with `datasets/`, `work/` and `results/`. Default `data`. Every worker of a task queue must see the
    /// same one.
    pub data_dir: PathBuf,
    /// Threads of one dataset run, 0 to 256; 0 (the default) takes every core the process may use.
    pub threads: usize,
    /// Bytes between two checkpoints at most, 64 KiB to 4 GiB. Default 32 MiB.
    pub batch_bytes: u64,
    /// Longest row in bytes, 256 to 64 MiB; longer ones are rejected. Default 1 MiB.
    pub max_row_bytes: usize,
    /// Most distinct customers, SKUs, regions or days (counted per currency) of one dataset; it bounds the memory, at
    /// about 100 bytes for each and thread. Default 1,000,000.
    pub max_distinct_keys: usize,
    /// Bytes read per second by one run, 0 (the default) for as fast as it goes, otherwise at least 4096. Set it when
    /// the disk is shared.
    pub max_bytes_per_second: u64,
}

impl Default for DatasetOptions {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            threads: 0,
            batch_bytes: 32 * MIB,
            max_row_bytes: 1 << 20,
            max_distinct_keys: 1_000_000,
            max_bytes_per_second: 0,
        }
    }
}

impl DatasetOptions {
    /// Every mistake in these settings, as `dataset.key: what is wrong and what to do`.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let mut check = |ok: bool, problem: &str| {
            if !ok {
                problems.push(format!("dataset.{problem}"));
            }
        };
        check(!self.data_dir.as_os_str().is_empty(), "data_dir: is empty; name a directory such as `data`");
        check(self.threads <= 256, "threads: must be 0 (every core) to 256");
        check(
            (MIB / 16..=4096 * MIB).contains(&self.batch_bytes),
            "batch_bytes: must be 65536 (64 KiB) to 4294967296 (4 GiB)",
        );
        check(
            (256..=64 << 20).contains(&self.max_row_bytes),
            "max_row_bytes: must be 256 to 67108864 (64 MiB)",
        );
        check(self.max_distinct_keys > 0, "max_distinct_keys: must be at least 1");
        check(
            self.max_bytes_per_second == 0 || self.max_bytes_per_second >= 4096,
            "max_bytes_per_second: must be 0 (no limit) or at least 4096",
        );
        problems
    }

    /// How many threads a run takes: the setting, or every core the process may use.
    #[must_use]
    pub fn effective_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::DatasetOptions;

    #[test]
    fn every_mistake_is_named_at_once() {
        assert!(DatasetOptions::default().problems().is_empty());
        let options = DatasetOptions {
            data_dir: "".into(),
            threads: 1000,
            batch_bytes: 1,
            max_row_bytes: 1,
            max_distinct_keys: 0,
            max_bytes_per_second: 1,
        };
        let keys: Vec<_> =
            options.problems().iter().map(|p| p.split(':').next().unwrap().to_owned()).collect();
        assert_eq!(
            keys,
            [
                "dataset.data_dir",
                "dataset.threads",
                "dataset.batch_bytes",
                "dataset.max_row_bytes",
                "dataset.max_distinct_keys",
                "dataset.max_bytes_per_second"
            ]
        );
    }
}
