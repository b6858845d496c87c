//! The generator keeps its word about determinism and shares.

use super::{DatasetSpec, FLAWS, Generated, generate};

fn text(spec: &DatasetSpec) -> (Generated, Vec<u8>) {
    let mut out = Vec::new();
    let done = generate(spec, &mut out).unwrap();
    assert_eq!(done.bytes, out.len() as u64);
    (done, out)
}

#[test]
fn the_same_spec_gives_the_same_bytes_and_another_seed_others() {
    let spec = DatasetSpec { rows: 5_000, seed: 7, bad_share: 0.02 };
    assert_eq!(text(&spec), text(&spec));
    assert_ne!(text(&spec).1, text(&DatasetSpec { seed: 8, ..spec }).1);
}

#[test]
fn rows_are_counted_and_bad_ones_have_their_exact_share() {
    for (rows, bad_share, bad) in [(0, 0.5, 0), (1, 0.0, 0), (1, 1.0, 1), (999, 0.1, 100), (4_000, 0.01, 40)]
    {
        let (done, out) = text(&DatasetSpec { rows, seed: 1, bad_share });
        assert_eq!((done.rows, done.bad_rows), (rows, bad));
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count() as u64, rows + 1);
        // A flaw is recognisable: no good row starts or ends like this.
        let good = out.split(|byte| *byte == b'\n').skip(1).filter(|row| looks_good(row)).count() as u64;
        assert_eq!(good, rows - bad, "rows {rows}, share {bad_share}");
    }
}

#[test]
fn every_flaw_makes_a_bad_row() {
    let (_, out) = text(&DatasetSpec { rows: FLAWS.len() as u64, seed: 3, bad_share: 1.0 });
    for row in out.split(|byte| *byte == b'\n').skip(1).filter(|row| !row.is_empty()) {
        assert!(!looks_good(row), "{}", String::from_utf8_lossy(row));
    }
}

#[test]
fn a_share_outside_of_its_range_is_refused() {
    for bad_share in [-0.1, 1.1, f64::NAN] {
        let error = generate(&DatasetSpec { rows: 1, seed: 1, bad_share }, Vec::new()).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

/// A stricter and slower idea of a good row than the pipeline's, written without looking at it.
fn looks_good(row: &[u8]) -> bool {
    let Ok(row) = std::str::from_utf8(row) else { return false };
    let fields: Vec<_> = row.split(',').collect();
    let [order, placed_at, customer, sku, quantity, price, currency, region] = fields[..] else {
        return false;
    };
    let amount = quantity.parse::<i64>().ok().zip(price.parse::<i64>().ok());
    order.starts_with("ORD-")
        && placed_at.len() == 20
        && placed_at.starts_with("2026-0")
        && !placed_at.starts_with("2026-02-30")
        && customer.starts_with("CUST-")
        && sku.starts_with("SKU-")
        && amount.is_some_and(|(q, p)| (1..=1_000_000).contains(&q) && p >= 0 && q.checked_mul(p).is_some())
        && ["EUR", "USD", "GBP", "JPY"].contains(&currency)
        && super::REGIONS.contains(&region.trim_matches('"'))
        && region.matches('"').count() != 1
}
