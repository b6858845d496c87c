//! The one thing of an X.509 certificate that is of interest here: when it ends.

use std::time::{Duration, SystemTime};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;

/// When the certificate in `der` ends; `None` if that cannot be read.
pub(super) fn expires(der: &[u8]) -> Option<SystemTime> {
    let (_, certificate, _) = element(der)?;
    let (_, mut fields, _) = element(certificate)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.2;
    }
    // Serial number, signature algorithm and issuer stand before the validity.
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (tag, validity, _) = element(fields)?;
    if tag != SEQUENCE {
        return None;
    }
    let (_, _, rest) = element(validity)?;
    let (tag, end, _) = element(rest)?;
    time(tag, std::str::from_utf8(end).ok()?)
}

/// Tag, content and what follows of the first DER element.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let count = usize::from(first & 0x7f);
        if !(1..=4).contains(&count) || rest.len() < count {
            return None;
        }
        let (bytes, rest) = rest.split_at(count);
        (bytes.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte)), rest)
    };
    (rest.len() >= length).then(|| (tag, &rest[..length], &rest[length..]))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, always UTC.
fn time(tag: u8, text: &str) -> Option<SystemTime> {
    let digits = text.strip_suffix('Z').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i64 = digits[..2].parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, &digits[2..])
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i64>().ok();
    let days = days_since_1970(year, part(0)?, part(2)?);
    let seconds = ((days * 24 + part(4)?) * 60 + part(6)?) * 60 + part(8)?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).ok()?))
}

/// The calendar counted in years that begin in March, so that leap days come last.
const fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use super::{GENERALIZED_TIME, UTC_TIME, expires, time};

    const ENDS_2036: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBmDCCAT+gAwIBAgIUU+xbk8Ug4tpczjAoQypDm6htFOQwCgYIKoZIzj0EAwIw\n\
FDESMBAGA1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyMjE4MTAzOFoXDTM2MTExOTE4\n\
MTAzOFowFDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0D\n\
AQcDQgAE+53bGIeE3WlVc80HTaMloVoo/xZ/Qz23Ffg+Go7Vu3Z8Xcjs92TXghMV\n\
viRT5Z/WVxdBhqvennu47yACY8mjwKNvMG0wHQYDVR0OBBYEFLLukcsvokDJ9Y/6\n\
WrIvxYGpXK1lMB8GA1UdIwQYMBaAFLLukcsvokDJ9Y/6WrIvxYGpXK1lMA8GA1Ud\n\
EwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoGCCqGSM49\n\
BAMCA0cAMEQCIH7ZQThfoHBbOBW4c7Ih1QUlBfmLtfIHWZ4VuXaj/9ZeAiAZMvRQ\n\
iR9+Ri1GA3nU3djJ62bXrsLYzcPeVPoz5lpD8Q==\n\
-----END CERTIFICATE-----\n";

    fn unix(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn the_end_of_a_certificate_is_read() {
        let der = CertificateDer::from_pem_slice(ENDS_2036.as_bytes()).unwrap();
        // 2036-11-19T18:10:38Z
        assert_eq!(expires(&der), Some(unix(2_110_731_038)));
        for cut in 0..der.len().min(200) {
            // Whatever is missing, nothing panics.
            expires(&der[..cut]);
        }
    }

    #[test]
    fn both_ways_to_write_a_time_are_understood() {
        assert_eq!(time(UTC_TIME, "700101000000Z"), Some(unix(0)));
        assert_eq!(time(GENERALIZED_TIME, "20240229120000Z"), Some(unix(1_709_208_000)));
        assert_eq!(time(UTC_TIME, "7001010000Z"), None);
        assert_eq!(time(GENERALIZED_TIME, "2024022912000ßZ"), None);
    }
}
