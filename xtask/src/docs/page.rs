//! What is in a page: links, headings, code.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The parts of a page that can be held against something.
#[derive(Debug, Default)]
pub struct Page {
    /// The targets of its links, each with its line.
    pub links: Vec<(usize, String)>,
    /// What `#…` may follow its name.
    pub anchors: BTreeSet<String>,
    /// Lines of code blocks, and pieces of code within sentences.
    pub code: Vec<Code>,
}

/// A piece of code.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Its first line in the page.
    pub line: usize,
    /// Lines that go on after a backslash are one.
    pub text: String,
    /// Whether it is of a block, and so to be typed as it is.
    pub block: bool,
}

impl Page {
    /// Reads the Markdown of a page.
    pub fn read(text: &str) -> Self {
        let (mut page, mut heading, mut block) = (Self::default(), None::<String>, None::<(usize, String)>);
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = || text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Link { dest_url, .. }) => page.links.push((line(), dest_url.into_string())),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    let slug = slug(&heading.take().unwrap_or_default());
                    let times = seen.entry(slug.clone()).or_default();
                    page.anchors.insert(if *times == 0 { slug } else { format!("{slug}-{times}") });
                    *times += 1;
                }
                Event::Start(Tag::CodeBlock(_)) => block = Some((line(), String::new())),
                Event::End(TagEnd::CodeBlock) => page.take_block(block.take()),
                Event::Text(words) | Event::Code(words) if heading.is_some() => {
                    heading.get_or_insert_default().push_str(&words);
                }
                Event::Text(words) => {
                    if let Some((_, code)) = &mut block {
                        code.push_str(&words);
                    }
                }
                Event::Code(words) => {
                    page.code.push(Code { line: line(), text: words.into_string(), block: false });
                }
                _ => {}
            }
        }
        page
    }

    /// The lines of a block, with those that go on after a backslash put together.
    fn take_block(&mut self, block: Option<(usize, String)>) {
        let Some((first, text)) = block else { return };
        let mut open: Option<Code> = None;
        for (index, line) in text.lines().enumerate() {
            let begun = line.strip_suffix('\\');
            let part = begun.unwrap_or(line);
            match &mut open {
                Some(code) => code.text = format!("{} {}", code.text.trim_end(), part.trim_start()),
                None => open = Some(Code { line: first + index, text: part.to_owned(), block: true }),
            }
            if begun.is_none() {
                self.code.extend(open.take());
            }
        }
        self.code.extend(open);
    }
}

/// A heading as the forges make an anchor of it.
fn slug(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::Page;

    #[test]
    fn headings_links_and_code_are_read() {
        let page = Page::read(
            "# A `b`: c!\n\n# x\n\n# x\n\nsee [it](d.md#e) and `keel order`\n\n    keel a \\\n      --b\n    keel c\n",
        );
        assert_eq!(page.anchors.iter().map(String::as_str).collect::<Vec<_>>(), ["a-b-c", "x", "x-1"]);
        assert_eq!(page.links, [(7, "d.md#e".to_owned())]);
        let code: Vec<_> = page.code.iter().map(|code| (code.line, code.text.as_str(), code.block)).collect();
        assert_eq!(code, [(7, "keel order", false), (9, "keel a --b", true), (11, "keel c", true)]);
    }
}
