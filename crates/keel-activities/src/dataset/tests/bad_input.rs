//! Files that are odd, wrong or hostile.

use std::fs;

use keel_types::failure::FailureType;

use super::{Data, HEADER, Recorder, good};
use crate::dataset::engine;
use crate::dataset::{DatasetError, Dimension};

#[test]
fn a_small_file_gives_known_results() {
    let data = Data::rows(
        "O-1,2026-01-02T00:00:00Z,C-2,SKU-1,2,150,EUR,eu\nbad\n\nO-2,2026-01-01T00:00:00Z,C-1,SKU-1,1,9,EUR,eu\n",
    );
    let done = data.process().unwrap();
    assert_eq!((done.rows_accepted, done.rows_rejected, done.resumed_at), (2, 1, 0));
    let group = |key: &str, revenue, quantity, rows| {
        format!(r#"{{"key":"{key}","revenueMinor":{revenue},"quantity":{quantity},"rows":{rows}}}"#)
    };
    let (aggregates, rejects) = data.results();
    let expected = format!(
        r#"{{"schemaVersion":1,"datasetId":"demo","bytes":{},"rowsAccepted":2,"rowsRejected":1,"currencies":[{{"currency":"EUR","total":{{"revenueMinor":309,"quantity":3,"rows":2}},"days":[{},{}],"regions":[{}],"skus":[{}],"customers":[{},{}]}}]}}"#,
        done.bytes,
        group("2026-01-01", 9, 1, 1),
        group("2026-01-02", 300, 2, 1),
        group("eu", 309, 3, 2),
        group("SKU-1", 309, 3, 2),
        group("C-1", 9, 1, 1),
        group("C-2", 300, 2, 1),
    );
    assert_eq!(aggregates, format!("{expected}\n"));
    assert_eq!(rejects, "line,reason,row\n3,expected 8 columns but found 1,\"bad\"\n");
    assert!(!data.has_work());
}

#[test]
fn byte_order_mark_line_ends_and_the_last_newline_make_no_difference() {
    let rows = format!("{}{}bad\n", good(1, "C-1"), good(2, "C-2"));
    let plain = format!("{HEADER}{rows}");
    let reference = Data::new(&plain);
    reference.process().unwrap();
    let variants = [
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        plain.trim_end().to_owned(),
        plain.replace('\n', "\r\n").trim_end().to_owned(),
        plain.replace("O-1", "\"O-1\""),
    ];
    for variant in variants {
        let data = Data::new(&variant);
        data.process().unwrap();
        let (aggregates, rejects) = data.results();
        let same_size = aggregates
            .replace(&format!("\"bytes\":{}", variant.len()), &format!("\"bytes\":{}", plain.len()));
        assert_eq!((same_size, rejects), reference.results(), "{variant:?}");
    }
}

#[test]
fn a_file_without_rows_has_results_and_one_without_header_does_not() {
    for content in [HEADER, HEADER.trim_end(), &format!("{HEADER}\n\r\n\n")] {
        let data = Data::new(content);
        assert_eq!(data.process().unwrap().rows_accepted, 0);
        assert_eq!(data.results().1, "line,reason,row\n");
    }
    for content in ["", "\n", "\u{feff}", "  \r\n"] {
        let error = Data::new(content).process().unwrap_err();
        assert!(matches!(error, DatasetError::Empty { .. }), "{content:?}: {error}");
        assert_eq!(error.kind(), FailureType::DatasetInvalid);
    }
}

#[test]
fn missing_columns_are_named() {
    let error = Data::new("order_id,placed_at,sku,quantity,region,note\n").process().unwrap_err();
    assert_eq!(error.kind(), FailureType::DatasetInvalid);
    assert!(
        error.to_string().contains("the columns customer_id, unit_price_minor, currency are missing"),
        "{error}"
    );
}

#[test]
fn columns_may_stand_in_any_order_among_others() {
    let data = Data::new(
        "note,region,currency,unit_price_minor,quantity,sku,customer_id,placed_at,order_id\nhi,eu,EUR,5,2,S,C,2026-01-01T00:00:00Z,O\n",
    );
    assert_eq!(data.process().unwrap().rows_accepted, 1);
    assert!(data.results().0.contains(r#""customers":[{"key":"C","revenueMinor":10,"#));
}

#[test]
fn a_missing_file_a_directory_and_an_unsafe_id_are_told_apart() {
    let data = Data::rows("");
    let run = |id: &str| engine::process(&data.options, id, None, &Recorder::default()).unwrap_err();
    fs::create_dir(data.dir.path().join("datasets/folder.csv")).unwrap();
    let missing = run("nothing");
    assert_eq!(missing.kind(), FailureType::DatasetNotFound);
    assert!(missing.to_string().contains("keel dataset generate nothing"), "{missing}");
    let folder = run("folder");
    assert_eq!(folder.kind(), FailureType::DatasetNotFound);
    assert!(folder.to_string().contains("is a directory, not a file"), "{folder}");
    for id in ["", "../demo", "a/b", ".hidden"] {
        assert_eq!(run(id).kind(), FailureType::InputInvalid, "{id:?}");
    }
}

#[test]
fn a_row_of_ten_megabytes_is_rejected_and_the_rest_counts() {
    let long = "x".repeat(10 << 20);
    for threads in [1, 3] {
        let mut data = Data::rows(&format!("{}{long}\n{}{long}", good(1, "C-1"), good(2, "C-2")));
        data.options.threads = threads;
        let done = data.process().unwrap();
        assert_eq!((done.rows_accepted, done.rows_rejected), (2, 2));
        let reason = "the row is longer than 1048576 bytes".to_owned();
        assert_eq!(data.reasons(), [(3, reason.clone()), (5, reason)]);
        assert!(data.results().1.len() < 1_000, "the excerpt is short");
    }
}

#[test]
fn the_limit_of_a_row_does_not_count_its_line_end() {
    for (length, rejected) in [(256, 0), (257, 1)] {
        for end in ["\n", "\r\n", ""] {
            let tail = ",2026-01-01T00:00:00Z,C,S,1,1,EUR,eu";
            // Ids may not be that long, so a column nobody reads makes the row long.
            let row = format!("{}O{tail}{end}", "x".repeat(length - tail.len() - 2) + ",");
            let mut data = Data::new(format!("note,{HEADER}{row}"));
            data.options.max_row_bytes = 256;
            let done = data.process().unwrap();
            assert_eq!(done.rows_rejected, rejected, "{length} {end:?}");
            assert_eq!(done.rows_accepted, 1 - rejected);
        }
    }
}

#[test]
fn too_many_keys_name_the_setting_and_leave_nothing() {
    let rows: String = (0..20).map(|i| good(1, &format!("C-{}", i % 11))).collect();
    for (threads, limit, fails) in [(1, 10, true), (1, 11, false), (4, 10, true), (4, 11, false)] {
        let mut data = Data::rows(&rows).small_batches(100);
        data.options.max_distinct_keys = limit;
        data.options.threads = threads;
        let result = data.process();
        assert_eq!(result.is_err(), fails, "{threads} threads, limit {limit}");
        let Err(error) = result else { continue };
        assert!(matches!(error, DatasetError::TooManyKeys { dimension: Dimension::Customers, .. }));
        assert!(
            error.to_string().contains("more than 10 distinct customers; raise dataset.max_distinct_keys")
        );
        assert_eq!(error.kind(), FailureType::DatasetInvalid);
        assert!(!data.has_work());
    }
}

#[test]
fn sums_do_not_overflow() {
    let row = "O,2026-01-01T00:00:00Z,C,S,1,9223372036854775807,EUR,eu\n";
    let data = Data::rows(&row.repeat(3)).small_batches(70);
    data.process().unwrap();
    assert!(data.results().0.contains(r#""revenueMinor":27670116110564327421"#));
}
