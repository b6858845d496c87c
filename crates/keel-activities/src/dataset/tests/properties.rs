//! Whatever the bytes, the threads and the interruptions: no panic, every row counted once, the same result.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Data, HEADER, Recorder};
use crate::dataset::engine::Stop;
use crate::dataset::output;

/// A row, or something like one.
fn row() -> impl Strategy<Value = Vec<u8>> {
    let text = |pattern: &'static str| pattern.prop_map(String::into_bytes);
    let good = (0..500_u32, 1..29_u8, 0..40_u32, 0..9_u32, 1..20_u32, 0..9_999_u32, 0..3_usize, any::<bool>()).prop_map(
        |(order, day, customer, sku, quantity, price, currency, quoted)| {
            let quote = if quoted { "\"" } else { "" };
            let currency = ["EUR", "USD", "JPY"][currency];
            // Some customers have names too long to be packed.
            let customer = if customer < 5 { format!("a customer with a long name {customer}") } else { format!("C-{customer}") };
            format!("O-{order},2026-01-{day:02}T10:00:00Z,{quote}{customer}{quote},S-{sku},{quantity},{price},{currency},eu").into_bytes()
        },
    );
    prop_oneof![
        8 => good,
        1 => text("[a-z,\"]{0,30}"),
        1 => text("\\PC{0,20}"),
        1 => proptest::collection::vec(any::<u8>(), 0..30),
        1 => Just(Vec::new()),
        1 => (100..400_usize).prop_map(|length| vec![b'x'; length]),
    ]
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    let end = prop_oneof![Just(&b"\n"[..]), Just(&b"\r\n"[..])];
    (proptest::collection::vec((row(), end), 0..60), any::<bool>()).prop_map(|(rows, last_newline)| {
        let mut content = HEADER.as_bytes().to_vec();
        for (row, end) in rows {
            content.extend_from_slice(&row);
            content.extend_from_slice(end);
        }
        if !last_newline {
            content.pop();
        }
        content
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn cuts_threads_and_interruptions_make_no_difference(
        content in content(), batch in 1..3_000_u64, threads in 1..4_usize, stops in proptest::collection::vec(2..30_u64, 0..6),
    ) {
        let mut reference = Data::new(&content);
        reference.options.max_row_bytes = 300;
        reference.process().unwrap();
        let mut data = Data::new(&content).small_batches(batch);
        data.options.max_row_bytes = 300;
        data.options.threads = threads;
        let mut checkpoint = None;
        for stop in stops {
            let control = Recorder::stopping(Stop::Stopping, stop);
            if data.process_with(checkpoint.take(), &control).is_ok() {
                break;
            }
            checkpoint = control.last_checkpoint();
        }
        data.process_with(checkpoint, &Recorder::default()).unwrap();
        prop_assert_eq!(data.results(), reference.results());
    }

    #[test]
    fn every_row_is_counted_or_rejected_and_all_groupings_agree(content in content()) {
        let data = Data::new(&content);
        let done = data.process().unwrap();
        let rows = content.get(HEADER.len()..).unwrap_or_default().split(|byte| *byte == b'\n');
        let filled = rows.filter(|row| !row.strip_suffix(b"\r").unwrap_or(row).is_empty()).count() as u64;
        prop_assert_eq!(done.rows_accepted + done.rows_rejected, filled);
        let aggregates = output::read(&data.layout()).unwrap();
        for currency in &aggregates.currencies {
            for groups in [&currency.days, &currency.regions, &currency.skus, &currency.customers] {
                prop_assert_eq!(groups.iter().map(|g| g.revenue_minor).sum::<u128>(), currency.total.revenue_minor);
                prop_assert_eq!(groups.iter().map(|g| g.rows).sum::<u64>(), currency.total.rows);
                prop_assert!(groups.is_sorted_by(|a, b| a.key < b.key));
            }
        }
        prop_assert_eq!(aggregates.currencies.iter().map(|c| c.total.rows).sum::<u64>(), done.rows_accepted);
        prop_assert_eq!(data.results().1.lines().count() as u64, done.rows_rejected + 1);
    }

    #[test]
    fn any_bytes_are_survived(content in proptest::collection::vec(any::<u8>(), 0..2_000), header in any::<bool>()) {
        let data = Data::new(if header { [HEADER.as_bytes(), &content].concat() } else { content });
        let _ = data.process();
    }
}

/// The same sums by the plainest program that could do it.
#[test]
fn a_naive_program_agrees() {
    let rows: Vec<String> = (0..3_000_u64)
        .map(|i| {
            let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            format!(
                "O-{i},2026-0{}-11T10:00:00Z,C-{},S-{},{},{},{},r-{}",
                1 + mixed % 9,
                mixed % 97,
                mixed % 13,
                1 + mixed % 7,
                mixed % 5_000,
                ["EUR", "USD"][usize::from(mixed % 5 == 0)],
                mixed % 4
            )
        })
        .collect();
    let mut expected: BTreeMap<(String, String), (u128, u64)> = BTreeMap::new();
    for row in &rows {
        let fields: Vec<&str> = row.split(',').collect();
        let amount = fields[4].parse::<u128>().unwrap() * fields[5].parse::<u128>().unwrap();
        let entry = expected.entry((fields[6].to_owned(), fields[2].to_owned())).or_default();
        *entry = (entry.0 + amount, entry.1 + 1);
    }
    let mut data = Data::rows(&rows.join("\n")).small_batches(999);
    data.options.threads = 2;
    data.process().unwrap();
    let aggregates = output::read(&data.layout()).unwrap();
    let mut seen = BTreeMap::new();
    for currency in &aggregates.currencies {
        for group in &currency.customers {
            seen.insert((currency.currency.clone(), group.key.clone()), (group.revenue_minor, group.rows));
        }
    }
    assert_eq!(seen, expected);
}
