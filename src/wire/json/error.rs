//! What is wrong with a JSON text, in the reference's words where it has them.

use std::fmt;

/// A place in a text: line and column from 1, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
}

impl Position {
    pub(super) fn of(text: &[u8], at: usize) -> Self {
        let before = text.get(..at).unwrap_or(text);
        let line_start = before.iter().rposition(|&b| b == b'\n').map_or(0, |newline| newline + 1);
        let line = before.split(|&b| b == b'\n').count();
        let column = 1 + String::from_utf8_lossy(before.get(line_start..).unwrap_or_default()).chars().count();
        Self { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}:{}", self.line, self.column)
    }
}

/// Why a JSON text was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The text ends within a value.
    #[error("unexpected EOF")]
    Eof(Position),
    /// A byte that cannot stand where it stands.
    #[error("invalid character {quoted} {context}")]
    Character {
        /// The byte, quoted.
        quoted: String,
        /// Where it stands.
        context: String,
        /// Its place.
        at: Position,
    },
    /// A surrogate escape at the very end of the text, without its other half.
    #[error("proto: unexpected EOF")]
    SurrogateEof(Position),
    /// A token that does not fit the message, or a string that holds no text.
    #[error("proto: syntax error ({at}): {what}")]
    Token {
        /// What is wrong.
        what: String,
        /// Its place.
        at: Position,
    },
    /// A field or value that does not fit the message.
    #[error("proto: ({at}): {what}")]
    Meaning {
        /// What is wrong.
        what: String,
        /// Its place.
        at: Position,
    },
    /// Something other than an object where arguments are expected.
    #[error("not a JSON object")]
    NotAnObject,
    /// Longer than the limit.
    #[error("grpc: received message larger than max ({len} vs. {max})")]
    TooLarge {
        /// Its length.
        len: usize,
        /// The limit.
        max: usize,
    },
    /// Its decoded form would be larger than the limit.
    #[error("message has too many elements")]
    TooMany,
}

impl JsonError {
    /// Where, if it is at a place.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Eof(at)
            | Self::SurrogateEof(at)
            | Self::Character { at, .. }
            | Self::Token { at, .. }
            | Self::Meaning { at, .. } => Some(*at),
            Self::NotAnObject | Self::TooLarge { .. } | Self::TooMany => None,
        }
    }

    /// The text for a JSON value that is a field of another message: no prefix, and always with its place.
    #[must_use]
    pub fn located(&self) -> String {
        let what = match self {
            Self::Token { what, .. } | Self::Meaning { what, .. } => what.clone(),
            Self::SurrogateEof(_) => "unpaired surrogate in string".to_owned(),
            Self::Eof(_) | Self::Character { .. } | Self::NotAnObject | Self::TooLarge { .. } | Self::TooMany => {
                self.to_string()
            }
        };
        match self.position() {
            Some(at) => format!("{at}: {what}"),
            None => what,
        }
    }
}

/// A byte as the reference quotes it: each is shown as the character of its number.
pub(super) fn quote_byte(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let mut quoted = "'".to_owned();
            quote_char(char::from(byte), &mut quoted);
            quoted.push('\'');
            quoted
        }
    }
}

/// A text in double quotes, escaped as Go's `%q` has it.
pub(super) fn quote(bytes: &[u8]) -> String {
    let mut quoted = "\"".to_owned();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '"' { quoted.push_str("\\\"") } else { quote_char(c, &mut quoted) }
        }
        for byte in chunk.invalid() {
            escape('x', 2, u32::from(*byte), &mut quoted);
        }
    }
    quoted.push('"');
    quoted
}

fn quote_char(c: char, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        '\0'..='\x1f' | '\x7f' => escape('x', 2, u32::from(c), out),
        '\u{80}'..='\u{a0}' | '\u{ad}' => escape('u', 4, u32::from(c), out),
        _ => out.push(c),
    }
}

/// `\x0f`, `\u00ad`
fn escape(kind: char, digits: u32, code: u32, out: &mut String) {
    out.extend(['\\', kind]);
    out.extend((0..digits).rev().filter_map(|digit| char::from_digit(code >> (4 * digit) & 0xf, 16)));
}
