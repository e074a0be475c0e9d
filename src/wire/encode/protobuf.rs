//! A protobuf writer that writes backwards: when a message's length is to be written, its content already is. One
//! buffer, no sizes computed beforehand. Fields and items are therefore written last to first.

use bytes::{Buf, Bytes};

use super::output::{MAX_DEPTH, OutputError, Plain, plain};
use crate::cel::value::Value;

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const DELIMITED: u32 = 2;

/// A message being written from its end.
pub(super) struct Reverse {
    buffer: Vec<u8>,
    /// Where what is written begins.
    at: usize,
}

impl Reverse {
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self { buffer: vec![0; capacity], at: capacity }
    }

    /// The message.
    pub(super) fn finish(self) -> Bytes {
        let at = self.at.min(self.buffer.len());
        let mut bytes = Bytes::from(self.buffer);
        // Unlike a slice, this shares nothing and allocates nothing.
        bytes.advance(at);
        bytes
    }

    /// A string field, unless it is empty.
    pub(super) fn text(&mut self, field: u32, text: &str) {
        if !text.is_empty() {
            self.item(field, text);
        }
    }

    /// A list of strings.
    pub(super) fn texts(&mut self, field: u32, texts: &[&str]) {
        texts.iter().rev().for_each(|text| self.item(field, text));
    }

    /// A string field, empty or not.
    pub(super) fn item(&mut self, field: u32, text: &str) {
        self.bytes(text.as_bytes());
        self.varint(text.len() as u64);
        self.key(field, DELIMITED);
    }

    /// A bool field, unless it is false.
    pub(super) fn flag(&mut self, field: u32, set: bool) {
        self.number(field, u64::from(set));
    }

    /// An integer or enum field, unless it is zero.
    pub(super) fn number(&mut self, field: u32, number: u64) {
        if number != 0 {
            self.varint(number);
            self.key(field, VARINT);
        }
    }

    /// A message field, whose fields `fill` writes, last to first.
    pub(super) fn message(&mut self, field: u32, fill: impl FnOnce(&mut Self)) {
        let end = self.written();
        fill(self);
        self.delimit(field, end);
    }

    /// A `google.protobuf.Value` field, where the value has a form; else nothing is written.
    pub(super) fn value(&mut self, field: u32, value: Value<'_>) -> Result<(), OutputError> {
        let end = self.written();
        match self.nested(value, MAX_DEPTH) {
            Ok(()) => {
                self.delimit(field, end);
                Ok(())
            }
            Err(error) => {
                self.at = self.buffer.len() - end;
                Err(error)
            }
        }
    }

    /// The content of a `Value`.
    fn nested(&mut self, value: Value<'_>, depth: u32) -> Result<(), OutputError> {
        let depth = depth.checked_sub(1).ok_or(OutputError::Depth)?;
        match plain(value)? {
            Plain::Null => {
                self.varint(0);
                self.key(1, VARINT);
            }
            Plain::Number(number) => {
                self.bytes(&number.to_le_bytes());
                self.key(2, FIXED64);
            }
            Plain::Text(text) => self.item(3, &text),
            Plain::Bool(value) => {
                self.varint(u64::from(value));
                self.key(4, VARINT);
            }
            Plain::Map(entries) => {
                let end = self.written();
                self.entries(&entries, depth)?;
                self.delimit(5, end);
            }
            Plain::List(list) => {
                let end = self.written();
                for i in (0..list.len()).rev() {
                    let end = self.written();
                    self.nested(list.get(i).unwrap_or(Value::Null), depth)?;
                    self.delimit(1, end);
                }
                self.delimit(6, end);
            }
        }
        Ok(())
    }

    /// A `google.protobuf.Struct` field.
    pub(super) fn structure(&mut self, field: u32, value: Value<'_>) -> Result<(), OutputError> {
        let end = self.written();
        let written = match plain(value) {
            Ok(Plain::Map(entries)) => self.entries(&entries, MAX_DEPTH),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => self.delimit(field, end),
            Err(_) => self.at = self.buffer.len() - end,
        }
        written
    }

    fn entries(&mut self, entries: &[(&str, Value<'_>)], depth: u32) -> Result<(), OutputError> {
        for (key, item) in entries.iter().rev() {
            let entry = self.written();
            self.nested(*item, depth)?;
            self.delimit(2, entry);
            self.item(1, key);
            self.delimit(1, entry);
        }
        Ok(())
    }

    /// Length and key in front of what was written since `end`.
    fn delimit(&mut self, field: u32, end: usize) {
        self.varint((self.written() - end) as u64);
        self.key(field, DELIMITED);
    }

    fn written(&self) -> usize {
        self.buffer.len() - self.at
    }

    fn key(&mut self, field: u32, wire: u32) {
        self.varint(u64::from(field << 3 | wire));
    }

    fn varint(&mut self, mut value: u64) {
        if value < 0x80 {
            return self.bytes(&[value as u8]);
        }
        let mut bytes = [0; 10];
        let mut len = 0;
        for byte in &mut bytes {
            len += 1;
            *byte = value as u8 & 0x7f;
            value >>= 7;
            if value == 0 {
                break;
            }
            *byte |= 0x80;
        }
        self.bytes(bytes.get(..len).unwrap_or_default());
    }

    /// What is encoded already.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if self.at < bytes.len() {
            self.grow(bytes.len());
        }
        let start = self.at.saturating_sub(bytes.len());
        if let Some(place) = self.buffer.get_mut(start..self.at) {
            place.copy_from_slice(bytes);
            self.at = start;
        }
    }

    #[cold]
    fn grow(&mut self, by: usize) {
        let more = self.buffer.len().max(by);
        let mut grown = vec![0; more + self.at];
        grown.extend_from_slice(self.buffer.get(self.at..).unwrap_or_default());
        self.buffer = grown;
        self.at += more;
    }
}
