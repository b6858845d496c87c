//! The delivered alert rules on a faster clock.
//!
//! A test cannot wait for a quarter of an hour. So every duration in a rule file is divided by one number, and nothing else
//! changes: expressions, thresholds and labels are those of production.

use std::time::Duration;

/// What stands before a duration in a rule file.
const BEFORE: [&str; 3] = ["for: ", "interval: ", "offset "];

/// `text` with every duration divided by `factor`.
pub(crate) fn faster(text: &str, factor: u32) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let len = duration_after(&out, rest);
        match len.and_then(|len| parse(&rest[..len]).map(|duration| (len, duration))) {
            Some((len, duration)) => {
                out.push_str(&format!("{}ms", (duration / factor).as_millis().max(1)));
                rest = &rest[len..];
            }
            None => {
                let next = rest.chars().next().expect("the rest is not empty");
                out.push(next);
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    out
}

/// The length of the duration at the start of `rest`, if it stands where rules have one.
fn duration_after(before: &str, rest: &str) -> Option<usize> {
    let len = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let in_range = before.ends_with('[') && rest[len..].starts_with(']');
    (len > 0 && (in_range || BEFORE.iter().any(|words| before.ends_with(words)))).then_some(len)
}

/// Reads `90s`, `5m` or `6h`; ranges in rules have one unit each.
fn parse(text: &str) -> Option<Duration> {
    let seconds = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3600,
        _ => return None,
    };
    Some(Duration::from_secs(text[..text.len() - 1].parse::<u64>().ok()? * seconds))
}

#[cfg(test)]
mod tests {
    use super::faster;

    #[test]
    fn only_durations_change() {
        let rule = "- alert: A\n  expr: rate(a_total{b=\"5m\"}[5m]) > 10 or (a unless a offset 6h) > 1800\n  for: 15m\n  \
                    labels:\n    note: for 5m [x]\n";
        let expected = "- alert: A\n  expr: rate(a_total{b=\"5m\"}[5000ms]) > 10 or (a unless a offset 360000ms) > \
                        1800\n  for: 15000ms\n  labels:\n    note: for 5m [x]\n";
        assert_eq!(faster(rule, 60), expected);
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        let text = "interval: 30s\nselector[a] {x=~\"[0-9]+s\"} ü offset\n";
        assert_eq!(faster(text, 1), text.replace("30s", "30000ms"));
    }
}
