//! Revenue over time as a line with an area under it.

use std::fmt::Write as _;

use maud::{Markup, html};

use super::super::output::Group;
use super::money::Money;
use super::series::{self, Point};

const WIDTH: f64 = 1000.0;
const HEIGHT: f64 = 280.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 30.0;
/// More points than this are not drawn one by one; neighbours are summed.
const MOST_POINTS: usize = 1_500;
const LABELS: usize = 7;
/// With at most this many points each shows its value under the pointer.
const MOST_HINTS: usize = 750;

struct Scale {
    points: Vec<Point>,
    top: u128,
    step: u128,
}

impl Scale {
    fn x(&self, index: usize) -> f64 {
        let last = self.points.len().saturating_sub(1).max(1);
        LEFT + (WIDTH - LEFT - RIGHT) * index as f64 / last as f64
    }

    fn y(&self, revenue: u128) -> f64 {
        let share = revenue as f64 / self.top.max(1) as f64;
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    }
}

/// The chart.
pub(super) fn chart(id: &str, money: &Money, days: &[Group]) -> Markup {
    let points = thinned(series::points(days));
    let Some(best) = points.iter().max_by_key(|point| point.revenue) else { return html! {} };
    let step = nice_step(best.revenue);
    let top = best.revenue.div_ceil(step).max(1) * step;
    let (first, last) = (points[0].label.clone(), points[points.len() - 1].label.clone());
    let description = format!(
        "Revenue from {first} to {last}. The highest was {} on {}.",
        money.long(best.revenue),
        best.label
    );
    let scale = Scale { points, top, step };
    let line = line(&scale);
    let floor = HEIGHT - BOTTOM;
    let area =
        format!("{line}L{:.1} {floor:.1}L{:.1} {floor:.1}Z", scale.x(scale.points.len() - 1), scale.x(0));
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-labelledby={ "t-" (id) " d-" (id) } {
            title id={ "t-" (id) } { "Revenue over time" }
            desc id={ "d-" (id) } { (description) }
            defs {
                linearGradient id={ "g-" (id) } x1="0" y1="0" x2="0" y2="1" {
                    stop.from offset="0" {} stop.to offset="1" {}
                }
            }
            (grid(&scale, money))
            path d=(area) fill={ "url(#g-" (id) ")" } {}
            path.line d=(line) {}
            @if scale.points.len() == 1 { circle.dot cx=(LEFT) cy=(format!("{:.1}", scale.y(scale.points[0].revenue))) r="4" {} }
            (labels(&scale))
            @if scale.points.len() <= MOST_HINTS { (hints(&scale, money)) }
        }
    }
}

/// At most [`MOST_POINTS`] points; neighbours are summed under the first one's label.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let group = points.len().div_ceil(MOST_POINTS).max(1);
    if group == 1 {
        return points;
    }
    let sum = |chunk: &[Point]| Point {
        label: chunk[0].label.clone(),
        revenue: chunk.iter().map(|point| point.revenue).sum(),
    };
    points.chunks(group).map(sum).collect()
}

/// A round step that makes four or five lines up to `most`.
fn nice_step(most: u128) -> u128 {
    let rough = (most / 4).max(1);
    let power = 10_u128.pow(rough.ilog10());
    [1, 2, 5, 10].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough)
}

fn line(scale: &Scale) -> String {
    let mut path = String::with_capacity(scale.points.len() * 14);
    for (index, point) in scale.points.iter().enumerate() {
        let command = if index == 0 { 'M' } else { 'L' };
        // Writing to a String cannot fail.
        let _ = write!(path, "{command}{:.1} {:.1}", scale.x(index), scale.y(point.revenue));
    }
    path
}

fn grid(scale: &Scale, money: &Money) -> Markup {
    let ticks = (0..=scale.top / scale.step).map(|tick| tick * scale.step);
    html! {
        @for tick in ticks {
            @let y = scale.y(tick);
            line.grid x1=(LEFT) x2=(WIDTH - RIGHT) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
            text.tick x=(LEFT - 8.0) y=(format!("{:.1}", y + 4.0)) text-anchor="end" { (money.short(tick)) }
        }
    }
}

fn labels(scale: &Scale) -> Markup {
    let last = scale.points.len() - 1;
    let count = LABELS.min(last + 1);
    let mut indices: Vec<usize> = (0..count).map(|label| last * label / (count - 1).max(1)).collect();
    indices.dedup();
    html! {
        @for index in indices {
            @let anchor = if index == 0 { "start" } else if index == last { "end" } else { "middle" };
            text.tick x=(format!("{:.1}", scale.x(index))) y=(HEIGHT - 8.0) text-anchor=(anchor) {
                (scale.points[index].label)
            }
        }
    }
}

/// Invisible columns that show a value under the pointer.
fn hints(scale: &Scale, money: &Money) -> Markup {
    let width = (WIDTH - LEFT - RIGHT) / scale.points.len().saturating_sub(1).max(1) as f64;
    html! {
        @for (index, point) in scale.points.iter().enumerate() {
            @let left = (scale.x(index) - width / 2.0).max(LEFT);
            rect.hint x=(format!("{left:.1}")) y=(TOP) width=(format!("{width:.1}")) height=(HEIGHT - TOP - BOTTOM) {
                title { (point.label) ": " (money.long(point.revenue)) }
            }
        }
    }
}
