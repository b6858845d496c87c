//! Revenue of a few things, compared by horizontal bars.

use maud::{Markup, html};

use super::super::output::Group;
use super::money::Money;

/// Width of a chart that has one of two columns.
pub(super) const HALF: f64 = 520.0;
/// Width of a chart that has the page to itself.
pub(super) const FULL: f64 = 1000.0;
const ROW: f64 = 26.0;
const LABEL: f64 = 130.0;
const VALUE: f64 = 56.0;
/// Longer names are cut; the whole is in the bar's title and in the table.
const LABEL_CHARACTERS: usize = 17;

/// The chart; `groups` come with the highest revenue first.
pub(super) fn chart(id: &str, title: &str, width: f64, money: &Money, groups: &[Group]) -> Markup {
    let Some(first) = groups.first() else { return html! {} };
    let most = first.revenue_minor.max(1);
    let height = ROW * groups.len() as f64;
    let description = format!("{} comes first with {}.", first.key, money.long(first.revenue_minor));
    html! {
        svg.chart.bars viewBox={ "0 0 " (width) " " (height) } role="img" aria-labelledby={ "t-" (id) " d-" (id) } {
            title id={ "t-" (id) } { (title) }
            desc id={ "d-" (id) } { (description) }
            @for (index, group) in groups.iter().enumerate() { (bar(index, group, most, width, money)) }
        }
    }
}

fn bar(index: usize, group: &Group, most: u128, chart: f64, money: &Money) -> Markup {
    let y = ROW * index as f64;
    let room = chart - LABEL - VALUE;
    let width = (room * (group.revenue_minor as f64 / most as f64)).max(1.0);
    let middle = format!("{:.1}", y + ROW / 2.0 + 4.5);
    html! {
        g {
            title { (group.key) ": " (money.long(group.revenue_minor)) }
            text.label x=(LABEL - 10.0) y=(middle) text-anchor="end" { (shortened(&group.key)) }
            rect.track x=(LABEL) y=(y + 5.0) width=(room) height=(ROW - 10.0) rx="3" {}
            rect.bar x=(LABEL) y=(y + 5.0) width=(format!("{width:.1}")) height=(ROW - 10.0) rx="3" {}
            text.amount x=(chart) y=(middle) text-anchor="end" { (money.short(group.revenue_minor)) }
        }
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= LABEL_CHARACTERS {
        return name.to_owned();
    }
    name.chars().take(LABEL_CHARACTERS - 1).chain(['…']).collect()
}
