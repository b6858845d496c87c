//! `report.html`: one page for people, with everything in it: no script, no font, no picture from elsewhere.
//!
//! Charts are inline SVG with a title and a description, and every chart has its figures as a table. The page follows
//! the reader's light or dark setting and prints well. It holds no time of its making, so the same data gives the same
//! bytes.

mod bars;
mod money;
mod series;
mod trend;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use self::money::{Money, grouped, percent};
use super::output::Group;
use super::steps::size;
use super::summary::{CurrencySummary, Summary};

const STYLE: &str = include_str!("report/style.css");
/// Currencies with charts of their own; the others are only in the overview.
const SECTIONS: usize = 8;
const BARS: usize = 12;
const TALL_BARS: usize = 15;

/// The page.
pub(super) fn render(summary: &Summary) -> Markup {
    let title = format!("Order lines: {}", summary.dataset_id);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    (header(summary))
                    (overview(summary))
                    @for currency in summary.currencies.iter().take(SECTIONS) { (section(currency)) }
                    (footer(summary))
                }
            }
        }
    }
}

fn header(summary: &Summary) -> Markup {
    html! {
        header {
            p.eyebrow { "Dataset report" }
            h1 { (summary.dataset_id) }
            @if let Some((first, last)) = period(summary) {
                p.lead { "Orders from " time datetime=(first) { (first) } " to " time datetime=(last) { (last) } }
            }
        }
    }
}

/// The first and the last day of all currencies.
fn period(summary: &Summary) -> Option<(&str, &str)> {
    let days = || summary.currencies.iter().flat_map(|currency| &currency.days).map(|day| day.key.as_str());
    Some((days().min()?, days().max()?))
}

fn overview(summary: &Summary) -> Markup {
    let rows = summary.rows_accepted + summary.rows_rejected;
    html! {
        section.tiles aria-label="Overview" {
            (tile("Order lines", &grouped(summary.rows_accepted.into()), "accepted"))
            (tile("Rejected", &grouped(summary.rows_rejected.into()), &format!("{} of all rows, see rejects.csv", percent(summary.rows_rejected.into(), rows.into()))))
            (tile("Input", &size(summary.bytes), ""))
        }
        @if summary.currencies.is_empty() {
            section.card { p { "No row of this dataset counts: every row was rejected, or there is none." } }
        }
        @if summary.currencies.len() > 1 { (currencies(summary)) }
    }
}

fn tile(label: &str, value: &str, note: &str) -> Markup {
    html! {
        div.tile {
            span.label { (label) }
            span.value { (value) }
            @if !note.is_empty() { span.note { (note) } }
        }
    }
}

fn currencies(summary: &Summary) -> Markup {
    html! {
        section.card {
            h2 { "By currency" }
            div.scroll {
                table {
                    thead { tr {
                        th scope="col" { "Currency" } th.number scope="col" { "Revenue" } th.number scope="col" { "Pieces" }
                        th.number scope="col" { "Order lines" } th.number scope="col" { "Share of lines" }
                    } }
                    tbody {
                        @for currency in &summary.currencies {
                            @let total = currency.total;
                            tr {
                                th scope="row" { (currency.currency) " " span.muted { (money::name(&currency.currency)) } }
                                td.number { (Money::of(&currency.currency).amount(total.revenue_minor)) }
                                td.number { (grouped(total.quantity.into())) }
                                td.number { (grouped(total.rows.into())) }
                                td.number { (percent(total.rows.into(), summary.rows_accepted.into())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn section(currency: &CurrencySummary) -> Markup {
    let code = &currency.currency;
    let money = Money::of(code);
    let total = currency.total;
    let regions = &currency.regions[..currency.regions.len().min(BARS)];
    let products = &currency.products[..currency.products.len().min(TALL_BARS)];
    let customers = &currency.top_customers[..currency.top_customers.len().min(TALL_BARS)];
    html! {
        section.currency aria-labelledby={ "c-" (code) } {
            h2.divider id={ "c-" (code) } { (code) " " span.muted { (money::name(code)) } }
            div.tiles {
                (tile(&format!("Revenue, {code}"), &money.amount(total.revenue_minor), ""))
                (tile("Pieces", &grouped(total.quantity.into()), ""))
                (tile("Customers", &grouped(currency.customer_count as u128), ""))
                (tile("Products", &grouped(currency.product_count as u128), ""))
            }
            (card("Revenue per day", "Day", &money, &currency.days, trend::chart(code, &money, &currency.days)))
            (card("Revenue by region", "Region", &money, &currency.regions,
                bars::chart(&format!("{code}-region"), "Revenue by region", bars::FULL, &money, regions)))
            div.columns {
                (card("Best selling products", "SKU", &money, products,
                    bars::chart(&format!("{code}-product"), "Products with the highest revenue", bars::HALF, &money, products)))
                (card("Top customers", "Customer", &money, &currency.top_customers,
                    bars::chart(&format!("{code}-customer"), "Customers with the highest revenue", bars::HALF, &money, customers)))
            }
        }
    }
}

/// A chart with its figures as a table behind a fold.
fn card(title: &str, key: &str, money: &Money, groups: &[Group], chart: Markup) -> Markup {
    html! {
        article.card {
            h3 { (title) }
            (chart)
            details {
                summary { "Figures" }
                div.scroll {
                    table {
                        thead { tr {
                            th scope="col" { (key) } th.number scope="col" { "Revenue, " (money.code()) }
                            th.number scope="col" { "Pieces" } th.number scope="col" { "Order lines" }
                        } }
                        tbody {
                            @for group in groups {
                                tr {
                                    th scope="row" { (group.key) }
                                    td.number { (money.amount(group.revenue_minor)) }
                                    td.number { (grouped(group.quantity.into())) }
                                    td.number { (grouped(group.rows.into())) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn footer(summary: &Summary) -> Markup {
    html! {
        footer {
            @if summary.currencies.len() > SECTIONS {
                p { "Charts are shown for the " (SECTIONS) " currencies with most order lines; summary.json has all." }
            }
            p { "Every figure is in summary.json beside this page, every rejected row with its reason in rejects.csv. Made by Keel." }
        }
    }
}

#[cfg(test)]
mod tests;
