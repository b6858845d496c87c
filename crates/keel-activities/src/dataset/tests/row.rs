//! Every kind of bad row has its reason, and the edges of good rows are where they should be.

use super::{Reason, RowParser, Traits};
use crate::dataset::columns::Columns;

const GOOD: [&str; 8] = ["O-1", "2026-01-31T23:59:59Z", "C-1", "SKU-1", "2", "150", "EUR", "eu-west"];

fn parse(row: &[u8]) -> Result<(u32, u64), Reason> {
    let columns = Columns::parse(keel_types::dataset::COLUMNS.join(",").as_bytes()).unwrap();
    let mut parser = RowParser::new(&columns);
    parser.parse(row, 0, row.len(), Traits::of(row)).map(|line| (line.quantity, line.amount))
}

fn with(column: usize, value: &str) -> Result<(u32, u64), Reason> {
    let mut fields = GOOD;
    fields[column] = value;
    parse(fields.join(",").as_bytes())
}

#[test]
fn a_good_row_is_read() {
    assert_eq!(parse(GOOD.join(",").as_bytes()), Ok((2, 300)));
    assert_eq!(
        parse("\"O-1\",2026-01-31T23:59:59Z,\"C,\"\"1\",SKU-1,\"2\",150,EUR,eu-west".as_bytes()),
        Ok((2, 300))
    );
}

#[test]
fn every_flaw_has_its_reason() {
    for (column, value, reason) in [
        (0, "", Reason::Empty("order_id")),
        (0, "  ", Reason::Empty("order_id")),
        (0, &"x".repeat(129), Reason::LongText("order_id", 128)),
        (1, "2026-02-30T10:00:00Z", Reason::PlacedAt),
        (1, "", Reason::PlacedAt),
        (2, "", Reason::Empty("customer_id")),
        (3, "\t", Reason::Empty("sku")),
        (4, "", Reason::Quantity),
        (4, "0", Reason::Quantity),
        (4, "-1", Reason::Quantity),
        (4, "1000001", Reason::Quantity),
        (4, "1.5", Reason::Quantity),
        (4, " 1", Reason::Quantity),
        (4, "99999999999999999999", Reason::Quantity),
        (5, "-1", Reason::NegativePrice),
        (5, "", Reason::Price),
        (5, "-", Reason::Price),
        (5, "12.99", Reason::Price),
        (5, "9223372036854775808", Reason::Price),
        (5, "99999999999999999999", Reason::Price),
        (5, "9223372036854775807", Reason::Amount),
        (6, "", Reason::Currency),
        (6, "eur", Reason::Currency),
        (6, "EURO", Reason::Currency),
        (6, "QQQ", Reason::Currency),
        (6, "\0\0\0", Reason::Currency),
        (7, "", Reason::Empty("region")),
        (7, &"r".repeat(65), Reason::LongText("region", 64)),
        (7, "\"open", Reason::OpenQuote),
        (7, "a,b", Reason::ColumnCount { expected: 8, found: 9 }),
    ] {
        assert_eq!(with(column, value), Err(reason), "{column} {value:?}");
    }
    assert_eq!(parse(b"a,b"), Err(Reason::ColumnCount { expected: 8, found: 2 }));
    assert_eq!(parse(b"O-1,2026-01-31T23:59:59Z,C-\xff,SKU,1,1,EUR,eu"), Err(Reason::NotUtf8));
}

#[test]
fn the_edges_of_every_range_are_good() {
    assert_eq!(with(4, "1000000"), Ok((1_000_000, 150_000_000)));
    assert_eq!(with(4, "0000001"), Ok((1, 150)));
    assert_eq!(with(5, "0"), Ok((2, 0)));
    assert_eq!(with(5, "4611686018427387903"), Ok((2, 9_223_372_036_854_775_806)));
    assert_eq!(with(5, "4611686018427387904"), Err(Reason::Amount));
    assert_eq!(with(0, &"x".repeat(128)), Ok((2, 300)));
    assert_eq!(with(7, &"é".repeat(32)), Ok((2, 300)));
}

#[test]
fn no_reason_breaks_the_rejects_file() {
    let reasons = [
        Reason::TooLong(9),
        Reason::NotUtf8,
        Reason::OpenQuote,
        Reason::ColumnCount { expected: 8, found: 2 },
        Reason::Empty("sku"),
        Reason::LongText("sku", 1),
        Reason::PlacedAt,
        Reason::Quantity,
        Reason::NegativePrice,
        Reason::Price,
        Reason::Currency,
        Reason::Amount,
    ];
    for reason in reasons {
        assert!(!reason.to_string().contains([',', '"', '\n']), "{reason}");
    }
}
