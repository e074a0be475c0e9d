//! A JSON writer: tokens and values, commas by itself. Compact; [`pretty`] lays out afterwards.

use super::number::write_number;
use super::output::{MAX_DEPTH, OutputError, Plain, finite, plain};
use crate::cel::value::Value;

/// What stands for a value that is not to be seen.
pub const HIDDEN: &str = "[redacted]";

/// A JSON text being written.
#[derive(Default)]
pub struct Json {
    out: Vec<u8>,
}

impl Json {
    /// The text.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// An object, whose members `fill` writes.
    pub fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'{');
        fill(self);
        self.out.push(b'}');
    }

    /// An array, whose items `fill` writes.
    pub fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.comma();
        self.out.push(b'[');
        fill(self);
        self.out.push(b']');
    }

    /// The name of a member; its value is written next.
    pub fn key(&mut self, name: &str) {
        self.string(name);
        self.out.push(b':');
    }

    /// A member with text, unless it is empty.
    pub fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.key(name);
            self.string(text);
        }
    }

    /// A member that is true, or nothing.
    pub fn flag(&mut self, name: &str, set: bool) {
        if set {
            self.key(name);
            self.raw(b"true");
        }
    }

    /// A member with a list of texts, unless it is empty.
    pub fn texts(&mut self, name: &str, texts: &[&str]) {
        if !texts.is_empty() {
            self.key(name);
            self.array(|json| texts.iter().for_each(|text| json.string(text)));
        }
    }

    /// A string.
    pub fn string(&mut self, text: &str) {
        self.comma();
        self.out.push(b'"');
        let mut rest = text.as_bytes();
        while let Some(at) = rest.iter().position(|&b| b < 0x20 || b == b'"' || b == b'\\') {
            let (plain, special) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            self.out.extend_from_slice(plain);
            let Some((&byte, after)) = special.split_first() else { break };
            self.escape(byte);
            rest = after;
        }
        self.out.extend_from_slice(rest);
        self.out.push(b'"');
    }

    fn escape(&mut self, byte: u8) {
        let short = match byte {
            b'"' | b'\\' => byte,
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            _ => {
                let digit = |d: u8| if d < 10 { b'0' + d } else { b'a' + (d - 10) };
                return self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
        };
        self.out.extend_from_slice(&[b'\\', short]);
    }

    /// A finite number.
    pub fn number(&mut self, number: f64) {
        self.comma();
        write_number(number, &mut self.out);
    }

    /// A literal.
    pub fn raw(&mut self, literal: &[u8]) {
        self.comma();
        self.out.extend_from_slice(literal);
    }

    /// What was written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// Bytes just as they are, without a comma before them.
    pub fn glue(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// A member of an object that others write the braces of.
    pub fn member(&mut self, name: &str, fill: impl FnOnce(&mut Self)) {
        self.key(name);
        fill(self);
    }

    /// Any value, where it has a form; else nothing is written.
    pub fn value(&mut self, value: Value<'_>) -> Result<(), OutputError> {
        self.value_except(value, &|_| false)
    }

    /// The same, but with [`HIDDEN`] for what stands under keys that are to be hidden.
    fn value_except(&mut self, value: Value<'_>, hide: &impl Fn(&str) -> bool) -> Result<(), OutputError> {
        let mark = self.out.len();
        let written = self.nested(value, hide, MAX_DEPTH);
        if written.is_err() {
            self.out.truncate(mark);
        }
        written
    }

    fn nested(&mut self, value: Value<'_>, hide: &impl Fn(&str) -> bool, depth: u32) -> Result<(), OutputError> {
        let depth = depth.checked_sub(1).ok_or(OutputError::Depth)?;
        match plain(value)? {
            Plain::Null => self.raw(b"null"),
            Plain::Bool(value) => self.raw(if value { b"true" } else { b"false" }),
            Plain::Number(number) => {
                finite(number)?;
                self.number(number);
            }
            Plain::Text(text) => self.string(&text),
            Plain::List(list) => {
                self.comma();
                self.out.push(b'[');
                for item in list.iter() {
                    self.nested(item, hide, depth)?;
                }
                self.out.push(b']');
            }
            Plain::Map(entries) => {
                self.comma();
                self.out.push(b'{');
                for (key, item) in entries {
                    self.key(key);
                    if hide(key) {
                        self.string(HIDDEN);
                    } else {
                        self.nested(item, hide, depth)?;
                    }
                }
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    /// A member with a value, or nothing and the text of the error.
    pub(super) fn try_value(&mut self, name: &str, value: Result<Value<'_>, &str>) -> String {
        self.try_value_except(name, value, &|_| false)
    }

    /// The same, but with [`HIDDEN`] for what stands under keys that are to be hidden.
    pub fn try_value_except(
        &mut self,
        name: &str,
        value: Result<Value<'_>, &str>,
        hide: &impl Fn(&str) -> bool,
    ) -> String {
        let mark = self.out.len();
        let value = match value {
            Ok(value) => value,
            Err(error) => return error.to_owned(),
        };
        self.key(name);
        match self.value_except(value, hide) {
            Ok(()) => String::new(),
            Err(error) => {
                self.out.truncate(mark);
                error.to_string()
            }
        }
    }

    fn comma(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(b',');
        }
    }
}

/// A compact JSON text laid out over lines, indented by two spaces.
#[must_use]
pub fn pretty(compact: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(compact.len() * 2);
    let (mut level, mut quoted, mut escaped) = (0_usize, false, false);
    for (i, &byte) in compact.iter().enumerate() {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                level += 1;
                if !matches!(compact.get(i + 1), Some(b'}' | b']')) {
                    line(&mut out, level);
                }
            }
            b'}' | b']' => {
                level = level.saturating_sub(1);
                if !matches!(out.last(), Some(b'{' | b'[')) {
                    line(&mut out, level);
                }
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(&mut out, level);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                quoted = byte == b'"';
                out.push(byte);
            }
        }
    }
    out
}

fn line(out: &mut Vec<u8>, level: usize) {
    out.push(b'\n');
    out.extend(std::iter::repeat_n(b' ', 2 * level));
}
