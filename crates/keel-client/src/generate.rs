//! Test data: datasets of order lines that look real and are the same for the same [`DatasetSpec`], everywhere and
//! always.
//!
//! Ninety days, six regions, two hundred SKUs, twenty thousand customers of whom few buy much, four currencies of which
//! one rules. The stated share of rows is bad, exactly, and goes through every kind of badness in turn.

// Named, so that the benchmark of the pipeline can include this file from its place.
#[path = "generate/random.rs"]
mod random;

use std::io::{self, Write};

use random::Random;

const REGIONS: [&str; 6] = ["eu-central", "eu-west", "eu-north", "us-east", "us-west", "ap-south"];
const SKUS: u32 = 200;
const CUSTOMERS: u32 = 20_000;
const DAYS: usize = 90;
const DAY_SECONDS: u64 = 86_400;
const FLUSH: usize = 256 << 10;

/// What to generate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatasetSpec {
    /// Rows after the header, good and bad.
    pub rows: u64,
    /// Another seed gives other rows.
    pub seed: u64,
    /// Share of bad rows, 0.0 to 1.0; the number of bad rows is `rows * bad_share`, rounded.
    pub bad_share: f64,
}

/// What was generated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Generated {
    /// Rows after the header, good and bad.
    pub rows: u64,
    /// Bad rows.
    pub bad_rows: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Writes a dataset.
///
/// # Errors
/// What `out` fails with, and [`io::ErrorKind::InvalidInput`] for a share that is not 0.0 to 1.0.
pub fn generate(spec: &DatasetSpec, mut out: impl Write) -> io::Result<Generated> {
    if !(0.0..=1.0).contains(&spec.bad_share) {
        let problem = format!("the share of bad rows must be 0.0 to 1.0, not {}", spec.bad_share);
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    let bad_rows = bad_rows(spec);
    let mut generator = Generator::new(spec.seed);
    let mut done = Generated { rows: spec.rows, bad_rows, bytes: 0 };
    let mut text = Vec::with_capacity(FLUSH + 1024);
    text.extend_from_slice(keel_types::dataset::COLUMNS.join(",").as_bytes());
    text.push(b'\n');
    // Bad rows are spread evenly: one is due whenever the sum passes the number of rows.
    let mut due = 0_u128;
    for row in 0..spec.rows {
        due += u128::from(bad_rows);
        let bad = due >= u128::from(spec.rows);
        if bad {
            due -= u128::from(spec.rows);
        }
        generator.row(row, spec.rows, bad, &mut text);
        if text.len() >= FLUSH {
            out.write_all(&text)?;
            done.bytes += text.len() as u64;
            text.clear();
        }
    }
    out.write_all(&text)?;
    out.flush()?;
    done.bytes += text.len() as u64;
    Ok(done)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of 0 to 1 keeps it in range"
)]
fn bad_rows(spec: &DatasetSpec) -> u64 {
    ((spec.rows as f64 * spec.bad_share).round() as u64).min(spec.rows)
}

/// The order that is being written: its lines share everything but the goods.
struct Generator {
    random: Random,
    order: u64,
    lines_left: u32,
    customer: u32,
    region: &'static str,
    currency: &'static str,
    /// `YYYY-MM-DDTHH:MM:SSZ`
    placed_at: [u8; 20],
    calendar: Vec<Day>,
    /// Index of the day in the calendar.
    day: usize,
    next_flaw: usize,
}

/// A day of the calendar; it gets the share of the orders that `start..end` is of the whole.
#[derive(Clone, Copy)]
struct Day {
    start: u64,
    end: u64,
    month: u64,
    day: u64,
}

/// [`DAYS`] days from 2026-01-01, a Thursday: quiet weekends, growing business, and days that differ.
fn calendar(random: &mut Random) -> Vec<Day> {
    let mut days = Vec::new();
    let mut end = 0;
    for (month, length) in (1..).zip([31, 28, 31, 30]) {
        for day in 1..=length {
            let index = days.len() as u64;
            let weekday = [100, 104, 62, 55, 96, 98, 101][days.len() % 7];
            let weight = weekday * (300 + index) * (92 + u64::from(random.below(17))) * 1_000;
            days.push(Day { start: end, end: end + weight, month, day });
            end += weight;
        }
    }
    days.truncate(DAYS);
    days
}

impl Generator {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let calendar = calendar(&mut random);
        Self {
            random,
            order: 0,
            lines_left: 0,
            customer: 0,
            region: REGIONS[0],
            currency: "EUR",
            placed_at: *b"2026-01-01T00:00:00Z",
            calendar,
            day: 0,
            next_flaw: 0,
        }
    }

    fn row(&mut self, row: u64, rows: u64, bad: bool, out: &mut Vec<u8>) {
        if self.lines_left == 0 {
            self.next_order(row, rows);
        }
        self.lines_left -= 1;
        if bad {
            let flaw = FLAWS[self.next_flaw % FLAWS.len()];
            self.next_flaw += 1;
            self.bad_line(flaw, out);
        } else {
            self.good_line(out);
        }
    }

    fn next_order(&mut self, row: u64, rows: u64) {
        self.order += 1;
        self.lines_left = 1 + self.random.below(4).min(self.random.below(4));
        // The cube makes the first customers buy far more often than the last.
        let draw = self.random.unit();
        self.customer = scale(draw * draw * draw, CUSTOMERS);
        let draw = self.random.unit();
        self.region = REGIONS[scale(draw * draw, 6) as usize];
        self.currency = match self.random.below(64) {
            0 => "JPY",
            1 => "GBP",
            2..=4 => "USD",
            _ => "EUR",
        };
        self.set_time(row, rows);
    }

    /// Time passes evenly through the weight of the days, so that busy days get more orders.
    fn set_time(&mut self, row: u64, rows: u64) {
        let total = u128::from(self.calendar[self.calendar.len() - 1].end);
        let at = u64::try_from(u128::from(row) * total / u128::from(rows.max(1))).unwrap_or(0);
        while at >= self.calendar[self.day].end {
            self.day += 1;
        }
        let Day { start, end, month, day } = self.calendar[self.day];
        let second = (at - start) * DAY_SECONDS / (end - start);
        two_digits(&mut self.placed_at[5..7], month);
        two_digits(&mut self.placed_at[8..10], day);
        two_digits(&mut self.placed_at[11..13], second / 3600);
        two_digits(&mut self.placed_at[14..16], second / 60 % 60);
        two_digits(&mut self.placed_at[17..19], second % 60);
    }

    fn good_line(&mut self, out: &mut Vec<u8>) {
        let sku = self.sku();
        let quantity = 1 + self.random.below(5).min(self.random.below(5));
        self.head(sku, out);
        number(out, u64::from(quantity), 1);
        out.push(b',');
        number(out, price(sku), 1);
        out.push(b',');
        out.extend_from_slice(self.currency.as_bytes());
        // Some programs quote; such rows are as good as others.
        let quote: &[u8] = if self.random.below(512) == 0 { b"\"" } else { b"" };
        out.push(b',');
        out.extend_from_slice(quote);
        out.extend_from_slice(self.region.as_bytes());
        out.extend_from_slice(quote);
        out.push(b'\n');
    }

    fn sku(&mut self) -> u32 {
        let draw = self.random.unit();
        scale(draw * draw, SKUS)
    }

    fn head(&self, sku: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(b"ORD-");
        number(out, self.order, 8);
        out.push(b',');
        out.extend_from_slice(&self.placed_at);
        out.extend_from_slice(b",CUST-");
        number(out, u64::from(self.customer) + 1, 5);
        out.extend_from_slice(b",SKU-");
        number(out, u64::from(sku) + 1, 4);
        out.push(b',');
    }

    /// A row with one flaw in it.
    fn bad_line(&mut self, flaw: Flaw, out: &mut Vec<u8>) {
        let sku = self.sku();
        let start = out.len();
        self.head(sku, out);
        let tail = format!("1,{},{},{}\n", price(sku), self.currency, self.region);
        out.extend_from_slice(tail.as_bytes());
        let fields: Vec<&[u8]> = out[start..out.len() - 1].split(|byte| *byte == b',').collect();
        let mut fields: Vec<Vec<u8>> = fields.into_iter().map(<[u8]>::to_vec).collect();
        fields.splice(flaw.first..flaw.end, flaw.fields.iter().map(|field| field.to_vec()));
        out.truncate(start);
        out.extend_from_slice(&fields.join(&b','));
        out.push(b'\n');
    }
}

/// Which fields of a good row to replace, and by what.
#[derive(Clone, Copy)]
struct Flaw {
    first: usize,
    end: usize,
    fields: &'static [&'static [u8]],
}

const fn flaw(first: usize, end: usize, fields: &'static [&'static [u8]]) -> Flaw {
    Flaw { first, end, fields }
}

/// Every reason for which a row is rejected, except a length no test data should have.
const FLAWS: [Flaw; 20] = [
    flaw(7, 8, &[]),
    flaw(8, 8, &[b"surplus"]),
    flaw(0, 1, &[b""]),
    flaw(2, 3, &[b""]),
    flaw(3, 4, &[b" "]),
    flaw(1, 2, &[b"2026-02-30T10:00:00Z"]),
    flaw(1, 2, &[b"2026-02-03 10:00"]),
    flaw(1, 2, &[b"yesterday"]),
    flaw(4, 5, &[b"0"]),
    flaw(4, 5, &[b"1000001"]),
    flaw(4, 5, &[b"two"]),
    flaw(5, 6, &[b"-100"]),
    flaw(5, 6, &[b"12.99"]),
    flaw(4, 6, &[b"1000000", b"9223372036854775807"]),
    flaw(6, 7, &[b"ZZZ"]),
    flaw(6, 7, &[b"eur"]),
    flaw(7, 8, &[b""]),
    flaw(7, 8, &[&[b'x'; 65]]),
    flaw(2, 3, &[b"CUST-\xff\xfe"]),
    flaw(7, 8, &[b"\"eu-west"]),
];

/// Minor units; fixed for a SKU.
fn price(sku: u32) -> u64 {
    let mixed = u64::from(sku + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
    199 + mixed % 200 * 50
}

/// `draw` of 0.0 to below 1.0 as an index below `count`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the product is below `count`")]
fn scale(draw: f64, count: u32) -> u32 {
    ((draw * f64::from(count)) as u32).min(count - 1)
}

fn two_digits(out: &mut [u8], value: u64) {
    let value = u8::try_from(value % 100).unwrap_or(0);
    out.copy_from_slice(&[b'0' + value / 10, b'0' + value % 10]);
}

/// Appends `value` with at least `width` digits.
fn number(out: &mut Vec<u8>, mut value: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while value > 0 || digits.len() - at < width {
        at -= 1;
        digits[at] = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
#[path = "generate/tests.rs"]
mod tests;
