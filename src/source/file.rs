//! A text with a name, byte spans into it, and the line table that turns a byte into line and column.
//! Reads no files: the text is handed in.

use std::sync::Arc;

/// A half-open range of byte offsets into one [`SourceFile`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte; equal to `start` for an empty span.
    pub end: u32,
}

impl Span {
    /// A span over `start..end`; offsets past `u32::MAX` are clamped (files are bounded far below that).
    #[must_use]
    pub fn new(start: usize, end: usize) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Self { start: clamp(start), end: clamp(end) }
    }

    /// The smallest span that covers both.
    #[must_use]
    pub fn to(self, other: Self) -> Self {
        Self { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// A place as people count it: line and column from 1, columns in code points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in code points, from 1.
    pub column: u32,
}

/// A named text. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SourceFile(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    text: String,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// Wraps `text`, indexed by line. `name` is what people see: a path relative to the policy root, or `<expr>`.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut line_starts = vec![0];
        for (i, b) in text.bytes().enumerate() {
            if b == b'\n' {
                line_starts.push(u32::try_from(i + 1).unwrap_or(u32::MAX));
            }
        }
        Self(Arc::new(Inner { name: name.into(), text, line_starts }))
    }

    /// The name people see.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The text under `span`; empty if the span lies outside or splits a code point.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.0.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// Line and column of a byte offset; offsets past the end give the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let offset = offset.min(u32::try_from(self.0.text.len()).unwrap_or(u32::MAX));
        let line = self.0.line_starts.partition_point(|s| *s <= offset).max(1);
        let start = self.0.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.0.text.as_bytes().get(start as usize..offset as usize).unwrap_or(&[]);
        let column = before.iter().filter(|b| (**b & 0xC0) != 0x80).count() + 1;
        Position { line: u32::try_from(line).unwrap_or(u32::MAX), column: u32::try_from(column).unwrap_or(u32::MAX) }
    }

    /// The text of a line (from 1) without its line break; empty if there is no such line.
    #[must_use]
    pub fn line(&self, line: u32) -> &str {
        let index = line.saturating_sub(1) as usize;
        let Some(start) = self.0.line_starts.get(index) else { return "" };
        let end = self.0.line_starts.get(index + 1).map_or(self.0.text.len(), |e| *e as usize);
        self.0.text.get(*start as usize..end).unwrap_or("").trim_end_matches(['\n', '\r'])
    }

    /// How many lines the text has; a text without a line break has one.
    #[must_use]
    pub fn line_count(&self) -> u32 {
        u32::try_from(self.0.line_starts.len()).unwrap_or(u32::MAX)
    }
}

impl PartialEq for SourceFile {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.name == other.0.name && self.0.text == other.0.text)
    }
}

impl Eq for SourceFile {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_code_points_from_one() {
        let f = SourceFile::new("a.yaml", "a: é1\nb: 2\n");
        assert_eq!(f.position(0), Position { line: 1, column: 1 });
        assert_eq!(f.position(5), Position { line: 1, column: 5 });
        assert_eq!(f.position(7), Position { line: 2, column: 1 });
        assert_eq!(f.position(999), Position { line: 3, column: 1 });
        assert_eq!(f.line(1), "a: é1");
        assert_eq!(f.line(9), "");
    }
}
