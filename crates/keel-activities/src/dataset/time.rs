//! `placed_at`: RFC 3339 in UTC with whole seconds, `YYYY-MM-DDTHH:MM:SSZ`.

/// Bytes of the date at the start of a time.
pub(super) const DATE: usize = 10;

/// The day that was checked last: rows of a file tend to follow each other in time.
#[derive(Debug)]
pub(super) struct DayCache {
    date: [u8; 10],
}

impl Default for DayCache {
    fn default() -> Self {
        Self { date: *b"1970-01-01" }
    }
}

impl DayCache {
    /// Whether this is a time that counts. Its first [`DATE`] bytes are the day then.
    #[inline]
    pub(super) fn accepts(&mut self, time: &[u8]) -> bool {
        let Some((date, clock)) = time.split_first_chunk::<DATE>() else { return false };
        let Ok(clock) = clock.try_into() else { return false };
        if *date != self.date {
            if !is_date(date) {
                return false;
            }
            self.date = *date;
        }
        is_clock(clock)
    }
}

/// `THH:MM:SSZ`; 24:00:00 and leap seconds are no times here.
#[inline]
fn is_clock(clock: &[u8; 10]) -> bool {
    let [b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z'] = *clock else { return false };
    (two(h1, h2) < 24) & (two(m1, m2) < 60) & (two(s1, s2) < 60)
}

fn is_date(date: &[u8; DATE]) -> bool {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else { return false };
    let (century, year, month, day) = (two(y1, y2), two(y3, y4), two(m1, m2), two(d1, d2));
    century < 100
        && year < 100
        && (1..=12).contains(&month)
        && (1..=days_in_month(century * 100 + year, month)).contains(&day)
}

/// The number of two digits, or something above 99.
#[inline]
fn two(tens: u8, ones: u8) -> u32 {
    let (tens, ones) = (u32::from(tens.wrapping_sub(b'0')), u32::from(ones.wrapping_sub(b'0')));
    if (tens > 9) | (ones > 9) { u32::MAX } else { tens * 10 + ones }
}

const fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::DayCache;

    #[test]
    fn only_real_times_in_utc_count() {
        let mut cache = DayCache::default();
        for (text, real) in [
            ("2026-01-31T23:59:59Z", true),
            ("2024-02-29T00:00:00Z", true),
            ("2000-02-29T00:00:00Z", true),
            ("2026-02-29T00:00:00Z", false),
            ("1900-02-29T00:00:00Z", false),
            ("2026-04-31T00:00:00Z", false),
            ("2026-13-01T00:00:00Z", false),
            ("2026-00-01T00:00:00Z", false),
            ("2026-01-00T00:00:00Z", false),
            ("2026-01-01T24:00:00Z", false),
            ("2026-01-01T00:60:00Z", false),
            ("2026-01-01T00:00:60Z", false),
            ("2026-01-01 00:00:00Z", false),
            ("2026-01-01T00:00:00z", false),
            ("2026-01-01T00:00:00+00:00", false),
            ("2026-01-01T00:00:00", false),
            ("20260101T000000Z", false),
            ("2026-01-0aT00:00:00Z", false),
            ("\0\0\0\0\0\0\0\0\0\0T00:00:00Z", false),
            ("", false),
        ] {
            assert_eq!(cache.accepts(text.as_bytes()), real, "{text}");
        }
    }

    #[test]
    fn jiff_agrees_about_every_day_of_two_centuries() {
        let mut cache = DayCache::default();
        for year in 1890..2110 {
            for month in 0..=13_i8 {
                for day in 0..=32_i8 {
                    let text = format!("{year:04}-{month:02}-{day:02}T12:00:00Z");
                    let real = jiff::civil::Date::new(year, month, day).is_ok();
                    assert_eq!(cache.accepts(text.as_bytes()), real, "{text}");
                }
            }
        }
    }
}
