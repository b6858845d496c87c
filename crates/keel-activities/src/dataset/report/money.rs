//! Amounts and numbers for people.

use iso_currency::Currency;

/// How amounts of one currency are written.
#[derive(Clone, Debug)]
pub(super) struct Money {
    code: String,
    /// Digits after the point.
    exponent: usize,
}

impl Money {
    pub(super) fn of(code: &str) -> Self {
        let exponent = Currency::from_code(code).and_then(Currency::exponent).unwrap_or(2);
        Self { code: code.to_owned(), exponent: exponent.into() }
    }

    pub(super) fn code(&self) -> &str {
        &self.code
    }

    /// `1,234,567.89`
    pub(super) fn amount(&self, minor: u128) -> String {
        let unit = 10_u128.pow(u32::try_from(self.exponent).unwrap_or(0));
        let whole = grouped(minor / unit);
        if self.exponent == 0 {
            return whole;
        }
        format!("{whole}.{:0width$}", minor % unit, width = self.exponent)
    }

    /// `EUR 1,234,567.89`, with a space that does not break.
    pub(super) fn long(&self, minor: u128) -> String {
        format!("{}\u{a0}{}", self.code, self.amount(minor))
    }

    /// `1.2M`: three digits at most, for axes and bars.
    pub(super) fn short(&self, minor: u128) -> String {
        let unit = 10_u128.pow(u32::try_from(self.exponent).unwrap_or(0));
        let value = minor as f64 / unit as f64;
        let (divisor, suffix) = match value {
            v if v >= 999.5e9 => (1e12, "T"),
            v if v >= 999.5e6 => (1e9, "B"),
            v if v >= 999.5e3 => (1e6, "M"),
            v if v >= 999.5 => (1e3, "k"),
            _ => (1.0, ""),
        };
        let scaled = value / divisor;
        let digits = usize::from(scaled < 99.95);
        let text = format!("{scaled:.digits$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text}{suffix}")
    }
}

/// The name of a currency in English.
pub(super) fn name(code: &str) -> String {
    Currency::from_code(code).map_or_else(String::new, |currency| currency.name().to_owned())
}

/// `1,234,567`
pub(super) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A share with one decimal.
pub(super) fn percent(part: u128, whole: u128) -> String {
    if whole == 0 {
        return "0 %".to_owned();
    }
    format!("{:.1} %", part as f64 * 100.0 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::{Money, grouped, percent};

    #[test]
    fn amounts_follow_the_exponent_of_their_currency() {
        assert_eq!(Money::of("EUR").amount(123_456_789), "1,234,567.89");
        assert_eq!(Money::of("JPY").amount(1_234_567), "1,234,567");
        assert_eq!(Money::of("KWD").amount(1_234_567), "1,234.567");
        assert_eq!(Money::of("EUR").amount(5), "0.05");
    }

    #[test]
    fn short_amounts_have_a_suffix() {
        let money = Money::of("EUR");
        let short: Vec<_> = [0, 50, 12_300, 99_960, 123_456, 1_000_000, 99_999_900, 123_456_789_000]
            .iter()
            .map(|a| money.short(*a))
            .collect();
        assert_eq!(short, ["0", "0.5", "123", "1k", "1.2k", "10k", "1M", "1.2B"]);
    }

    #[test]
    fn numbers_are_grouped_and_shares_have_one_decimal() {
        assert_eq!(
            (grouped(0), grouped(999), grouped(1_000), grouped(1_234_567)),
            ("0".into(), "999".into(), "1,000".into(), "1,234,567".into())
        );
        assert_eq!((percent(1, 3), percent(0, 0)), ("33.3 %".into(), "0 %".into()));
    }
}
