//! `google.protobuf.Value`, `ListValue`, `Struct` and maps of values → [`Value`]. Numbers are doubles, a value without
//! a kind is null, as the reference has it.

use super::reader::{Key, Merged, Reader, tally};
use super::{DecodeError, Decoder};
use crate::cel::value::{List, Map, Value};
use crate::wire::map::unique;

/// Field numbers of `google.protobuf.Value`.
mod kind {
    pub(super) const NULL: u32 = 1;
    pub(super) const NUMBER: u32 = 2;
    pub(super) const STRING: u32 = 3;
    pub(super) const BOOL: u32 = 4;
    pub(super) const STRUCT: u32 = 5;
    pub(super) const LIST: u32 = 6;
}

/// What a `Value` holds so far; a list or struct is decoded once no further part of it can follow.
enum Kind<'a> {
    Done(Value<'a>),
    Struct(Merged<'a>),
    List(Merged<'a>),
}

impl<'a> Decoder<'a> {
    /// A `google.protobuf.Value`.
    pub(super) fn value(&mut self, bytes: &'a [u8], depth: u32) -> Result<Value<'a>, DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        let mut reader = Reader::new(bytes);
        let Some(key) = reader.key()? else { return Ok(Value::Null) };
        let kind = Self::kind(&mut reader, key)?;
        match kind {
            // A well-behaved encoder writes one field.
            Some(kind) if reader.is_empty() => self.settle(kind, depth),
            kind => self.value_of_many(reader, kind.unwrap_or(Kind::Done(Value::Null)), depth),
        }
    }

    /// The rest of a `Value` with more than one field: the last kind wins, but equal message kinds in a row merge.
    #[cold]
    fn value_of_many(
        &mut self,
        mut reader: Reader<'a>,
        mut kind: Kind<'a>,
        depth: u32,
    ) -> Result<Value<'a>, DecodeError> {
        while let Some(key) = reader.key()? {
            match (Self::kind(&mut reader, key)?, &mut kind) {
                (None, _) => {}
                (Some(Kind::Struct(next)), Kind::Struct(merged)) | (Some(Kind::List(next)), Kind::List(merged)) => {
                    if let Some(bytes) = next.take() {
                        merged.push(bytes, self)?;
                    }
                }
                (Some(next), _) => {
                    // What is replaced must have been well-formed.
                    let replaced = std::mem::replace(&mut kind, next);
                    self.settle(replaced, depth)?;
                }
            }
        }
        self.settle(kind, depth)
    }

    #[inline]
    fn kind(reader: &mut Reader<'a>, key: Key) -> Result<Option<Kind<'a>>, DecodeError> {
        Ok(Some(match key.field {
            kind::NULL => {
                reader.any_enum(key)?;
                Kind::Done(Value::Null)
            }
            kind::NUMBER => Kind::Done(Value::Double(reader.double(key)?)),
            kind::STRING => Kind::Done(Value::String(reader.string(key)?)),
            kind::BOOL => Kind::Done(Value::Bool(reader.bool(key)?)),
            kind::STRUCT | kind::LIST => {
                let merged = Merged::new(reader.bytes(key)?);
                if key.field == kind::LIST { Kind::List(merged) } else { Kind::Struct(merged) }
            }
            _ => {
                reader.skip(key)?;
                return Ok(None);
            }
        }))
    }

    #[inline]
    fn settle(&mut self, kind: Kind<'a>, depth: u32) -> Result<Value<'a>, DecodeError> {
        match kind {
            Kind::Done(value) => Ok(value),
            Kind::Struct(merged) => Ok(Value::Map(self.structure(merged.take().unwrap_or_default(), depth)?)),
            Kind::List(merged) => Ok(Value::List(self.list(merged.take().unwrap_or_default(), depth)?)),
        }
    }

    fn list(&mut self, bytes: &'a [u8], depth: u32) -> Result<List<'a>, DecodeError> {
        let [_, count] = tally(bytes)?;
        let values = self.slots(count, Value::Null)?;
        let mut slots = values.iter_mut();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            if key.field == 1 {
                put(&mut slots, self.value(reader.bytes(key)?, depth)?);
            } else {
                reader.skip(key)?;
            }
        }
        Ok(List::Values(values))
    }

    /// A `google.protobuf.Struct`.
    pub(super) fn structure(&mut self, bytes: &'a [u8], depth: u32) -> Result<Map<'a>, DecodeError> {
        self.only_map(bytes, depth)
    }

    /// A message whose field 1 is a map of values and which has no other known field.
    pub(super) fn only_map(&mut self, bytes: &'a [u8], depth: u32) -> Result<Map<'a>, DecodeError> {
        let [_, count] = tally(bytes)?;
        let fields = self.slots(count, ("", Value::Null))?;
        let mut slots = fields.iter_mut();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            if key.field == 1 {
                put(&mut slots, self.entry(reader.bytes(key)?, depth)?);
            } else {
                reader.skip(key)?;
            }
        }
        self.map(fields)
    }

    /// One entry of a `map<string, google.protobuf.Value>`.
    pub(super) fn entry(&mut self, bytes: &'a [u8], depth: u32) -> Result<(&'a str, Value<'a>), DecodeError> {
        let (name, value) = self.raw_entry(bytes)?;
        Ok((name, self.value(value, depth)?))
    }

    /// One entry of a map from strings to messages, the value undecoded.
    pub(super) fn raw_entry(&mut self, bytes: &'a [u8]) -> Result<(&'a str, &'a [u8]), DecodeError> {
        let mut name = "";
        let mut value = Merged::default();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            match key.field {
                1 => name = reader.string(key)?,
                2 => value.push(reader.bytes(key)?, self)?,
                _ => reader.skip(key)?,
            }
        }
        Ok((name, value.take().unwrap_or_default()))
    }

    /// A map from its entries in wire order.
    pub(super) fn map(&mut self, fields: &'a mut [(&'a str, Value<'a>)]) -> Result<Map<'a>, DecodeError> {
        self.unique(fields).map(Map::Fields)
    }

    /// Entries with unique keys, the last one of equal keys kept.
    pub(super) fn unique<T: Copy>(
        &mut self,
        fields: &'a mut [(&'a str, T)],
    ) -> Result<&'a [(&'a str, T)], DecodeError> {
        if fields.len() > crate::cel::value::SORTED_ABOVE {
            self.charge(fields.len(), size_of::<(&str, T)>() + size_of::<u32>())?;
        }
        Ok(unique(fields, self.bump))
    }
}

/// Fills the next place. The places were counted by the same walk over the same bytes.
#[inline]
pub(super) fn put<'s, T: 's>(slots: &mut impl Iterator<Item = &'s mut T>, item: T) {
    if let Some(slot) = slots.next() {
        *slot = item;
    }
}
