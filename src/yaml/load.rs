//! The way into this room: [`parse`] a file under [`Limits`], and word what stopped it.

use super::events::{Cause, Fault};
use super::node::{Kind, Node};
use super::places;
use super::repair::Repairs;
use super::tree::{Body, Loader};
use crate::source::{Diagnostic, SourceFile, Span};

/// What a document may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Levels of nesting, aliases expanded.
    pub depth: usize,
    /// Nodes, keys included, aliases expanded.
    pub nodes: usize,
}

/// The limits for policies, suites and fixtures.
pub const LIMITS: Limits = Limits { bytes: 1 << 20, depth: 64, nodes: 100_000 };

/// So many faults of a file are kept; whoever has more will run again anyway.
pub(super) const MOST_FAULTS: usize = 100;

/// So many documents may be begun, empty ones included, before a file is given up.
pub(super) const MOST_DOCUMENTS: usize = 100;

/// Parses the one document of `file`. `None` without an error diagnostic means that there is nothing in it (empty, or
/// only comments). A root with error diagnostics beside it holds what could be read.
#[must_use]
pub fn parse(file: &SourceFile, limits: Limits) -> (Option<Node>, Vec<Diagnostic>) {
    let text = file.text();
    if text.len() > limits.bytes {
        let message = format!("file is too large: {} bytes, at most {} are allowed", text.len(), limits.bytes);
        return (None, vec![Diagnostic::error("TG0109", file, None, message)]);
    }
    let mut repairs = Repairs::new(text);
    loop {
        let mut loader = Loader::new(file, limits, &repairs);
        let stop = loader.run(repairs.text());
        if let Err(Stop::Fault(fault)) = &stop
            && loader.flow == 0
            && repairs.repair(fault)
        {
            continue;
        }
        return loader.finish(stop);
    }
}

/// Why loading stopped before the end.
pub(super) enum Stop {
    /// The text is not YAML.
    Fault(Fault),
    /// It is, but is not taken.
    Refused(Box<Diagnostic>),
}

impl Loader<'_> {
    fn finish(mut self, stop: Result<(), Stop>) -> (Option<Node>, Vec<Diagnostic>) {
        match stop {
            Ok(()) => {}
            Err(Stop::Refused(d)) => {
                self.diagnostics.push(*d);
                return (None, self.diagnostics);
            }
            Err(Stop::Fault(fault)) => {
                let code = if fault.cause == Cause::Depth { "TG0109" } else { "TG0101" };
                let (found, cause) = (fault.at, fault.cause);
                let (at, message) = self.explain(fault);
                let mut d = Diagnostic::error(code, self.file, self.char_at(at), message);
                if matches!(cause, Cause::SecondColon | Cause::Misplaced) {
                    d = d
                        .with_help("check the indentation of this line and the one before, and quote text with colons");
                }
                if found != at {
                    d = d.with_related(self.file, self.char_at(found), "noticed here");
                }
                self.diagnostics.push(d);
                return (None, self.diagnostics);
            }
        }
        if self.documents > 1 {
            self.diagnostics.push(Diagnostic::error("TG0108", self.file, None, "more than one YAML document detected"));
            return (None, self.diagnostics);
        }
        let Some(root) = self.root.take() else {
            if self.file.text().starts_with('\u{feff}') {
                let at = self.char_at(0);
                self.error("TG0108", at, "invalid document: contents are not valid YAML or JSON");
            }
            return (None, self.diagnostics);
        };
        if !matches!(root.kind, Kind::Mapping(_) | Kind::Bad) {
            self.error("TG0108", root.at, "invalid document: contents are not valid YAML or JSON");
            return (None, self.diagnostics);
        }
        (Some(root), self.diagnostics)
    }

    /// The place and the words of the reference for a fault, where it has others than the parser.
    fn explain(&self, fault: Fault) -> (usize, String) {
        let text = self.file.text();
        let before = text.get(..fault.at).unwrap_or("");
        match fault.cause {
            Cause::TextAfterQuote(_) => {
                let message = match self.stack.iter().rev().find(|f| {
                    text.as_bytes().get(f.span.start as usize) == Some(&b'[')
                        || text.as_bytes().get(f.span.start as usize) == Some(&b'{')
                }) {
                    Some(_) if self.flow == 0 => "value is not allowed in this context",
                    Some(f) if matches!(f.body, Body::Sequence { .. }) => "',' or ']' must be specified",
                    Some(_) => "',' or '}' must be specified",
                    None => "value is not allowed in this context",
                };
                (fault.at, message.to_owned())
            }
            Cause::OpenQuote => {
                let which = if text.get(fault.at..).is_some_and(|t| t.starts_with('\'')) { "single" } else { "double" };
                (fault.at, format!("could not find end character of {which}-quoted text"))
            }
            Cause::SecondColon => (places::plain_value_before(text, fault.at).unwrap_or(fault.at), fault.message),
            Cause::Misplaced => match before.strip_suffix(' ').map(|b| b.trim_end_matches(' ')) {
                Some(b) if b.ends_with('-') => (b.len() - 1, "non-map value is specified".to_owned()),
                _ => (fault.at, fault.message),
            },
            Cause::Tab => (before.rfind('\n').map_or(0, |i| i + 1), fault.message),
            Cause::Depth => (fault.at, too_deep(self.limits)),
            Cause::Other => (fault.at, fault.message),
        }
    }

    pub(super) fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        if self.diagnostics.len() < MOST_FAULTS {
            self.diagnostics.push(Diagnostic::error(code, self.file, span, message));
        }
    }

    pub(super) fn several_documents(&self) -> Stop {
        let message = "more than one YAML document detected";
        Stop::Refused(Box::new(Diagnostic::error("TG0108", self.file, None, message)))
    }

    pub(super) fn char_at(&self, at: usize) -> Span {
        let len = self.file.text().get(at..).and_then(|t| t.chars().next()).map_or(0, char::len_utf8);
        Span::new(at, at + len)
    }
}

/// The message for too much nesting.
pub(super) fn too_deep(limits: Limits) -> String {
    format!("document is nested more than {} levels deep", limits.depth)
}
