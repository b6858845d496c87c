//! Cuts one row into its fields.
//!
//! Almost every row holds no quote and is cut eight bytes at a time; a row with a quote goes through `csv-core`. Either
//! way a field is a span of some buffer, so nothing is allocated per row.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

use super::key::Field;

const COMMAS: u64 = u64::from_le_bytes([b','; 8]);
const LOW_BITS: u64 = u64::from_le_bytes([0x7f; 8]);

/// The fields of one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a> {
    buffer: &'a [u8],
    spans: &'a [(u32, u32)],
    /// How many fields the row has; may be more than were asked for.
    pub(super) count: usize,
}

impl<'a> Fields<'a> {
    /// Field `index`, which must be below both the asked and the found number of fields.
    #[inline]
    pub(super) fn get(&self, index: usize) -> Field<'a> {
        let (start, end) = self.spans[index];
        Field::new(self.buffer, start as usize, end as usize)
    }
}

/// A row whose quote is still open at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OpenQuote;

/// Cuts rows; keep one per thread.
#[derive(Debug)]
pub(super) struct Splitter {
    spans: Vec<(u32, u32)>,
    reader: Box<Reader>,
    unquoted: Vec<u8>,
    ends: Vec<usize>,
}

impl Splitter {
    /// A splitter that returns at most `fields` fields of a row and counts the rest.
    pub(super) fn new(fields: usize) -> Self {
        let reader = ReaderBuilder::new().terminator(Terminator::Any(b'\n')).build();
        Self { spans: vec![(0, 0); fields], reader: Box::new(reader), unquoted: Vec::new(), ends: Vec::new() }
    }

    /// The fields of the row `buffer[start..end]`, which holds no quote.
    #[inline]
    pub(super) fn plain<'a>(&'a mut self, buffer: &'a [u8], start: usize, end: usize) -> Fields<'a> {
        let mut cut = Cut { spans: &mut self.spans, field: start, count: 0 };
        let mut at = start;
        while at < end {
            let word = match buffer[at..].first_chunk::<8>() {
                Some(chunk) => u64::from_le_bytes(*chunk),
                None => padded(&buffer[at..]),
            };
            let mut hits = zero_bytes(word ^ COMMAS);
            if end - at < 8 {
                hits &= (1 << ((end - at) * 8)) - 1;
            }
            while hits != 0 {
                cut.put(at + (hits.trailing_zeros() / 8) as usize);
                hits &= hits - 1;
            }
            at += 8;
        }
        cut.put(end);
        let count = cut.count;
        Fields { buffer, spans: &self.spans, count }
    }

    /// The fields of a row that holds a quote, unquoted as RFC 4180 has it.
    pub(super) fn quoted(&mut self, row: &[u8]) -> Result<Fields<'_>, OpenQuote> {
        self.unquoted.resize(row.len() + 1, 0);
        self.ends.resize(row.len() + 2, 0);
        self.reader.reset();
        let (_, _, written, ended) = self.reader.read_record(row, &mut self.unquoted, &mut self.ends);
        // Only a row without an open quote lets the newline that follows end the record.
        let (result, _, _, last) =
            self.reader.read_record(b"\n", &mut self.unquoted[written..], &mut self.ends[ended..]);
        if result != ReadRecordResult::Record {
            return Err(OpenQuote);
        }
        let count = ended + last;
        let mut start = 0;
        for (span, end) in self.spans.iter_mut().zip(&self.ends[..count]) {
            *span = (narrow(start), narrow(*end));
            start = *end;
        }
        Ok(Fields { buffer: &self.unquoted, spans: &self.spans, count })
    }
}

struct Cut<'a> {
    spans: &'a mut [(u32, u32)],
    field: usize,
    count: usize,
}

impl Cut<'_> {
    #[inline]
    fn put(&mut self, end: usize) {
        if let Some(span) = self.spans.get_mut(self.count) {
            *span = (narrow(self.field), narrow(end));
        }
        self.count += 1;
        self.field = end + 1;
    }
}

/// Buffers are bounded by the row limit, far below 4 GiB.
#[inline]
#[expect(clippy::cast_possible_truncation, reason = "a buffer is a segment and one row, at most 65 MiB")]
const fn narrow(at: usize) -> u32 {
    at as u32
}

/// The high bit of every byte of `word` that is zero, exactly.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    !(((word & LOW_BITS) + LOW_BITS) | word | LOW_BITS)
}

#[cold]
fn padded(tail: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..tail.len()].copy_from_slice(tail);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{OpenQuote, Splitter};

    fn plain(row: &[u8]) -> Vec<Vec<u8>> {
        let mut splitter = Splitter::new(64);
        let fields = splitter.plain(row, 0, row.len());
        (0..fields.count).map(|i| fields.get(i).bytes().to_vec()).collect()
    }

    fn quoted(row: &[u8]) -> Result<Vec<Vec<u8>>, OpenQuote> {
        let mut splitter = Splitter::new(64);
        let fields = splitter.quoted(row)?;
        Ok((0..fields.count).map(|i| fields.get(i).bytes().to_vec()).collect())
    }

    #[test]
    fn quotes_follow_rfc_4180_inside_a_row() {
        assert_eq!(
            quoted(br#"a,"b,""c""",d"#).unwrap(),
            [b"a".to_vec(), br#"b,"c""#.to_vec(), b"d".to_vec()]
        );
        assert_eq!(quoted(br#""""#).unwrap(), [b"".to_vec()]);
        assert_eq!(quoted(br#"a,"b"#), Err(OpenQuote));
        assert_eq!(quoted(b"a,\"b\rc\",\"").unwrap_err(), OpenQuote);
    }

    #[test]
    fn more_fields_than_asked_for_are_counted() {
        let mut splitter = Splitter::new(2);
        assert_eq!(splitter.plain(b"a,b,c,d", 0, 7).count, 4);
        assert_eq!(splitter.quoted(b"\"a\",b,c,d").unwrap().count, 4);
    }

    proptest! {
        #[test]
        fn plain_rows_are_cut_at_every_comma(row in proptest::collection::vec(prop_oneof![Just(b','), 0x20..0x7f_u8, any::<u8>()], 0..60)) {
            prop_assume!(row.iter().filter(|b| **b == b',').count() < 60);
            let expected: Vec<Vec<u8>> = row.split(|b| *b == b',').map(<[u8]>::to_vec).collect();
            prop_assert_eq!(plain(&row), expected);
        }
    }
}
