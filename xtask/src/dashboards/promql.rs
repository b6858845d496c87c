//! The names of series in a query. Prometheus itself holds queries to their syntax; this only finds names.

/// Words that stand where a name could.
const WORDS: [&str; 26] = [
    "and",
    "or",
    "unless",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "group_right",
    "offset",
    "bool",
    "sum",
    "min",
    "max",
    "avg",
    "count",
    "group",
    "stddev",
    "stdvar",
    "topk",
    "bottomk",
    "quantile",
    "count_values",
    "inf",
    "nan",
    "atan2",
];
/// Words before a list of labels.
const BEFORE_LABELS: [&str; 6] = ["by", "without", "on", "ignoring", "group_left", "group_right"];

/// Every name of a series in `query`, in order.
pub fn names(query: &str) -> Vec<&str> {
    let (mut names, mut rest, mut last) = (Vec::new(), query, "");
    while let Some(first) = rest.chars().next() {
        let len = match first {
            '"' | '\'' | '`' => quoted(rest, first),
            '{' => enclosed(rest, '}'),
            '[' => enclosed(rest, ']'),
            '(' if BEFORE_LABELS.contains(&last) => enclosed(rest, ')'),
            _ if is_name(first) || first.is_ascii_digit() || first == '$' => {
                rest.find(|c: char| !is_name(c) && !c.is_ascii_digit() && c != '$').unwrap_or(rest.len())
            }
            _ => first.len_utf8(),
        };
        let (token, after) = rest.split_at(len);
        if is_name(first) && !WORDS.contains(&token.to_ascii_lowercase().as_str()) {
            let is_call = after.trim_start().starts_with('(');
            if !is_call {
                names.push(token);
            }
        }
        if !token.trim().is_empty() {
            last = token;
        }
        rest = after;
    }
    names
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == ':'
}

/// The length of the text in quotes that `rest` begins with.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' if quote != '`' => escaped = true,
            _ if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The length of the text in brackets that `rest` begins with.
fn enclosed(rest: &str, end: char) -> usize {
    let mut at = 1;
    while let Some(c) = rest[at..].chars().next() {
        if c == end {
            return at + c.len_utf8();
        }
        at += if matches!(c, '"' | '\'' | '`') { quoted(&rest[at..], c) } else { c.len_utf8() };
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn only_series_are_names() {
        let query = r#"histogram_quantile(0.99, sum by (le, build_id) (rate(a_bucket{x=~"b|}c"}[$__rate_interval]) * on
            (instance) group_left (build_id) max by (instance) (d:e_total{job="f"} offset 5m))) or vector(0) > 1e3"#;
        assert_eq!(names(query), ["a_bucket", "d:e_total"]);
        assert_eq!(names("topk(5, up) == 0 unless ALERTS"), ["up", "ALERTS"]);
    }
}
