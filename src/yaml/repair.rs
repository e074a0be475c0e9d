//! `expr: "GB" in R.attr.geo` is not YAML, and everybody writes it once. The reference says so in plain words; here the
//! rest of such a line is blanked out as well, so that the other faults of the file are found in the same run.

use super::events::{Cause, Fault};
use crate::source::{Diagnostic, SourceFile, Span};

/// So many such lines are looked at in one file; each costs a parse.
const MOST: usize = 16;

/// A text and the places where it was blanked out.
pub(super) struct Repairs {
    text: String,
    json: bool,
    places: Vec<(usize, usize)>,
    starts: Vec<Span>,
}

impl Repairs {
    pub(super) fn new(text: &str) -> Self {
        let json = text.trim_start().starts_with('{');
        Self { text: text.to_owned(), json, places: Vec::new(), starts: Vec::new() }
    }

    /// The text to parse: as long as the original, byte for byte, apart from the blanked-out places.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where blanked-out scalars start, as empty spans.
    pub(super) fn spans(&self) -> &[Span] {
        &self.starts
    }

    pub(super) fn diagnostics(&self, file: &SourceFile) -> Vec<Diagnostic> {
        let message = "invalid YAML string: use a literal or folded block for strings containing quotes";
        self.places
            .iter()
            .map(|(start, end)| {
                Diagnostic::error("TG0110", file, Span::new(*start, *end), message)
                    .with_label("a plain value can't start with a quoted string")
                    .with_help("put `>-` after the colon and the text on the next line, indented")
            })
            .collect()
    }

    /// Blanks out the scalar a fault is about. False if the fault is of another kind or there were too many.
    pub(super) fn repair(&mut self, fault: &Fault) -> bool {
        let Cause::TextAfterQuote(quote) = fault.cause else { return false };
        if self.json || self.places.len() >= MOST {
            return false;
        }
        let Some((start, end)) = scalar_around(&self.text, fault.at, quote) else { return false };
        let blank = "x".repeat(end - start);
        self.text.replace_range(start..end, &blank);
        self.places.push((start, end));
        self.starts.push(Span::new(start, start));
        true
    }
}

/// The place of the quoted scalar that ends before `at`, up to the end of the line.
fn scalar_around(text: &str, at: usize, quote: char) -> Option<(usize, usize)> {
    let head = text.get(..at)?;
    let line_start = head.rfind('\n').map_or(0, |i| i + 1);
    let line = text.get(line_start..)?;
    let line = line.get(..line.find('\n').unwrap_or(line.len()))?.trim_end();
    let until = at - line_start;
    for (i, c) in line.char_indices() {
        if i >= until {
            break;
        }
        if matches!(c, '[' | '{') && starts_value(line.get(..i)?) {
            return None;
        }
        if c == quote && starts_value(line.get(..i)?) && quoted_end(line, i, quote).is_some_and(|e| e <= until) {
            return Some((line_start + i, line_start + line.len()));
        }
    }
    None
}

fn starts_value(before: &str) -> bool {
    let trimmed = before.trim_end_matches([' ', '\t']);
    trimmed.is_empty() || (trimmed.len() < before.len() && trimmed.ends_with([':', '-', '?']))
}

/// One past the closing quote of the quoted scalar at `start`.
fn quoted_end(line: &str, start: usize, quote: char) -> Option<usize> {
    let mut chars = line.char_indices().skip_while(|(i, _)| *i <= start).peekable();
    while let Some((i, c)) = chars.next() {
        if c == '\\' && quote == '"' {
            chars.next();
        } else if c == quote {
            if quote == '\'' && chars.peek().is_some_and(|(_, c)| *c == '\'') {
                chars.next();
            } else {
                return Some(i + 1);
            }
        }
    }
    None
}
