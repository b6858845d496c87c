//! The five steps of a task, one after the other and out of order.

use std::fs;

use keel_types::failure::FailureType;
use keel_types::progress::Step;
use sha2::{Digest, Sha256};

use super::{Data, ID, Recorder, good};
use crate::dataset::files::hex;
use crate::dataset::{AGGREGATES, DatasetError, MANIFEST, REJECTS, REPORT, SUMMARY, steps};

fn run(data: &Data, step: Step) -> Result<String, DatasetError> {
    steps::run(step, &data.options, ID, None, &Recorder::default())
}

fn sample() -> Data {
    let rows: String = (0..300).map(|i| good(i, &format!("C-{}", i % 30))).collect();
    Data::rows(&format!("{rows}bad\n"))
}

fn files(data: &Data) -> Vec<(String, Vec<u8>)> {
    let read = |name: &str| (name.to_owned(), fs::read(data.layout().result(name)).unwrap());
    [AGGREGATES, REJECTS, SUMMARY, REPORT, MANIFEST].map(read).to_vec()
}

#[test]
fn all_steps_leave_five_files_and_repeating_them_changes_nothing() {
    let data = sample();
    for step in Step::ALL {
        let said = run(&data, step).unwrap();
        assert!(said.contains(ID) && !said.contains('\n'), "{said}");
    }
    let first = files(&data);
    for step in Step::ALL.into_iter().chain(Step::ALL) {
        run(&data, step).unwrap();
    }
    assert_eq!(files(&data), first);
    assert!(!data.has_work());
    assert_eq!(fs::read_dir(data.layout().results_dir()).unwrap().count(), 5, "no temporary file stays");
}

#[test]
fn the_manifest_holds_the_checksums_of_all_files() {
    let data = sample();
    Step::ALL.into_iter().for_each(|step| drop(run(&data, step).unwrap()));
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(data.layout().result(MANIFEST)).unwrap()).unwrap();
    let check = |entry: &serde_json::Value, path: std::path::PathBuf| {
        let bytes = fs::read(path).unwrap();
        assert_eq!(entry["bytes"], bytes.len());
        assert_eq!(entry["sha256"], hex(&Sha256::digest(&bytes)));
    };
    for (name, entry) in
        [AGGREGATES, REJECTS, REPORT, SUMMARY].iter().zip(manifest["files"].as_array().unwrap())
    {
        assert_eq!(entry["name"], *name);
        check(entry, data.layout().result(name));
    }
    check(&manifest["input"], data.layout().input());
    assert_eq!((&manifest["rowsAccepted"], &manifest["rowsRejected"]), (&300.into(), &1.into()));
}

#[test]
fn a_step_without_the_ones_before_says_which_is_missing() {
    let data = sample();
    for (step, needs) in
        [(Step::Analyze, "process"), (Step::Generate, "process"), (Step::Complete, "process")]
    {
        let error = run(&data, step).unwrap_err();
        assert_eq!(error.kind(), FailureType::DatasetNotFound);
        assert!(error.to_string().contains(&format!("run the step `{needs}` first")), "{error}");
        assert!(!data.has_work());
    }
    run(&data, Step::Process).unwrap();
    assert!(run(&data, Step::Complete).unwrap_err().to_string().contains("run the step `generate` first"));
}

#[test]
fn validation_looks_at_the_first_rows() {
    let said = run(&sample(), Step::Validate).unwrap();
    assert!(said.contains("300 of its first 301 rows are good"), "{said}");
    let error = run(&Data::rows("bad\nworse\n"), Step::Validate).unwrap_err();
    assert_eq!(error.kind(), FailureType::DatasetInvalid);
    assert!(
        error.to_string().contains("first 2 rows")
            && error.to_string().contains("line 2: expected 8 columns"),
        "{error}"
    );
    run(&Data::rows(""), Step::Validate).unwrap();
}

#[test]
fn results_of_other_data_do_not_stay_beside_new_ones() {
    let data = sample();
    Step::ALL.into_iter().for_each(|step| drop(run(&data, step).unwrap()));
    fs::write(data.layout().input(), format!("{}{}", super::HEADER, good(1, "C-new"))).unwrap();
    run(&data, Step::Process).unwrap();
    assert!(!data.layout().result(SUMMARY).exists() && !data.layout().result(MANIFEST).exists());
    assert!(run(&data, Step::Complete).is_err());
}

#[test]
fn damaged_sums_are_refused() {
    let data = sample();
    run(&data, Step::Process).unwrap();
    fs::write(data.layout().result(AGGREGATES), "{}").unwrap();
    let error = run(&data, Step::Analyze).unwrap_err();
    assert_eq!(error.kind(), FailureType::DatasetInvalid);
    assert!(
        error.with_causes().contains("run the step `process` again: missing field"),
        "{}",
        error.with_causes()
    );
}

#[test]
fn a_summary_ranks_by_revenue_and_names_twenty_customers() {
    let data = sample();
    run(&data, Step::Process).unwrap();
    run(&data, Step::Analyze).unwrap();
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(data.layout().result(SUMMARY)).unwrap()).unwrap();
    let currency = &summary["currencies"][0];
    assert_eq!(currency["topCustomers"].as_array().unwrap().len(), 20);
    assert_eq!((&currency["customerCount"], &currency["days"][0]["key"]), (&30.into(), &"2026-01-01".into()));
}
