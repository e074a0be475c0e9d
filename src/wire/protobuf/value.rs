//! `google.protobuf.Value`, `ListValue`, `Struct` and maps of values → [`Value`]. Numbers are doubles, a value without
//! a kind is null, as the reference has it.

use super::reader::{Key, Merged, Reader, Repeated};
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
    #[inline]
    pub(super) fn value(&mut self, bytes: &'a [u8], depth: u32) -> Result<Value<'a>, DecodeError> {
        let depth = depth.checked_sub(1).ok_or(DecodeError::TooDeep)?;
        // What encoders write: one field, its key in one byte.
        match bytes {
            [0x1a, len, text @ ..] if usize::from(*len) == text.len() && *len < 0x80 => {
                return str::from_utf8(text).map(Value::String).map_err(|_| DecodeError::Utf8);
            }
            [0x11, number @ ..] => {
                if let Ok(number) = <[u8; 8]>::try_from(number) {
                    return Ok(Value::Double(f64::from_le_bytes(number)));
                }
            }
            [0x20, 0] => return Ok(Value::Bool(false)),
            [0x20, 1] => return Ok(Value::Bool(true)),
            [] | [0x08, 0] => return Ok(Value::Null),
            _ => {}
        }
        self.any_value(bytes, depth)
    }

    fn any_value(&mut self, bytes: &'a [u8], depth: u32) -> Result<Value<'a>, DecodeError> {
        let mut reader = Reader::new(bytes);
        let Some(key) = reader.key()? else { return Ok(Value::Null) };
        if key.field == kind::STRUCT || key.field == kind::LIST {
            let inner = reader.bytes(key)?;
            if reader.is_empty() {
                return if key.field == kind::LIST {
                    self.list(inner, depth).map(Value::List)
                } else {
                    self.only_map(inner, depth).map(Value::Map)
                };
            }
        }
        self.value_of_many(Reader::new(bytes), Kind::Done(Value::Null), depth)
    }

    /// A `Value` with any number of fields: the last kind wins, but equal message kinds in a row merge.
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
            Kind::Struct(merged) => Ok(Value::Map(self.only_map(merged.take().unwrap_or_default(), depth)?)),
            Kind::List(merged) => Ok(Value::List(self.list(merged.take().unwrap_or_default(), depth)?)),
        }
    }

    fn list(&mut self, bytes: &'a [u8], depth: u32) -> Result<List<'a>, DecodeError> {
        let mut values = Repeated::new();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            if key.field == 1 {
                let value = self.value(reader.bytes(key)?, depth)?;
                values.push(value, key, &reader, self)?;
            } else {
                reader.skip(key)?;
            }
        }
        Ok(List::Values(values.finish()))
    }

    /// A `google.protobuf.Struct`, or any message whose field 1 is a map of values and which has no other known field.
    pub(super) fn only_map(&mut self, bytes: &'a [u8], depth: u32) -> Result<Map<'a>, DecodeError> {
        let mut fields = Repeated::new();
        let mut reader = Reader::new(bytes);
        while let Some(key) = reader.key()? {
            if key.field == 1 {
                let entry = self.entry(reader.bytes(key)?, depth)?;
                fields.push(entry, key, &reader, self)?;
            } else {
                reader.skip(key)?;
            }
        }
        self.map(fields.finish())
    }

    /// One entry of a `map<string, google.protobuf.Value>`.
    #[inline]
    pub(super) fn entry(&mut self, bytes: &'a [u8], depth: u32) -> Result<(&'a str, Value<'a>), DecodeError> {
        let (name, value) = self.raw_entry(bytes)?;
        Ok((name, self.value(value, depth)?))
    }

    /// One entry of a map from strings to messages, the value undecoded.
    #[inline]
    pub(super) fn raw_entry(&mut self, bytes: &'a [u8]) -> Result<(&'a str, &'a [u8]), DecodeError> {
        // What encoders write: the name, then the value, both short.
        if let [0x0a, len, rest @ ..] = bytes
            && let Some((name, [0x12, value_len, value @ ..])) = rest.split_at_checked(usize::from(*len))
            && *len < 0x80
            && usize::from(*value_len) == value.len()
            && *value_len < 0x80
        {
            return Ok((str::from_utf8(name).map_err(|_| DecodeError::Utf8)?, value));
        }
        self.any_entry(bytes)
    }

    fn any_entry(&mut self, bytes: &'a [u8]) -> Result<(&'a str, &'a [u8]), DecodeError> {
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
