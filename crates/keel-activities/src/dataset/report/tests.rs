//! The page holds what it should, and nothing from outside of it.

use super::render;
use crate::dataset::output::{Figures, Group};
use crate::dataset::summary::{CurrencySummary, Summary};

fn group(key: &str, revenue_minor: u128) -> Group {
    Group { key: key.to_owned(), revenue_minor, quantity: 3, rows: 2 }
}

fn summary(currencies: &[&str]) -> Summary {
    let currency = |code: &&str| CurrencySummary {
        currency: (*code).to_owned(),
        total: Figures { revenue_minor: 123_456, quantity: 9, rows: 6 },
        customer_count: 1,
        product_count: 1,
        days: vec![group("2026-01-01", 100_000), group("2026-01-03", 23_456)],
        regions: vec![group("eu-west", 123_456)],
        products: vec![group("<script>alert(1)</script>", 123_456)],
        top_customers: vec![group("C & Co", 123_456)],
    };
    Summary {
        schema_version: 1,
        dataset_id: "demo".to_owned(),
        bytes: 1_234_567,
        rows_accepted: 6,
        rows_rejected: 1,
        currencies: currencies.iter().map(currency).collect(),
    }
}

#[test]
fn text_from_the_data_stays_text() {
    let page = render(&summary(&["EUR"])).into_string();
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(page.contains("C &amp; Co"));
}

#[test]
fn the_page_needs_nothing_else() {
    let page = render(&summary(&["EUR", "JPY"])).into_string();
    for outside in ["http:", "https:", "src=", "@import", "<link", "url(/", "url(\""] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn every_chart_has_a_title_and_a_description_and_ids_are_unique() {
    let page = render(&summary(&["EUR", "JPY"])).into_string();
    assert_eq!(page.matches("<svg").count(), 8);
    assert_eq!(page.matches("role=\"img\"").count(), 8);
    assert_eq!(page.matches("<desc").count(), 8);
    let mut ids: Vec<_> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
    for name in page.split("aria-labelledby=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        for id in name.split(' ') {
            assert!(ids.binary_search(&id).is_ok(), "{id}");
        }
    }
}

#[test]
fn money_shows_the_decimals_of_its_currency() {
    let page = render(&summary(&["EUR", "JPY"])).into_string();
    assert!(page.contains("1,234.56") && page.contains("EUR\u{a0}1,000.00"), "{page}");
    assert!(page.contains("JPY\u{a0}100,000"));
}

#[test]
fn a_dataset_without_good_rows_has_a_page_too() {
    let page = render(&summary(&[])).into_string();
    assert!(page.contains("No row of this dataset counts"));
}
