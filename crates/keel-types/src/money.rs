//! Amounts of money for people. On the wire and in the store they are always integers in minor units.

/// An amount in minor units with its currency, such as `25.00 EUR`. A currency that is not in ISO 4217 is shown with the
/// bare number.
#[must_use]
pub fn plain(minor: i64, currency: &str) -> String {
    let exponent = iso_currency::Currency::from_code(currency).and_then(iso_currency::Currency::exponent);
    let Some(digits @ 1..) = exponent.map(usize::from) else {
        return format!("{minor} {currency}");
    };
    let sign = if minor < 0 { "-" } else { "" };
    let text = format!("{:0>width$}", minor.unsigned_abs(), width = digits + 1);
    let (whole, part) = text.split_at(text.len() - digits);
    format!("{sign}{whole}.{part} {currency}")
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn money_has_the_digits_of_its_currency() {
        assert_eq!(plain(2500, "EUR"), "25.00 EUR");
        assert_eq!(plain(5, "EUR"), "0.05 EUR");
        assert_eq!(plain(-1234, "USD"), "-12.34 USD");
        assert_eq!(plain(2500, "JPY"), "2500 JPY");
        assert_eq!(plain(2500, "???"), "2500 ???");
        assert_eq!(plain(i64::MIN, "EUR"), "-92233720368547758.08 EUR");
    }
}
