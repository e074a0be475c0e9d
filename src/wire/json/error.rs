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
