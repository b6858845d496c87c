//! The runbook, as a dashboard of its own: whoever looks at a panel at night has Grafana at hand, and no checkout.

use std::path::Path;

use anyhow::Context;

use crate::paths;

/// Where it is, from the root.
pub const PATH: &str = "docs/runbook.md";
/// The uid of its dashboard.
pub const UID: &str = "keel-runbook";

/// The runbook in parts.
#[derive(Debug)]
pub struct Runbook {
    /// What stands before the first heading.
    pub preamble: String,
    /// Its sections.
    pub sections: Vec<Section>,
}

/// A heading of the second level with what is beneath it.
#[derive(Debug, Default)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// What stands before its first entry.
    pub text: String,
    /// Its entries.
    pub entries: Vec<Entry>,
}

/// What to do about one alert.
#[derive(Debug)]
pub struct Entry {
    /// The alert.
    pub alert: String,
    /// The id of its panel, from its name alone, so that addresses of entries stay valid.
    pub id: u32,
    /// Markdown.
    pub text: String,
}

impl Runbook {
    /// Reads it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(path: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", paths::shown(path)))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut runbook = Self { preamble: String::new(), sections: Vec::new() };
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                runbook.sections.push(Section { title: title.trim().to_owned(), ..Section::default() });
            } else if let (Some(alert), Some(section)) =
                (line.strip_prefix("### "), runbook.sections.last_mut())
            {
                let alert = alert.trim().to_owned();
                section.entries.push(Entry { id: id(&alert), alert, text: String::new() });
            } else if !line.starts_with("# ") {
                let into = match runbook.sections.last_mut() {
                    None => &mut runbook.preamble,
                    Some(section) => {
                        section.entries.last_mut().map_or(&mut section.text, |entry| &mut entry.text)
                    }
                };
                into.push_str(line);
                into.push('\n');
            }
        }
        runbook
    }

    /// The entry of an alert.
    pub fn entry(&self, alert: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.alert == alert)
    }

    /// Every entry.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.sections.iter().flat_map(|section| &section.entries)
    }
}

impl Entry {
    /// Its address in Grafana.
    pub fn url(&self) -> String {
        format!("/d/{UID}?viewPanel=panel-{}", self.id)
    }

    /// Its address in the repository.
    pub fn anchor(&self) -> String {
        format!("{PATH}#{}", self.alert.to_lowercase())
    }
}

/// FNV-1a of the name in 30 bits, above the ids that other panels of the dashboard have.
fn id(alert: &str) -> u32 {
    let hash =
        alert.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    1000 + (hash >> 2)
}

#[cfg(test)]
mod tests {
    use super::{Runbook, id};

    #[test]
    fn the_runbook_falls_into_sections_and_entries() {
        let runbook = Runbook::parse("# T\nbefore\n## S\nabout\n### One\n- a\n### Two\nb\n## E\nend\n");
        assert_eq!(runbook.preamble, "before\n");
        assert_eq!(runbook.sections.len(), 2);
        assert_eq!(runbook.sections[0].text, "about\n");
        let two = runbook.entry("Two").unwrap();
        assert_eq!((two.text.as_str(), two.anchor().as_str()), ("b\n", "docs/runbook.md#two"));
        assert!(runbook.entry("Three").is_none());
        assert_eq!(id("One"), id("One"));
        assert_ne!(id("One"), id("Two"));
    }
}
