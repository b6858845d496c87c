//! Everything wrong with the settings, told at once.

/// All mistakes found while loading settings, one sentence each. Programs print it and exit with code 64.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct ConfigProblems(Vec<String>);

impl ConfigProblems {
    /// The problems, in the order they were found; `None` if there are none.
    #[must_use]
    pub fn from_lines(lines: Vec<String>) -> Option<Self> {
        (!lines.is_empty()).then_some(Self(lines))
    }

    /// One sentence per problem, each naming the key, the source and the remedy.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.0
    }
}

/// The known key most like `key`, if one is close enough to be a likely slip.
pub(crate) fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a str> {
    let last = key.rsplit('.').next().unwrap_or(key);
    known
        .iter()
        .map(|candidate| {
            let candidate_last = candidate.rsplit('.').next().unwrap_or(candidate);
            // The right name under the wrong section is as likely a slip as a misspelling.
            let distance = if last == candidate_last {
                2.min(distance(key, candidate))
            } else {
                distance(key, candidate)
            };
            (distance, candidate.as_str())
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 4).max(2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits (insert, remove, replace one byte) that turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, left) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, right) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(left != right);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["temporal.address", "temporal.namespace", "worker.task_queue"].map(str::to_owned);
        assert_eq!(nearest("temporal.adress", &known), Some("temporal.address"));
        assert_eq!(nearest("client.task_queue", &known), Some("worker.task_queue"));
        assert_eq!(nearest("something.else_entirely", &known), None);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
