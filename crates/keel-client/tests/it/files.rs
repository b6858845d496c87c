//! Files that go in and come out, without a server.

use crate::support::{keel, keel_with};

const GOOD: &str = r#"{"orderId":"F-1","customerId":"C","currency":"EUR","lines":[{"sku":"MUG","quantity":1,"unitPriceMinor":5}]}"#;

#[test]
fn bad_order_files_are_refused_before_anything_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, content: &[u8], reasons: &[&str]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        // Nothing listens on port 1: reaching for the server would give another message.
        let path = path.to_str().unwrap();
        keel(&["order", "submit", "--file", path, "--address", "127.0.0.1:1"]).check(1, reasons);
    };
    check(
        "negative.json",
        GOOD.replace("\"quantity\":1", "\"quantity\":-3").as_bytes(),
        &["nothing was submitted", "quantity must be at least 1, found -3"],
    );
    check(
        "half.json",
        GOOD.replace("\"quantity\":1", "\"quantity\":1.5").as_bytes(),
        &["quantity must be a whole number, found 1.5"],
    );
    check("text.json", b"one mug, please", &["it is not JSON", "expected one order as JSON"]);
    check("empty.json", b"", &["it is empty"]);
    check("binary.json", b"\xff\xfe", &["it is not UTF-8 text"]);
    check(
        "lines.ndjson",
        format!("{GOOD}\n{{\"orderId\":\"\"}}\n").as_bytes(),
        &["line 2: orderId is empty", "line 2: lines is missing"],
    );
    let folder = folder.path().to_str().unwrap();
    keel(&["order", "submit", "--file", folder]).check(1, &[folder, "it is a directory; name a file in it"]);
    keel(&["order", "submit", "--file", "/nonexistent.json"])
        .check(1, &["/nonexistent.json", "No such file"]);
    keel_with(&[], &["order", "submit", "--file", "-"], "[]")
        .check(1, &["standard input", "the list is empty"]);
}

#[test]
fn a_dataset_is_generated_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let env = [("KEEL__DATASET__DATA_DIR", data)];
    let args = [
        "dataset",
        "generate",
        "D-1",
        "--rows",
        "1000",
        "--seed",
        "7",
        "--bad-share",
        "0.1",
        "--output",
        "json",
    ];
    let ran = keel_with(&env, &args, "");
    ran.check(0, &[]);
    let document = ran.json();
    let bytes = std::fs::read(folder.path().join("datasets/D-1.csv")).unwrap();
    assert_eq!((document["rows"].as_u64(), document["badRows"].as_u64()), (Some(1000), Some(100)));
    assert_eq!(document["bytes"].as_u64(), Some(bytes.len() as u64));
    assert_eq!(bytes.iter().filter(|byte| **byte == b'\n').count(), 1001);
    keel_with(&env, &args, "").check(1, &["D-1.csv exists; --force replaces it"]);
    keel(&[&args[..10], &["--force", "--data-dir", data][..]].concat()[..]).check(64, &[]);
    let forced = keel(&[&args[..9], &["--force", "--data-dir", data][..]].concat()[..]);
    forced.check(0, &[]);
    assert_eq!(std::fs::read(folder.path().join("datasets/D-1.csv")).unwrap(), bytes);
    assert_eq!(std::fs::read_dir(folder.path().join("datasets")).unwrap().count(), 1);
    std::fs::write(folder.path().join("plain"), "").unwrap();
    let nowhere = folder.path().join("plain/x");
    let args =
        ["dataset", "generate", "D-1", "--rows", "1", "--seed", "1", "--data-dir", nowhere.to_str().unwrap()];
    keel(&args).check(1, &["cannot create", "--data-dir"]);
}

#[test]
fn results_are_shown_without_a_server() {
    let folder = tempfile::tempdir().unwrap();
    let results = folder.path().join("results/D-1");
    std::fs::create_dir_all(&results).unwrap();
    let summary = r#"{"rowsAccepted": 12345, "byDay": [1, 2], "currencies": [{"currency": "EUR", "days": [1],
        "total": {"revenueMinor": 123456, "rows": 7, "quantity": 9}}]}"#;
    std::fs::write(results.join("summary.json"), summary).unwrap();
    std::fs::write(results.join("rejects.csv"), "line,reason,row\n").unwrap();
    let args =
        ["dataset", "show", "D-1", "--address", "127.0.0.1:1", "--data-dir", folder.path().to_str().unwrap()];
    let shown = keel(&args);
    shown.check(0, &["nothing listens there", "showing the results only"]);
    assert!(shown.stdout.contains("rowsAccepted: 12,345") && !shown.stdout.contains("byDay"), "{shown:?}");
    assert!(shown.stdout.contains("revenue: 1234.56 EUR in 7 rows"), "{shown:?}");
    let json = keel(&[&args[..], &["--output", "json"][..]].concat()).json();
    assert_eq!(json["summary"]["rowsAccepted"], 12345);
    assert_eq!(json["summary"]["currencies"][0]["days"], serde_json::Value::Null);
    assert_eq!(json["results"][1]["bytes"], 16);
    let args =
        ["dataset", "show", "D-2", "--address", "127.0.0.1:1", "--data-dir", folder.path().to_str().unwrap()];
    keel(&args).check(1, &["nothing listens there", "there are no results in", "results/D-2 either"]);
}
