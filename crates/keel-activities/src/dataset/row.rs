//! One row: what a good order line looks like, and every reason to reject a bad one.

use keel_types::order::{MAX_ID_BYTES, MAX_QUANTITY};

use super::columns::{self, Columns};
use super::key::Field;
use super::split::{Fields, Splitter};
use super::time::{DATE, DayCache};

/// Longest region name in bytes.
pub(super) const MAX_REGION_BYTES: usize = 64;

/// Why a row does not count. The text form is the `reason` of `rejects.csv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Reason {
    #[error("the row is longer than {0} bytes")]
    TooLong(usize),
    #[error("the row is not valid UTF-8")]
    NotUtf8,
    #[error("a quote is not closed before the end of the row")]
    OpenQuote,
    #[error("expected {expected} columns but found {found}")]
    ColumnCount { expected: usize, found: usize },
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("{0} is longer than {1} bytes")]
    LongText(&'static str, usize),
    #[error("placed_at is not a UTC time such as 2026-01-31T23:59:59Z")]
    PlacedAt,
    #[error("quantity is not a whole number from 1 to {MAX_QUANTITY}")]
    Quantity,
    #[error("unit_price_minor is negative")]
    NegativePrice,
    #[error("unit_price_minor is not a whole number of minor units up to {}", i64::MAX)]
    Price,
    #[error("currency is not an ISO 4217 code such as EUR")]
    Currency,
    #[error("quantity times unit_price_minor is larger than {}", i64::MAX)]
    Amount,
}

/// A row that counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct OrderLine<'a> {
    /// The day in UTC, as yyyy-mm-dd.
    pub(super) day: Field<'a>,
    pub(super) customer: Field<'a>,
    pub(super) sku: Field<'a>,
    pub(super) region: Field<'a>,
    pub(super) currency: [u8; 3],
    pub(super) quantity: u32,
    /// Quantity times price, in minor units of the currency; 0 to `i64::MAX`.
    pub(super) amount: u64,
}

/// What is known about all rows of a span of the file before they are looked at one by one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Traits {
    /// Every byte is ASCII.
    pub(super) ascii: bool,
    /// Some byte is a quote.
    pub(super) quotes: bool,
}

impl Traits {
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self { ascii: bytes.is_ascii(), quotes: memchr::memchr(b'"', bytes).is_some() }
    }
}

/// Reads rows of one file; keep one per thread.
#[derive(Debug)]
pub(super) struct RowParser {
    columns: Columns,
    splitter: Splitter,
    values: Values,
}

#[derive(Debug)]
struct Values {
    day: DayCache,
    currency: [u8; 3],
    currencies: Vec<[u8; 3]>,
}

impl RowParser {
    pub(super) fn new(columns: &Columns) -> Self {
        let values = Values { day: DayCache::default(), currency: *b"EUR", currencies: Vec::new() };
        Self { columns: columns.clone(), splitter: Splitter::new(columns.count), values }
    }

    /// Reads the row `buffer[start..end]`, which has no line end.
    #[inline]
    pub(super) fn parse<'a>(
        &'a mut self,
        buffer: &'a [u8],
        start: usize,
        end: usize,
        traits: Traits,
    ) -> Result<OrderLine<'a>, Reason> {
        if !traits.ascii && std::str::from_utf8(&buffer[start..end]).is_err() {
            return Err(Reason::NotUtf8);
        }
        let fields = if traits.quotes && memchr::memchr(b'"', &buffer[start..end]).is_some() {
            self.splitter.quoted(&buffer[start..end]).map_err(|_| Reason::OpenQuote)?
        } else {
            self.splitter.plain(buffer, start, end)
        };
        if fields.count != self.columns.count {
            return Err(Reason::ColumnCount { expected: self.columns.count, found: fields.count });
        }
        self.values.read(fields, &self.columns.position)
    }
}

impl Values {
    #[inline]
    fn read<'a>(&mut self, fields: Fields<'a>, at: &[usize; 8]) -> Result<OrderLine<'a>, Reason> {
        text(fields.get(at[columns::ORDER_ID]), "order_id", MAX_ID_BYTES)?;
        let placed_at = fields.get(at[columns::PLACED_AT]);
        if !self.day.accepts(placed_at.bytes()) {
            return Err(Reason::PlacedAt);
        }
        let customer = text(fields.get(at[columns::CUSTOMER_ID]), "customer_id", MAX_ID_BYTES)?;
        let sku = text(fields.get(at[columns::SKU]), "sku", MAX_ID_BYTES)?;
        let quantity = quantity(fields.get(at[columns::QUANTITY]).bytes()).ok_or(Reason::Quantity)?;
        let price = price(fields.get(at[columns::UNIT_PRICE]).bytes())?;
        let currency = self.currency(fields.get(at[columns::CURRENCY]).bytes()).ok_or(Reason::Currency)?;
        let region = text(fields.get(at[columns::REGION]), "region", MAX_REGION_BYTES)?;
        let amount = price
            .checked_mul(u64::from(quantity))
            .filter(|amount| i64::try_from(*amount).is_ok())
            .ok_or(Reason::Amount)?;
        Ok(OrderLine { day: placed_at.first(DATE), customer, sku, region, currency, quantity, amount })
    }

    /// A code of the ISO 4217 list. The last good one is remembered, and so are the few others a file has.
    #[inline]
    fn currency(&mut self, code: &[u8]) -> Option<[u8; 3]> {
        let code = *code.first_chunk::<3>().filter(|_| code.len() == 3)?;
        if code != self.currency {
            if !self.currencies.contains(&code) {
                iso_currency::Currency::from_code(std::str::from_utf8(&code).ok()?)?;
                self.currencies.push(code);
            }
            self.currency = code;
        }
        Some(code)
    }
}

#[inline]
fn text<'a>(field: Field<'a>, name: &'static str, most: usize) -> Result<Field<'a>, Reason> {
    let bytes = field.bytes();
    match bytes.first() {
        Some(first) if *first > b' ' && bytes.len() <= most => Ok(field),
        _ => odd_text(field, name, most),
    }
}

/// The rare cases: nothing, too much, or something that starts with a blank.
#[cold]
fn odd_text<'a>(field: Field<'a>, name: &'static str, most: usize) -> Result<Field<'a>, Reason> {
    if field.bytes().trim_ascii().is_empty() {
        Err(Reason::Empty(name))
    } else if field.len() > most {
        Err(Reason::LongText(name, most))
    } else {
        Ok(field)
    }
}

#[inline]
fn quantity(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 7 {
        return None;
    }
    let mut value = 0;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    (1..=MAX_QUANTITY).contains(&value).then_some(value)
}

#[inline]
fn price(digits: &[u8]) -> Result<u64, Reason> {
    if digits.is_empty() || digits.len() > 19 {
        return Err(odd_price(digits));
    }
    let mut value = 0_u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(odd_price(digits));
        }
        // 19 digits are below 10^19, which fits.
        value = value * 10 + u64::from(digit);
    }
    if i64::try_from(value).is_ok() { Ok(value) } else { Err(Reason::Price) }
}

#[cold]
fn odd_price(digits: &[u8]) -> Reason {
    match digits.strip_prefix(b"-") {
        Some(rest) if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => Reason::NegativePrice,
        _ => Reason::Price,
    }
}

#[cfg(test)]
#[path = "tests/row.rs"]
mod tests;
