//! Events to tree: expands aliases, applies merge keys, finds duplicate keys and anchors, and keeps to the limits.
//! Iterative, so that no input can exhaust the stack; one pass, so that time is linear in the text plus what aliases
//! expand to, which is bounded.

use std::collections::HashMap;
use std::sync::Arc;

use super::block;
use super::events::{Anchor, Event, Events, Fault, Properties};
use super::node::{Entry, Key, KeyFault, Kind, Mapping, Node, Resolved, Scalar, Style};
use super::path::go_quote;
use super::repair::Repairs;
use super::scalar;
use crate::source::{Diagnostic, Position, SourceFile, Span};

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

enum Stop {
    Fault(Fault),
    Refused(Box<Diagnostic>),
}

/// A finished node with what it weighs.
struct Built {
    node: Node,
    size: usize,
    height: usize,
    merge: MergeSource,
}

/// What a value may be good for under a merge key.
#[derive(Clone, Copy, PartialEq)]
enum MergeSource {
    Alias,
    Inline,
}

struct Frame {
    span: Span,
    outer: Span,
    anchor: Option<usize>,
    size: usize,
    height: usize,
    end: u32,
    body: Body,
}

enum Body {
    Sequence(Vec<Node>),
    Mapping(Box<MappingFrame>),
}

struct MappingFrame {
    block: bool,
    colon: Option<Span>,
    entries: Vec<Entry>,
    seen: HashMap<String, u32>,
    key: Option<PendingKey>,
    merge: Option<Built>,
}

enum PendingKey {
    Plain(Key),
    Merge,
    Duplicate,
}

struct Loader<'f> {
    file: &'f SourceFile,
    limits: Limits,
    /// Starts of scalars that were blanked out.
    bad: Vec<Span>,
    diagnostics: Vec<Diagnostic>,
    stack: Vec<Frame>,
    flow: usize,
    nodes: usize,
    /// Nodes copied for later aliases.
    kept: usize,
    /// Anchored nodes by id; `None` while still open.
    anchors: HashMap<usize, Option<Arc<Built>>>,
    names: HashMap<String, usize>,
    /// End of the last token.
    cursor: usize,
    documents: usize,
    root: Option<Node>,
}

impl<'f> Loader<'f> {
    fn new(file: &'f SourceFile, limits: Limits, repairs: &Repairs) -> Self {
        Self {
            file,
            limits,
            bad: repairs.spans().to_vec(),
            diagnostics: repairs.diagnostics(file),
            stack: Vec::new(),
            flow: 0,
            nodes: 0,
            kept: 0,
            anchors: HashMap::new(),
            names: HashMap::new(),
            cursor: 0,
            documents: 0,
            root: None,
        }
    }

    fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut events = Events::new(text, self.limits.depth);
        loop {
            match events.next().map_err(Stop::Fault)? {
                Event::End => return Ok(()),
                Event::DocumentStart => {}
                Event::Scalar { text, style, span, properties } => self.scalar(text, style, span, &properties)?,
                Event::Alias { id, span } => self.alias(id, span)?,
                Event::SequenceStart { span, properties } => {
                    self.open(span, &properties, Body::Sequence(Vec::new()))?;
                    self.flow += usize::from(span.start != span.end);
                }
                Event::MappingStart { span, block, properties } => {
                    let frame = MappingFrame {
                        block,
                        colon: None,
                        entries: Vec::new(),
                        seen: HashMap::new(),
                        key: None,
                        merge: None,
                    };
                    self.open(span, &properties, Body::Mapping(Box::new(frame)))?;
                    self.flow += usize::from(!block);
                }
                Event::SequenceEnd { span } | Event::MappingEnd { span } => self.close(span)?,
            }
        }
    }

    fn finish(mut self, stop: Result<(), Stop>) -> (Option<Node>, Vec<Diagnostic>) {
        match stop {
            Ok(()) => {}
            Err(Stop::Refused(d)) => {
                self.diagnostics.push(*d);
                return (None, self.diagnostics);
            }
            Err(Stop::Fault(fault)) => {
                let at = self.char_at(fault.at);
                self.error("TG0101", at, fault.message);
                return (None, self.diagnostics);
            }
        }
        if self.documents > 1 {
            self.diagnostics.push(Diagnostic::error("TG0108", self.file, None, "more than one YAML document detected"));
            return (None, self.diagnostics);
        }
        let Some(root) = self.root.take() else { return (None, self.diagnostics) };
        if !matches!(root.kind, Kind::Mapping(_) | Kind::Bad) {
            self.error("TG0108", root.at, "invalid document: contents are not valid YAML or JSON");
            return (None, self.diagnostics);
        }
        (Some(root), self.diagnostics)
    }

    fn error(&mut self, code: &'static str, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(code, self.file, span, message));
    }

    fn char_at(&self, at: usize) -> Span {
        let len = self.file.text().get(at..).and_then(|t| t.chars().next()).map_or(0, char::len_utf8);
        Span::new(at, at + len)
    }

    fn spend(&mut self, nodes: usize, at: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let message = format!("document has more than {} nodes after expanding aliases", self.limits.nodes);
            return Err(Stop::Refused(Box::new(Diagnostic::error("TG0109", self.file, at, message))));
        }
        Ok(())
    }

    fn check_depth(&self, more: usize, at: Span) -> Result<(), Stop> {
        if self.stack.len() + more > self.limits.depth {
            let message = format!("document is nested more than {} levels deep", self.limits.depth);
            return Err(Stop::Refused(Box::new(Diagnostic::error("TG0109", self.file, at, message))));
        }
        Ok(())
    }

    /// Notes where a node starts, and its anchor's name. Returns the node's first token.
    fn begin(&mut self, span: Span, properties: &Properties) -> Span {
        let mut outer = span;
        if let Some(tag) = properties.tag {
            self.cursor = self.cursor.max(tag.end as usize);
            outer = Span { start: outer.start.min(tag.start), end: outer.end };
        }
        if let Some(anchor) = &properties.anchor {
            self.cursor = self.cursor.max(anchor.span.end as usize);
            outer = Span { start: outer.start.min(anchor.span.start), end: outer.end };
            self.name_anchor(anchor, span);
        }
        outer
    }

    fn name_anchor(&mut self, anchor: &Anchor, node: Span) {
        if self.names.insert(anchor.name.clone(), anchor.id).is_some() {
            let what = Span { start: anchor.span.start, end: node.end };
            let text = self.file.slice(what);
            let text =
                if text.is_empty() || text.contains('\n') { self.file.slice(anchor.span) } else { text }.to_owned();
            let message = format!("duplicate anchor definition {}", go_quote(&text));
            self.error("TG0107", anchor.span, message);
        }
    }

    fn scalar(&mut self, text: String, style: Style, span: Span, properties: &Properties) -> Result<(), Stop> {
        let mut outer = self.begin(span, properties);
        let (span, at) = match style {
            Style::Literal | Style::Folded => {
                let header = block::find_header(self.file.text(), self.cursor).unwrap_or(span.start as usize);
                let header = Span::new(header, header + 1);
                if properties.anchor.is_none() && properties.tag.is_none() {
                    outer = header;
                }
                (header.to(span), header)
            }
            Style::Plain | Style::Single | Style::Double => (span, span),
        };
        self.cursor = self.cursor.max(span.end as usize);
        let absent =
            span.start == span.end && style == Style::Plain && properties.anchor.is_none() && properties.tag.is_none();
        if self.stack.is_empty() && absent {
            return Ok(());
        }
        self.spend(1, at)?;
        if self.expects_key() {
            let fault = if properties.anchor.is_some() {
                Some(KeyFault::Anchor)
            } else if properties.tag.is_some() {
                Some(KeyFault::Tag)
            } else if self.is_explicit_key(span) {
                Some(KeyFault::MappingKey)
            } else if style == Style::Plain {
                scalar::key_fault(&text)
            } else {
                None
            };
            let text = if self.is_after_bom(span) { format!("\u{feff}{text}") } else { text };
            let merge = fault.is_none() && style == Style::Plain && text == "<<";
            let span = if matches!(fault, Some(KeyFault::Anchor | KeyFault::Tag)) { outer } else { span };
            self.key(Key { text, span, fault }, merge);
            return Ok(());
        }
        let kind = if self.bad.contains(&Span { start: span.start, end: span.start }) {
            Kind::Bad
        } else {
            let value = if style == Style::Plain { scalar::resolve(&text) } else { Resolved::String };
            Kind::Scalar(Scalar { text, style, value })
        };
        let node = Node { kind, span, at, outer };
        let built = Built { node, size: 1, height: 0, merge: MergeSource::Inline };
        self.value(built, properties.anchor.as_ref().map(|a| a.id))
    }

    fn alias(&mut self, id: Option<usize>, span: Span) -> Result<(), Stop> {
        self.cursor = self.cursor.max(span.end as usize);
        if self.expects_key() {
            self.spend(1, span)?;
            self.key(Key { text: String::new(), span, fault: Some(KeyFault::Alias) }, false);
            return Ok(());
        }
        let name = self.file.slice(span).trim_start_matches('*').to_owned();
        let known = id.and_then(|id| self.anchors.get(&id).cloned());
        let built = match known {
            Some(Some(anchored)) => {
                self.check_depth(anchored.height, span)?;
                self.spend(anchored.size, span)?;
                let mut node = anchored.node.clone();
                node.outer = span;
                Built { node, size: anchored.size, height: anchored.height, merge: MergeSource::Alias }
            }
            refused => {
                let message = if refused.is_some() {
                    format!("anchor {} contains itself", go_quote(&name))
                } else {
                    format!("unknown anchor {}", go_quote(&name))
                };
                self.error("TG0107", span, message);
                self.spend(1, span)?;
                let node = Node { kind: Kind::Bad, span, at: span, outer: span };
                Built { node, size: 1, height: 0, merge: MergeSource::Alias }
            }
        };
        self.value(built, None)
    }

    fn open(&mut self, span: Span, properties: &Properties, body: Body) -> Result<(), Stop> {
        let outer = self.begin(span, properties);
        self.cursor = self.cursor.max(span.end as usize);
        self.spend(1, span)?;
        self.check_depth(1, span)?;
        let anchor = properties.anchor.as_ref().map(|a| a.id);
        if let Some(id) = anchor {
            self.anchors.insert(id, None);
        }
        self.stack.push(Frame { span, outer, anchor, size: 1, height: 0, end: span.end, body });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else { return Ok(()) };
        let Frame { span, outer, anchor, size, height, end: last, body } = frame;
        let flow = end.start != end.end;
        if flow {
            self.flow = self.flow.saturating_sub(1);
            self.cursor = self.cursor.max(end.end as usize);
        }
        let whole = Span { start: span.start, end: if flow { end.end } else { last } };
        let (kind, at) = match body {
            Body::Sequence(items) => (Kind::Sequence(items), Span { start: span.start, end: span.start + 1 }),
            Body::Mapping(mut m) => {
                if let Some(source) = m.merge.take() {
                    self.merge(&mut m, source);
                }
                let brace = Span { start: span.start, end: span.start + 1 };
                let at = if m.block { m.colon.unwrap_or(brace) } else { brace };
                (Kind::Mapping(Mapping { entries: m.entries }), at)
            }
        };
        let outer = if outer.start == span.start { at } else { outer };
        let node = Node { kind, span: whole, at, outer };
        self.value(Built { node, size, height: height + 1, merge: MergeSource::Inline }, anchor)
    }

    fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { body: Body::Mapping(m), .. }) if m.key.is_none())
    }

    /// `? key`, which the reference does not take.
    fn is_explicit_key(&self, key: Span) -> bool {
        let text = self.file.text();
        let before = text.get(..key.start as usize).unwrap_or("").trim_end_matches([' ', '\t']);
        let marked = before.strip_suffix('?').is_some_and(|b| {
            let b = b.rsplit('\n').next().unwrap_or("").trim_end_matches([' ', '\t', '-']);
            b.is_empty() || b.ends_with([':', '{', '[', ',']) || b.ends_with(|c: char| c == '?')
        });
        let block = matches!(self.stack.last(), Some(Frame { body: Body::Mapping(m), .. }) if m.block);
        let after = text.get(key.end as usize..).unwrap_or("").trim_start_matches([' ', '\t']);
        marked || (block && !after.starts_with(':'))
    }

    fn is_after_bom(&self, key: Span) -> bool {
        key.start as usize == '\u{feff}'.len_utf8() && self.file.text().starts_with('\u{feff}')
    }

    fn key(&mut self, key: Key, merge: bool) {
        let colon = block::find_colon(self.file.text(), key.span.end as usize);
        let file = self.file;
        let Some(Frame { body: Body::Mapping(m), .. }) = self.stack.last_mut() else { return };
        if let Some(colon) = colon
            && m.colon.is_none()
        {
            m.colon = Some(Span::new(colon, colon + 1));
        }
        let known = if key.fault == Some(KeyFault::Alias) { None } else { m.seen.get(&key.text).copied() };
        if let Some(start) = known {
            let Position { line, column } = file.position(start);
            let message = format!("mapping key {} already defined at [{line}:{column}]", go_quote(&key.text));
            let first = Span::new(start as usize, start as usize + key.text.len());
            self.diagnostics.push(Diagnostic::error("TG0103", file, key.span, message).with_related(
                file,
                first,
                "first defined here",
            ));
            m.key = Some(PendingKey::Duplicate);
            return;
        }
        m.seen.insert(key.text.clone(), key.span.start);
        m.key = Some(if merge { PendingKey::Merge } else { PendingKey::Plain(key) });
    }

    fn value(&mut self, built: Built, anchor: Option<usize>) -> Result<(), Stop> {
        if let Some(id) = anchor {
            self.keep(id, &built)?;
        }
        let Some(frame) = self.stack.last_mut() else {
            self.documents += 1;
            if self.root.is_none() {
                self.root = Some(built.node);
            }
            return Ok(());
        };
        frame.size = frame.size.saturating_add(built.size);
        frame.height = frame.height.max(built.height);
        let used = if built.merge == MergeSource::Alias { built.node.outer } else { built.node.span };
        frame.end = frame.end.max(used.end);
        match &mut frame.body {
            Body::Sequence(items) => items.push(built.node),
            Body::Mapping(m) => match m.key.take() {
                Some(PendingKey::Plain(key)) => {
                    frame.size = frame.size.saturating_add(1);
                    m.entries.push(Entry { key, value: built.node, merged: false });
                }
                Some(PendingKey::Merge) => m.merge = Some(built),
                Some(PendingKey::Duplicate) => {}
                None => {
                    // A collection as a key.
                    let at = block::find_colon(self.file.text(), built.node.span.end as usize)
                        .unwrap_or(built.node.span.start as usize);
                    let at = self.char_at(at);
                    let fault = Diagnostic::error("TG0101", self.file, at, "found an invalid key for this map");
                    return Err(Stop::Refused(Box::new(fault)));
                }
            },
        }
        Ok(())
    }

    /// Keeps a copy of an anchored node for its aliases.
    fn keep(&mut self, id: usize, built: &Built) -> Result<(), Stop> {
        self.kept = self.kept.saturating_add(built.size);
        if self.kept > self.limits.nodes.saturating_mul(4) {
            let message = "document has too many nested anchors";
            return Err(Stop::Refused(Box::new(Diagnostic::error("TG0109", self.file, built.node.outer, message))));
        }
        let Built { node, size, height, merge } = built;
        let copy = Built { node: node.clone(), size: *size, height: *height, merge: *merge };
        self.anchors.insert(id, Some(Arc::new(copy)));
        Ok(())
    }

    /// Applies `<<`: entries that the mapping does not have itself.
    fn merge(&mut self, m: &mut MappingFrame, source: Built) {
        let place = source.node.outer;
        match source.node.kind {
            Kind::Mapping(from) => {
                for entry in from.entries {
                    if !m.seen.contains_key(&entry.key.text) {
                        m.seen.insert(entry.key.text.clone(), entry.key.span.start);
                        m.entries.push(Entry { merged: true, ..entry });
                    }
                }
            }
            Kind::Bad => {}
            Kind::Scalar(_) | Kind::Sequence(_) if source.merge == MergeSource::Alias => {
                let kind = source.node.type_name();
                self.error("TG0107", place, format!("expected map alias got {kind}"));
            }
            Kind::Scalar(_) | Kind::Sequence(_) => self.error("TG0107", place, "not an alias"),
        }
    }
}
