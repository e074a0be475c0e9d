//! The wire format: keys, varints, delimited fields, groups. Knows no message.

use bumpalo::collections::Vec as BumpVec;

use super::{DecodeError, Decoder};

/// Groups in an unknown field may nest this deep.
const GROUP_DEPTH: u32 = 100;
const MAX_FIELD: u64 = (1 << 29) - 1;

/// How a field's bytes are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Delimited,
    StartGroup,
    EndGroup,
    Fixed32,
}

/// A field key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) field: u32,
    pub(super) wire: Wire,
}

/// Reads fields from the front of a slice.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field's key; `None` at the end of the message.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<Key>, DecodeError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let raw = self.varint()?;
        let field = raw >> 3;
        let wire = match raw & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Delimited,
            3 => Wire::StartGroup,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            _ => return Err(DecodeError::Key(raw)),
        };
        if field == 0 || field > MAX_FIELD {
            return Err(DecodeError::Key(raw));
        }
        Ok(Some(Key { field: field as u32, wire }))
    }

    #[inline]
    fn varint(&mut self) -> Result<u64, DecodeError> {
        match self.rest.split_first() {
            Some((&byte, rest)) if byte < 0x80 => {
                self.rest = rest;
                Ok(u64::from(byte))
            }
            Some(_) => self.long_varint(),
            None => Err(DecodeError::Truncated),
        }
    }

    fn long_varint(&mut self) -> Result<u64, DecodeError> {
        let mut value = 0_u64;
        for (i, &byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                // The tenth byte holds the 64th bit and nothing else.
                if i == 9 && byte > 1 {
                    return Err(DecodeError::Varint);
                }
                self.rest = self.rest.get(i + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { DecodeError::Truncated } else { DecodeError::Varint })
    }

    #[inline]
    fn take(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let len = usize::try_from(len).map_err(|_| DecodeError::Truncated)?;
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// The bytes of a delimited field.
    #[inline]
    pub(super) fn bytes(&mut self, key: Key) -> Result<&'a [u8], DecodeError> {
        expect(key, Wire::Delimited)?;
        let len = self.varint()?;
        self.take(len)
    }

    /// A string field.
    #[inline]
    pub(super) fn string(&mut self, key: Key) -> Result<&'a str, DecodeError> {
        str::from_utf8(self.bytes(key)?).map_err(|_| DecodeError::Utf8)
    }

    /// A bool field.
    #[inline]
    pub(super) fn bool(&mut self, key: Key) -> Result<bool, DecodeError> {
        expect(key, Wire::Varint)?;
        Ok(self.varint()? != 0)
    }

    /// A double field.
    #[inline]
    pub(super) fn double(&mut self, key: Key) -> Result<f64, DecodeError> {
        expect(key, Wire::Fixed64)?;
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(f64::from_le_bytes(*bytes))
    }

    /// An enum field whose value does not matter.
    pub(super) fn any_enum(&mut self, key: Key) -> Result<(), DecodeError> {
        expect(key, Wire::Varint)?;
        self.varint().map(|_| ())
    }

    /// Steps over a field.
    #[inline]
    pub(super) fn skip(&mut self, key: Key) -> Result<(), DecodeError> {
        match key.wire {
            Wire::Varint => self.varint().map(|_| ()),
            Wire::Fixed64 => self.take(8).map(|_| ()),
            Wire::Fixed32 => self.take(4).map(|_| ()),
            Wire::Delimited => {
                let len = self.varint()?;
                self.take(len).map(|_| ())
            }
            Wire::StartGroup => self.skip_group(key.field, GROUP_DEPTH),
            Wire::EndGroup => Err(DecodeError::Group(key.field)),
        }
    }

    fn skip_group(&mut self, field: u32, depth: u32) -> Result<(), DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        loop {
            let key = self.key()?.ok_or(DecodeError::Truncated)?;
            match key.wire {
                Wire::EndGroup if key.field == field => return Ok(()),
                Wire::StartGroup => self.skip_group(key.field, depth)?,
                Wire::Varint | Wire::Fixed64 | Wire::Fixed32 | Wire::Delimited | Wire::EndGroup => self.skip(key)?,
            }
        }
    }
}

#[inline]
fn expect(key: Key, wire: Wire) -> Result<(), DecodeError> {
    if key.wire == wire {
        return Ok(());
    }
    let wire = match key.wire {
        Wire::Varint => 0,
        Wire::Fixed64 => 1,
        Wire::Delimited => 2,
        Wire::StartGroup => 3,
        Wire::EndGroup => 4,
        Wire::Fixed32 => 5,
    };
    Err(DecodeError::WireType { field: key.field, wire })
}

/// How often each field below `N` occurs in a message.
#[inline]
pub(super) fn tally<const N: usize>(bytes: &[u8]) -> Result<[u32; N], DecodeError> {
    let mut counts = [0_u32; N];
    let mut reader = Reader::new(bytes);
    while let Some(key) = reader.key()? {
        reader.skip(key)?;
        if let Some(count) = counts.get_mut(key.field as usize) {
            *count = count.saturating_add(1);
        }
    }
    Ok(counts)
}

/// A message field that may be given more than once: by protobuf's rules its occurrences merge, which is the same as
/// decoding their concatenation, provided that each is well-formed.
#[derive(Default)]
pub(super) struct Merged<'a> {
    first: Option<&'a [u8]>,
    joined: Option<BumpVec<'a, u8>>,
}

impl<'a> Merged<'a> {
    #[inline]
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { first: Some(bytes), joined: None }
    }

    #[inline]
    pub(super) fn push(&mut self, bytes: &'a [u8], decoder: &mut Decoder<'a>) -> Result<(), DecodeError> {
        if self.first.is_none() {
            self.first = Some(bytes);
            return Ok(());
        }
        self.join(bytes, decoder)
    }

    #[cold]
    fn join(&mut self, bytes: &'a [u8], decoder: &mut Decoder<'a>) -> Result<(), DecodeError> {
        let before = if self.joined.is_none() { self.first.unwrap_or_default() } else { &[] };
        // Two broken halves must not make a whole: each ends where a field ends.
        let [] = tally(before)?;
        let [] = tally(bytes)?;
        // A growing vector leaves up to as much behind as it holds.
        decoder.charge(before.len() + bytes.len(), 3)?;
        let joined = self.joined.get_or_insert_with(|| BumpVec::new_in(decoder.bump));
        joined.extend_from_slice_copy(before);
        joined.extend_from_slice_copy(bytes);
        Ok(())
    }

    /// The message, if it was given at all.
    #[inline]
    pub(super) fn take(self) -> Option<&'a [u8]> {
        match self.joined {
            Some(joined) => Some(joined.into_bump_slice()),
            None => self.first,
        }
    }
}
