//! Runs that are stopped, killed, tampered with and repeated end in the same bytes.

use std::fs;

use keel_types::failure::FailureType;

use super::{Data, Recorder, good};
use crate::dataset::DatasetError;
use crate::dataset::checkpoint::Heartbeat;
use crate::dataset::engine::Stop;
use crate::dataset::files::WorkDir;

/// Enough rows for many batches; a tenth of them bad.
fn rows(customers: u64) -> String {
    let row =
        |i: u64| if i % 10 == 3 { format!("bad {i}\n") } else { good(i, &format!("C-{}", i % customers)) };
    (0..customers.max(2_000)).map(row).collect()
}

/// Runs to the end through as many interruptions as it takes; returns how many there were.
fn run_interrupted(data: &Data, every: u64) -> usize {
    let mut checkpoint = None;
    for attempt in 0..500 {
        let control = Recorder::stopping(Stop::Stopping, every);
        match data.process_with(checkpoint.take(), &control) {
            Ok(_) => return attempt,
            Err(DatasetError::Stopping { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        assert!(data.has_work());
        checkpoint = control.last_checkpoint();
    }
    panic!("no progress");
}

#[test]
fn interrupted_runs_end_in_the_same_bytes() {
    for (customers, threads, batch) in
        [(50, 1, 5_000), (50, 3, 5_000), (12_000, 1, 50_000), (12_000, 2, 50_000)]
    {
        let reference = Data::rows(&rows(customers));
        reference.process().unwrap();
        let mut data = Data::rows(&rows(customers)).small_batches(batch);
        data.options.threads = threads;
        let interruptions = run_interrupted(&data, 6 + threads as u64);
        assert!(interruptions > 2, "{interruptions}");
        assert_eq!(data.results(), reference.results());
        assert!(!data.has_work());
    }
}

#[test]
fn small_sums_travel_in_the_heartbeat_and_large_ones_in_a_file() {
    for (customers, batch, spilled) in [(50, 5_000, false), (12_000, 50_000, true)] {
        let data = Data::rows(&rows(customers)).small_batches(batch);
        let control = Recorder::stopping(Stop::Stopping, 12);
        data.process_with(None, &control).unwrap_err();
        let beats = control.beats();
        let last = beats.last().unwrap();
        assert_eq!(last.checkpoint.as_ref().unwrap().is_spilled(), spilled);
        let json = serde_json::to_value(last).unwrap();
        assert!(json.to_string().len() < 128 << 10);
        assert_eq!(json["bytesDone"].as_u64().unwrap(), last.progress.bytes_done);
        assert!(last.progress.bytes_done > 0 && last.progress.rows_rejected > 0);
        let files = fs::read_dir(data.layout().work_dir()).unwrap().count();
        assert_eq!(files, if spilled { 3 } else { 2 }, "lock, rejects, and at most one checkpoint");
    }
}

#[test]
fn a_spilled_checkpoint_is_found_even_when_its_heartbeat_was_lost() {
    let reference = Data::rows(&rows(12_000));
    reference.process().unwrap();
    let data = Data::rows(&rows(12_000)).small_batches(50_000);
    let control = Recorder::stopping(Stop::Stopping, 12);
    data.process_with(None, &control).unwrap_err();
    let done = data.process().unwrap();
    assert!(done.resumed_at > 0);
    assert_eq!(data.results(), reference.results());
}

#[test]
fn what_does_not_fit_is_not_used() {
    let reference = Data::rows(&rows(12_000));
    reference.process().unwrap();
    let reference = reference.results();
    type Damage = fn(&Data);
    let damages: [(&str, Damage); 5] = [
        ("a byte of the checkpoint", |data| edit(data, "checkpoint", |bytes| bytes[300] ^= 1)),
        ("a cut checkpoint", |data| edit(data, "checkpoint", |bytes| bytes.truncate(500))),
        ("no checkpoint", |data| edit(data, "checkpoint", Vec::clear)),
        ("a shorter rejects file", |data| edit(data, "rejects", |bytes| bytes.truncate(40))),
        ("a touched input", |data| {
            let file = fs::File::options().append(true).open(data.layout().input()).unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let data = Data::rows(&rows(12_000)).small_batches(50_000);
        let control = Recorder::stopping(Stop::Stopping, 12);
        data.process_with(None, &control).unwrap_err();
        damage(&data);
        let done = data.process_with(control.last_checkpoint(), &Recorder::default()).unwrap();
        assert_eq!(done.resumed_at, 0, "{name}");
        assert_eq!(data.results(), reference, "{name}");
    }
}

#[test]
fn a_checkpoint_inside_of_a_heartbeat_needs_its_rejects_file() {
    let data = Data::rows(&rows(50)).small_batches(5_000);
    let control = Recorder::stopping(Stop::Stopping, 10);
    data.process_with(None, &control).unwrap_err();
    let again = || data.process_with(control.last_checkpoint(), &Recorder::stopping(Stop::Stopping, 0));
    let Err(DatasetError::Stopping { bytes_done, .. }) = again() else { panic!("not stopped") };
    assert!(bytes_done > 1_000);
    fs::remove_dir_all(data.layout().work_dir()).unwrap();
    let done = data.process_with(control.last_checkpoint(), &Recorder::default()).unwrap();
    assert_eq!(done.resumed_at, 0);
}

/// Changes the one file of the work directory whose name starts with `name`.
fn edit(data: &Data, name: &str, change: impl Fn(&mut Vec<u8>)) {
    for entry in fs::read_dir(data.layout().work_dir()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_string_lossy().starts_with(name) {
            let mut bytes = fs::read(&path).unwrap();
            change(&mut bytes);
            fs::write(&path, bytes).unwrap();
        }
    }
}

#[test]
fn a_cancelled_run_leaves_nothing_of_its_own() {
    let data = Data::rows(&rows(12_000)).small_batches(20_000);
    let error = data.process_with(None, &Recorder::stopping(Stop::Cancelled, 10)).unwrap_err();
    assert!(matches!(error, DatasetError::Cancelled { .. }));
    assert!(!data.has_work());
    assert!(!data.layout().results_dir().exists());
}

#[test]
fn one_attempt_at_a_time() {
    let data = Data::rows(&rows(50));
    let held = WorkDir::lock(&data.layout()).unwrap();
    let error = data.process().unwrap_err();
    assert_eq!((error.kind(), error.kind().is_retryable()), (FailureType::DatasetBusy, true));
    held.remove().unwrap();
    data.process().unwrap();
}

#[test]
fn an_old_heartbeat_of_another_form_is_no_checkpoint() {
    let old = r#"{"bytesDone":5,"bytesTotal":9,"rowsAccepted":1,"rowsRejected":0,"more":true}"#;
    let heartbeat: Heartbeat = serde_json::from_str(old).unwrap();
    assert!(heartbeat.checkpoint.is_none());
    assert_eq!(heartbeat.progress.bytes_total, 9);
}

#[test]
fn a_limited_rate_is_kept_and_ends_promptly_when_told() {
    let mut data = Data::rows(&rows(50));
    let bytes = fs::metadata(data.layout().input()).unwrap().len();
    data.options.max_bytes_per_second = bytes * 2;
    let began = std::time::Instant::now();
    let control = Recorder::default();
    data.process_with(None, &control).unwrap();
    let took = began.elapsed().as_secs_f64();
    assert!((0.3..5.0).contains(&took), "{took}");
    assert!(control.beats().len() >= 3);
    data.options.max_bytes_per_second = 4096;
    let began = std::time::Instant::now();
    data.process_with(None, &Recorder::stopping(Stop::Cancelled, 5)).unwrap_err();
    assert!(began.elapsed().as_secs_f64() < 5.0);
}
