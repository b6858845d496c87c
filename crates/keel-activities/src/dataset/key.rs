//! Grouping keys: a field of a row, and the same field packed into one integer when it is short.

/// Longest field that fits into a [`u128`] beside its length.
pub(super) const SHORT: usize = 15;

/// One field of a row, as a span of the buffer it stands in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    buffer: &'a [u8],
    start: usize,
    end: usize,
}

impl<'a> Field<'a> {
    #[inline]
    pub(super) const fn new(buffer: &'a [u8], start: usize, end: usize) -> Self {
        Self { buffer, start, end }
    }

    /// The bytes of the field.
    #[inline]
    pub(super) fn bytes(&self) -> &'a [u8] {
        &self.buffer[self.start..self.end]
    }

    /// How many bytes the field has.
    #[inline]
    pub(super) const fn len(&self) -> usize {
        self.end - self.start
    }

    /// The first `length` bytes of the field.
    #[inline]
    pub(super) const fn first(&self, length: usize) -> Self {
        Self { buffer: self.buffer, start: self.start, end: self.start + length }
    }

    /// The field packed into an integer; only for fields of at most [`SHORT`] bytes.
    ///
    /// Reading past the field's end inside the buffer and masking is what makes this a load and two operations.
    #[inline]
    pub(super) fn packed(&self) -> u128 {
        let len = self.len();
        debug_assert!(len <= SHORT);
        let word = match self.buffer[self.start..].first_chunk::<16>() {
            Some(chunk) => u128::from_le_bytes(*chunk) & ((1 << (len * 8)) - 1),
            None => load(self.bytes()),
        };
        word | ((len as u128) << 120)
    }
}

#[cold]
fn load(bytes: &[u8]) -> u128 {
    let mut word = [0; 16];
    word[..bytes.len()].copy_from_slice(bytes);
    u128::from_le_bytes(word)
}

/// Packs text of at most [`SHORT`] bytes.
pub(super) fn pack(text: &str) -> u128 {
    Field::new(text.as_bytes(), 0, text.len()).packed()
}

/// A key that was stored, as text again. Nothing is allocated for a short one.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'a> {
    Short([u8; 16]),
    Long(&'a str),
}

impl Key<'_> {
    pub(super) const fn unpack(packed: u128) -> Self {
        Self::Short(packed.to_le_bytes())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Self::Short(bytes) => &bytes[..usize::from(bytes[SHORT]).min(SHORT)],
            Self::Long(text) => text.as_bytes(),
        }
    }

    /// The text; keys come from rows that were checked to be UTF-8.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Field, Key, SHORT, pack};

    proptest! {
        #[test]
        fn packing_keeps_the_text_wherever_it_stands(before in ".{0,20}", text in "[a-zA-Z0-9é-]{0,10}", after in ".{0,20}") {
            prop_assume!(text.len() <= SHORT);
            let buffer = format!("{before}{text}{after}");
            let field = Field::new(buffer.as_bytes(), before.len(), before.len() + text.len());
            prop_assert_eq!(field.packed(), pack(&text));
            let unpacked = Key::unpack(field.packed());
            prop_assert_eq!(unpacked.text(), text);
        }
    }
}
