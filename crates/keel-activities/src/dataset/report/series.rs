//! The days of a chart: without gaps, and by month when there are too many.

use jiff::ToSpan;
use jiff::civil::Date;

use super::super::output::Group;

/// More days than this are shown by month.
const MOST_DAYS: i32 = 750;

/// One point of a chart over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Point {
    /// What the point stands for: `2026-01-31` or `2026-01`.
    pub(super) label: String,
    pub(super) revenue: u128,
}

/// The points of sorted days; days or months without sales are zero.
pub(super) fn points(days: &[Group]) -> Vec<Point> {
    let dates: Vec<(Date, u128)> =
        days.iter().filter_map(|day| Some((day.key.parse().ok()?, day.revenue_minor))).collect();
    let (Some((first, _)), Some((last, _))) = (dates.first().copied(), dates.last().copied()) else {
        return Vec::new();
    };
    let span = first.until(last).map_or(i32::MAX, |span| span.get_days());
    let by_month = span > MOST_DAYS;
    let label = |date: Date| if by_month { date.to_string()[..7].to_owned() } else { date.to_string() };
    let mut points: Vec<Point> = Vec::new();
    let mut dates = dates.into_iter().peekable();
    let mut at = if by_month { first.first_of_month() } else { first };
    while at <= last {
        let next = if by_month { at.checked_add(1.month()) } else { at.checked_add(1.day()) };
        let mut revenue = 0;
        while let Some((_, more)) = dates.next_if(|(date, _)| next.as_ref().map_or(true, |next| date < next))
        {
            revenue += more;
        }
        points.push(Point { label: label(at), revenue });
        match next {
            Ok(next) => at = next,
            Err(_) => break,
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::{Point, points};
    use crate::dataset::output::Group;

    fn day(key: &str, revenue_minor: u128) -> Group {
        Group { key: key.to_owned(), revenue_minor, quantity: 1, rows: 1 }
    }

    #[test]
    fn gaps_are_zero() {
        let seen = points(&[day("2026-02-27", 5), day("2026-03-01", 7)]);
        let point = |label: &str, revenue| Point { label: label.to_owned(), revenue };
        assert_eq!(seen, [point("2026-02-27", 5), point("2026-02-28", 0), point("2026-03-01", 7)]);
        assert_eq!(points(&[]), []);
    }

    #[test]
    fn years_of_data_are_shown_by_month_and_nothing_is_lost() {
        let seen = points(&[day("0000-01-15", 1), day("2020-05-31", 2), day("9999-12-31", 4)]);
        assert_eq!(seen.len(), 120_000);
        assert_eq!(seen.iter().map(|point| point.revenue).sum::<u128>(), 7);
        assert_eq!(seen.last().unwrap(), &Point { label: "9999-12".to_owned(), revenue: 4 });
    }
}
