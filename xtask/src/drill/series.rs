//! The numbers in a page of metrics.

use anyhow::Context;

/// A page in the text format of Prometheus.
#[derive(Debug)]
pub struct Page(pub String);

impl Page {
    /// The sum of every sample of this name whose labels are among others these.
    ///
    /// # Errors
    /// When a sample of that name has no number.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> anyhow::Result<f64> {
        let wanted: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let mut sum = 0.0;
        for line in self.0.lines() {
            let Some(rest) = line.strip_prefix(name) else { continue };
            let (found, value) = match rest.strip_prefix('{') {
                Some(rest) => rest.split_once('}').with_context(|| format!("a broken sample: {line}"))?,
                None if rest.starts_with(' ') => ("", rest),
                // A longer name.
                None => continue,
            };
            if wanted.iter().all(|label| found.split(',').any(|one| one.trim() == label)) {
                let value = value.split_whitespace().next().unwrap_or_default();
                sum += value.parse::<f64>().with_context(|| format!("a sample without a number: {line}"))?;
            }
        }
        Ok(sum)
    }

    /// [`Page::sum`] of something that is counted.
    ///
    /// # Errors
    /// As there.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> anyhow::Result<u64> {
        let sum = self.sum(name, labels)?;
        // Counts are far below 2^53, where every whole number is exact.
        format!("{sum:.0}").parse().with_context(|| format!("{name} is not a count: {sum}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn samples_are_picked_by_name_and_labels_and_summed() {
        let page = Page(
            "# TYPE a_total counter\na_total{x=\"1\",y=\"2\"} 3\na_total{y=\"3\",x=\"1\"} 4 1700000000\n\
             a_total_more 100\na_total 0.5\n"
                .to_owned(),
        );
        assert_eq!(page.count("a_total", &[("x", "1")]).unwrap(), 7);
        assert_eq!(page.count("a_total", &[("x", "1"), ("y", "2")]).unwrap(), 3);
        assert!((page.sum("a_total", &[]).unwrap() - 7.5).abs() < 1e-9);
        assert_eq!(page.count("absent", &[]).unwrap(), 0);
    }
}
