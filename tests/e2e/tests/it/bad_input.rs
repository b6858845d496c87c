//! Every kind of nonsense gets a clear error that names the thing and the remedy, and leaves nothing half done.

use keel_e2e::{World, unique};

/// The run of a bad order or dataset fails with this type, and the words are in the output.
#[track_caller]
fn check_fails(world: &World, arguments: &[&str], kind: &str, words: &[&str]) {
    let output = world.keel(arguments);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let text = format!("{}{}", output.stdout, output.stderr);
    assert!(text.contains(kind), "{kind} is not in {text}");
    for word in words {
        assert!(text.contains(word), "`{word}` is not in {text}");
    }
}

#[test]
fn orders_that_cannot_be() {
    let world = World::with_worker(&[]);
    let unknown = unique("NOBODY");
    let _ = world.keel(&["order", "submit", "--id", &unknown]).ok();
    check_fails(&world, &["order", "watch", &unknown], "ORDER_NOT_FOUND", &[&unknown]);

    let sku = unique("ORDER");
    let file = world.order_file(&sku, "CUST-1");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap().replace("KEEL-ROPE", "NO-SUCH-THING"))
        .unwrap();
    let _ = world.keel(&["order", "submit", "--file", &file]).ok();
    check_fails(&world, &["order", "watch", &sku], "ORDER_INVALID", &["NO-SUCH-THING"]);
    assert!(world.stored(&sku).is_none(), "nothing half done");

    let negative = unique("ORDER");
    let file = world.order_file(&negative, "CUST-1");
    std::fs::write(
        &file,
        std::fs::read_to_string(&file).unwrap().replace("\"quantity\":2", "\"quantity\":-2"),
    )
    .unwrap();
    let refused = world.keel(&["order", "submit", "--file", &file]);
    assert_ne!(refused.code, Some(0));
    assert!(refused.stderr.contains("quantity must be at least 1, found -2"), "{refused:#?}");

    let empty = world.keel(&["order", "submit", "--id", ""]);
    assert_eq!(empty.code, Some(64), "{empty:#?}");
}

#[test]
fn stock_that_is_not_there_is_refused_before_any_money_moves() {
    let world = World::with_worker(&[]);
    let id = unique("ORDER");
    let file = world.order_file(&id, "CUST-1");
    std::fs::write(
        &file,
        std::fs::read_to_string(&file).unwrap().replace("\"quantity\":2", "\"quantity\":1000000"),
    )
    .unwrap();
    let _ = world.keel(&["order", "submit", "--file", &file]).ok();
    let _ = world.keel(&["order", "approve", &id, "--by", "manager@company.com"]).ok();
    check_fails(&world, &["order", "watch", &id], "OUT_OF_STOCK", &["KEEL-ROPE"]);
    assert_eq!(world.effects(&id), [0; 4]);
    assert_eq!(world.reserved("KEEL-ROPE"), 0);
}

#[test]
fn datasets_that_cannot_be() {
    let world = World::with_worker(&[]);
    let datasets = world.data().join("datasets");
    let (nothing, folder, columns) = (unique("nothing"), unique("folder"), unique("columns"));
    std::fs::create_dir_all(datasets.join(format!("{folder}.csv"))).unwrap();
    std::fs::write(datasets.join(format!("{columns}.csv")), "order_id,placed_at\n1,2\n").unwrap();
    for (id, kind, words) in [
        (nothing.as_str(), "DATASET_NOT_FOUND", nothing.as_str()),
        (&folder, "DATASET_NOT_FOUND", "director"),
        (&columns, "DATASET_INVALID", "unit_price_minor"),
    ] {
        let _ = world.keel(&["dataset", "start", id]).ok();
        check_fails(&world, &["dataset", "watch", id], kind, &[words]);
        assert!(!world.data().join("results").join(id).exists());
    }
}

#[test]
fn rows_that_cannot_be_are_rejected_by_line_and_the_rest_is_processed() {
    let world = World::with_worker(&[]);
    let id = unique("ROWS");
    let datasets = world.data().join("datasets");
    std::fs::create_dir_all(&datasets).unwrap();
    let mut bytes =
        b"order_id,placed_at,customer_id,sku,quantity,unit_price_minor,currency,region\n".to_vec();
    let good = b"O1,2026-01-02T03:04:05Z,C1,S1,2,150,EUR,north\n";
    bytes.extend_from_slice(good);
    bytes.extend_from_slice(b"O2,2026-01-02T03:04:05Z,C1,\xff\xfe,2,150,EUR,north\n");
    bytes.extend(std::iter::repeat_n(b'x', 10_000_000));
    bytes.extend_from_slice(b"\nO3,2026-01-02T03:04:05Z,C1,S1,-2,150,EUR,north\n");
    bytes.extend_from_slice(good);
    std::fs::write(datasets.join(format!("{id}.csv")), bytes).unwrap();
    let done = world.keel(&["dataset", "start", &id, "--watch"]).ok();
    assert!(format!("{done:?}").contains("Successfully processed 2 items"), "{done:#?}");
    let rejects =
        std::fs::read_to_string(world.data().join("results").join(&id).join("rejects.csv")).unwrap();
    let lines: Vec<&str> = rejects.lines().skip(1).map(|l| l.split(',').next().unwrap()).collect();
    assert_eq!(lines, ["3", "4", "5"], "{rejects}");
}

#[test]
fn places_that_are_not_there() {
    let world = World::new();
    let nobody = world.keel(&["order", "list", "--address", "127.0.0.1:1"]);
    assert_eq!(nobody.code, Some(1));
    assert!(nobody.stderr.contains("127.0.0.1:1") && nobody.stderr.contains("xtask up"), "{nobody:#?}");
    let nowhere = world.keel(&["order", "list", "--namespace", "no-such-place"]);
    assert_eq!(nowhere.code, Some(1));
    assert!(nowhere.stderr.contains("no-such-place"), "{nowhere:#?}");
    let missing = world.keel(&["order", "show", &unique("ORDER")]);
    assert_eq!(missing.code, Some(1), "{missing:#?}");
    let folder = world.keel(&["order", "submit", "--file", &world.dir().display().to_string()]);
    assert!(folder.code != Some(0) && folder.stderr.contains("directory"), "{folder:#?}");
}

#[test]
fn bad_settings_are_all_named_at_once_and_exit_64() {
    let mut world = World::new();
    world.set("KEEL__ORDER__DEADLINE", "soon");
    world.set("KEEL__WORKER__MAX_CONCURRENT_ACTIVITIES", "none");
    world.set("KEEL__STORE__URI", "sqlite://x");
    let output = world.keel_worker(&["run"]);
    assert_eq!(output.code, Some(64), "{output:#?}");
    for word in ["order.deadline", "worker.max_concurrent_activities", "store.uri"] {
        assert!(output.stderr.contains(word), "{word} is not in {}", output.stderr);
    }
}

#[test]
fn a_data_directory_that_cannot_be_written_ends_the_worker_with_its_name() {
    let mut world = World::new();
    world.set("KEEL__DATASET__DATA_DIR", "/proc/nowhere");
    let output = world.keel_worker(&["run"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert!(
        output.stderr.contains("/proc/nowhere") && output.stderr.contains("dataset.data_dir"),
        "{output:#?}"
    );
}
