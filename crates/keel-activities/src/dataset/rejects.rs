//! `rejects.csv`: every row that does not count, with its line number and the reason.

use std::io::{self, Write};

use super::row::Reason;

/// The first line of the file.
pub(super) const HEADER: &str = "line,reason,row\n";
/// How much of a bad row is kept, in bytes.
const EXCERPT: usize = 200;

/// The rejected rows of one segment, as text that only lacks the line numbers.
#[derive(Debug, Default)]
pub(super) struct SegmentRejects {
    /// For each row: its line counted from the segment's first, and where its text ends.
    rows: Vec<(u32, u32)>,
    text: Vec<u8>,
}

impl SegmentRejects {
    /// Notes a bad row.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a segment has at most 128 Ki rows of at most 500 bytes of text"
    )]
    pub(super) fn push(&mut self, line: u64, reason: Reason, row: &[u8]) {
        // Writing to a Vec cannot fail.
        let _ = write!(self.text, ",{reason},\"");
        excerpt(row, &mut self.text);
        self.text.extend_from_slice(b"\"\n");
        self.rows.push((line as u32, self.text.len() as u32));
    }

    pub(super) fn len(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The first bad row: its line counted from the segment's first, and the reason.
    pub(super) fn first(&self) -> Option<(u64, String)> {
        let (line, end) = self.rows.first()?;
        let text = String::from_utf8_lossy(&self.text[..*end as usize]);
        Some((u64::from(*line), text.split(',').nth(1).unwrap_or_default().to_owned()))
    }

    /// Bytes of memory, roughly.
    pub(super) fn size(&self) -> usize {
        self.text.len() + self.rows.len() * 8
    }

    /// Writes the rows; `first_line` is the number of the segment's first line. Returns the bytes written.
    pub(super) fn write(&self, first_line: u64, out: &mut impl Write) -> io::Result<u64> {
        let mut start = 0;
        let mut digits = 0;
        for (line, end) in &self.rows {
            let number = (first_line + u64::from(*line)).to_string();
            out.write_all(number.as_bytes())?;
            out.write_all(&self.text[start..*end as usize])?;
            digits += number.len();
            start = *end as usize;
        }
        Ok((digits + self.text.len()) as u64)
    }
}

/// The first bytes of a row, as valid UTF-8 inside of quotes.
fn excerpt(row: &[u8], out: &mut Vec<u8>) {
    let cut = &row[..row.len().min(EXCERPT)];
    let mut left = cut.len();
    for chunk in cut.utf8_chunks() {
        left -= chunk.valid().len() + chunk.invalid().len();
        for part in chunk.valid().split_inclusive('"') {
            out.extend_from_slice(part.as_bytes());
            if part.ends_with('"') {
                out.push(b'"');
            }
        }
        let cut_character = left == 0 && row.len() > EXCERPT;
        if !chunk.invalid().is_empty() && !cut_character {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::SegmentRejects;
    use crate::dataset::row::Reason;

    fn written(row: &[u8]) -> String {
        let mut rejects = SegmentRejects::default();
        rejects.push(3, Reason::NotUtf8, row);
        let mut out = Vec::new();
        let bytes = rejects.write(10, &mut out).unwrap();
        assert_eq!(bytes, out.len() as u64);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_quoted_lossy_and_cut_between_characters() {
        assert_eq!(written(b"a,\"b\"\xff,c"), "13,the row is not valid UTF-8,\"a,\"\"b\"\"\u{fffd},c\"\n");
        let long = [&[b'x'; 199][..], "é".as_bytes(), b"yyy"].concat();
        assert_eq!(written(&long), format!("13,the row is not valid UTF-8,\"{}\"\n", "x".repeat(199)));
        let exact = [&[b'x'; 198][..], "é".as_bytes()].concat();
        assert_eq!(written(&exact), format!("13,the row is not valid UTF-8,\"{}é\"\n", "x".repeat(198)));
    }
}
