//! From a byte of a decoded scalar to the byte of the file it came from, so that a fault inside an expression is shown
//! under the right character whatever the quoting, escaping or folding around it.

use super::node::{Scalar, Style};
use crate::source::{SourceFile, Span};

/// Runs `(offset in text, offset in file)`, ascending; within a run both advance together.
pub(super) fn runs(file: &SourceFile, span: Span, scalar: &Scalar) -> Vec<(u32, u32)> {
    let source = file.slice(span);
    let mut runs = Runs { base: span.start as usize, out: Vec::new() };
    match scalar.style {
        Style::Plain => lines(&mut runs, source, &scalar.text, 0, true),
        Style::Literal | Style::Folded => {
            let Some(header) = source.find('\n') else { return vec![(0, span.start)] };
            lines(&mut runs, source, &scalar.text, header + 1, false);
        }
        Style::Single => quoted(&mut runs, source, &scalar.text, '\''),
        Style::Double => quoted(&mut runs, source, &scalar.text, '"'),
    }
    if runs.out.is_empty() {
        runs.out.push((0, span.start));
    }
    runs.out
}

struct Runs {
    base: usize,
    out: Vec<(u32, u32)>,
}

impl Runs {
    /// Says that `text` in the decoded scalar is `source` in its raw text.
    fn tie(&mut self, text: usize, source: usize) {
        let Span { start: text, end: file } = Span::new(text, self.base + source);
        if let Some((t, f)) = self.out.last()
            && text.checked_sub(*t) == file.checked_sub(*f)
        {
            return;
        }
        self.out.push((text, file));
    }
}

/// Plain and block scalars: the content of each line stands in the text as it is, with blanks or breaks between.
fn lines(runs: &mut Runs, source: &str, text: &str, from: usize, trim: bool) {
    let mut indent = None;
    let mut done = 0;
    let mut at = from;
    for line in source.get(from..).unwrap_or("").split('\n') {
        let start = at;
        at += line.len() + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        let blanks = line.len() - line.trim_start_matches(if trim { &[' ', '\t'][..] } else { &[' '][..] }).len();
        if blanks == line.len() {
            continue;
        }
        let skip = if trim {
            blanks
        } else {
            let own = text.trim_start_matches('\n');
            let own = own.len() - own.trim_start_matches(' ').len();
            (*indent.get_or_insert(blanks.saturating_sub(own))).min(blanks)
        };
        let content = line.get(skip..).unwrap_or("");
        let content = if trim { content.trim_end_matches([' ', '\t']) } else { content };
        while !text.get(done..).is_some_and(|t| t.starts_with(content)) {
            if !text.get(done..).is_some_and(|t| t.starts_with([' ', '\n'])) {
                return;
            }
            done += 1;
        }
        runs.tie(done, start + skip);
        done += content.len();
    }
}

/// Quoted scalars, character by character.
fn quoted(runs: &mut Runs, source: &str, text: &str, quote: char) {
    let mut at = 1;
    let mut done = 0;
    while let Some(c) = source.get(at..).and_then(|s| s.chars().next()) {
        let Some(next) = text.get(done..).and_then(|t| t.chars().next()) else { return };
        let rest = source.get(at..).unwrap_or("");
        if let Some((skipped, breaks)) = fold(rest) {
            // A break becomes a blank, each further one a break.
            done += if breaks == 1 { 1 } else { breaks - 1 };
            at += skipped;
            continue;
        }
        if quote == '"' && c == '\\' {
            if let Some(length) = continuation(rest) {
                at += length;
                continue;
            }
            runs.tie(done, at);
            at += escape(rest);
        } else {
            runs.tie(done, at);
            at += if quote == '\'' && rest.starts_with("''") { 2 } else { c.len_utf8() };
        }
        done += next.len_utf8();
    }
}

/// Length of blanks around line breaks and the number of breaks, if that is what comes next.
fn fold(rest: &str) -> Option<(usize, usize)> {
    let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
    let breaks = rest.get(..blank)?.bytes().filter(|b| *b == b'\n').count();
    (breaks > 0).then_some((blank, breaks))
}

/// Length of a backslash at the end of a line, with the break and the next line's indentation.
fn continuation(rest: &str) -> Option<usize> {
    let after = rest.get(1..)?.trim_start_matches('\r').strip_prefix('\n')?;
    Some(rest.len() - after.trim_start_matches([' ', '\t']).len())
}

/// Length of one escape sequence; a surrogate pair counts as one.
fn escape(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'x') => 4,
        Some(b'u') => {
            let high = rest.get(2..6).and_then(|h| u32::from_str_radix(h, 16).ok());
            if high.is_some_and(|h| (0xD800..0xDC00).contains(&h)) { 12 } else { 6 }
        }
        Some(b'U') => 10,
        Some(b) if b.is_ascii() => 2,
        _ => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Kind, LIMITS, parse};
    use super::*;

    /// Every letter and digit of the decoded text must map to the same letter in the file.
    #[test]
    fn each_byte_of_a_scalar_maps_to_its_byte_in_the_file() {
        let cases = [
            "k: R.attr.a == 1",
            "k: R.attr.a ==\n  b &&\n\n  c",
            "k: 'R.attr[''x''] == y'",
            "k: 'one\n   two\n\n   three'",
            "k: \"R.attr[\\\"x\\\"] == y\\tz\"",
            "k: \"one\\\n   two\n  three\\n\\u0041b\\ud83d\\ude00c\\x41d\"",
            "k: |\n  one\n    two\n\n  three\n",
            "k: |-\n\n  one\n  two",
            "k: |2\n    one\n  two\n",
            "k: >-\n  one\n  two\n\n  three\n    four\n  five\n",
            "k: > # comment | with bars\n  one\r\n  two\r\n",
            "k: &anchor >\n\n   one\n   two\n",
            "k: é one",
        ];
        for case in cases {
            let file = SourceFile::new("a.yaml", case);
            let (root, diagnostics) = parse(&file, LIMITS);
            assert!(diagnostics.is_empty(), "{case}: {diagnostics:?}");
            let root = root.unwrap();
            let node = &root.entries().unwrap()[0].value;
            let Kind::Scalar(s) = &node.kind else { panic!("{case}") };
            let runs = runs(&file, node.span, s);
            let mut compared = 0;
            for (i, c) in s.text.char_indices().filter(|(_, c)| c.is_alphanumeric() && *c != 'A') {
                let (t, f) = runs[runs.partition_point(|(t, _)| *t as usize <= i) - 1];
                let at = f as usize + i - t as usize;
                assert!(
                    case.get(at..).unwrap().starts_with(c),
                    "{case:?}: {c} at {i} of {:?} maps to {at}; {runs:?}",
                    s.text
                );
                compared += 1;
            }
            assert!(compared > 3, "{case}");
        }
    }
}
