//! Events to tree: finds duplicate keys, resolves scalars, notes every place, and keeps to the limits. Iterative, so that
//! no input can exhaust the stack; one pass, so that time is linear in the text plus what aliases expand to, which is
//! bounded. Aliases and merge keys are `anchors`' business.

use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use super::events::{Event, Events, Properties};
use super::load::{Limits, MOST_DOCUMENTS, MOST_FAULTS, Stop, too_deep};
use super::node::{Entry, Key, KeyFault, Kind, Mapping, Node, Resolved, Scalar, Style};
use super::path::go_quote;
use super::repair::Repairs;
use super::{places, scalar};
use crate::source::{Diagnostic, Position, SourceFile, Span};

/// A finished node with what it weighs.
pub(super) struct Built {
    pub(super) node: Node,
    pub(super) size: usize,
    pub(super) height: usize,
    pub(super) merge: MergeSource,
}

/// What a value may be good for under a merge key.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum MergeSource {
    Alias,
    Inline,
}

pub(super) struct Frame {
    pub(super) span: Span,
    pub(super) outer: Span,
    pub(super) anchor: Option<usize>,
    pub(super) size: usize,
    pub(super) height: usize,
    pub(super) end: u32,
    pub(super) body: Body,
}

pub(super) enum Body {
    Sequence { items: Vec<Node>, block: bool },
    Mapping(Box<MappingFrame>),
}

pub(super) struct MappingFrame {
    pub(super) block: bool,
    pub(super) colon: Option<Span>,
    pub(super) entries: Vec<Entry>,
    pub(super) seen: HashMap<String, u32>,
    pub(super) key: Option<PendingKey>,
    pub(super) merge: Option<Built>,
    pub(super) incomplete: bool,
}

pub(super) enum PendingKey {
    Plain(Key),
    Merge,
    Duplicate,
}

pub(super) struct Loader<'f> {
    pub(super) file: &'f SourceFile,
    pub(super) limits: Limits,
    /// Starts of scalars that were blanked out.
    pub(super) bad: Vec<Span>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) stack: Vec<Frame>,
    pub(super) flow: usize,
    pub(super) nodes: usize,
    /// Nodes copied for later aliases.
    pub(super) kept: usize,
    /// Anchored nodes by id; `None` while still open.
    pub(super) anchors: HashMap<usize, Option<Arc<Built>>>,
    pub(super) names: HashMap<String, usize>,
    /// End of the last token.
    pub(super) cursor: usize,
    /// Documents with something in them.
    pub(super) documents: usize,
    /// Documents begun.
    pub(super) starts: usize,
    pub(super) root: Option<Node>,
}

impl<'f> Loader<'f> {
    pub(super) fn new(file: &'f SourceFile, limits: Limits, repairs: &Repairs) -> Self {
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
            starts: 0,
            root: None,
        }
    }

    pub(super) fn run(&mut self, text: &str) -> Result<(), Stop> {
        let mut events = Events::new(text, self.limits.depth);
        loop {
            match events.next().map_err(Stop::Fault)? {
                Event::End => return Ok(()),
                Event::DocumentStart => {
                    self.starts += 1;
                    if self.documents > 1 || self.starts > MOST_DOCUMENTS {
                        return Err(self.several_documents());
                    }
                }
                Event::Scalar { text, style, span, properties } => self.scalar(text, style, span, &properties)?,
                Event::Alias { id, span } => self.alias(id, span)?,
                Event::SequenceStart { span, properties } => {
                    let block = span.start == span.end;
                    self.open(span, &properties, Body::Sequence { items: Vec::new(), block })?;
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
                        incomplete: false,
                    };
                    self.open(span, &properties, Body::Mapping(Box::new(frame)))?;
                    self.flow += usize::from(!block);
                }
                Event::SequenceEnd { span } | Event::MappingEnd { span } => self.close(span)?,
            }
        }
    }

    pub(super) fn spend(&mut self, nodes: usize, at: Span) -> Result<(), Stop> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > self.limits.nodes {
            let message = format!("document has more than {} nodes after expanding aliases", self.limits.nodes);
            return Err(Stop::Refused(Box::new(Diagnostic::error("TG0109", self.file, at, message))));
        }
        Ok(())
    }

    pub(super) fn check_depth(&self, more: usize, at: Span) -> Result<(), Stop> {
        if self.stack.len() + more > self.limits.depth {
            let message = too_deep(self.limits);
            return Err(Stop::Refused(Box::new(Diagnostic::error("TG0109", self.file, at, message))));
        }
        Ok(())
    }

    /// Notes where a node starts, and its anchor's name. Returns the node's first token.
    fn begin(&mut self, span: Span, properties: &Properties) -> Span {
        self.pass_dash();
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

    /// Steps over the dash before an element other than the first.
    fn pass_dash(&mut self) {
        if let Some(Frame { body: Body::Sequence { items, block: true }, .. }) = self.stack.last()
            && !items.is_empty()
            && let Some(dash) = places::find_dash(self.file.text(), self.cursor)
        {
            self.cursor = dash + 1;
        }
    }

    fn scalar(&mut self, text: String, style: Style, span: Span, properties: &Properties) -> Result<(), Stop> {
        let mut outer = self.begin(span, properties);
        let (span, at) = match style {
            Style::Literal | Style::Folded => {
                let header = places::find_header(self.file.text(), self.cursor).unwrap_or(span.start as usize);
                let header = Span::new(header, header + 1);
                if properties.anchor.is_none() && properties.tag.is_none() {
                    outer = header;
                }
                (header.to(span), header)
            }
            Style::Plain | Style::Single | Style::Double => (span, span),
        };
        let absent =
            span.start == span.end && style == Style::Plain && properties.anchor.is_none() && properties.tag.is_none();
        if self.stack.is_empty() && absent {
            return Ok(());
        }
        let absent = absent && !self.expects_key();
        let (span, at) = if absent { (self.absent_place(span), self.absent_place(at)) } else { (span, at) };
        if absent {
            outer = at;
        }
        self.cursor = self.cursor.max(span.end as usize);
        self.spend(1, at)?;
        if self.expects_key() {
            let question = self.explicit_key(span);
            let fault = if properties.anchor.is_some() {
                Some(KeyFault::Anchor)
            } else if properties.tag.is_some() {
                Some(KeyFault::Tag)
            } else if question.is_some() {
                Some(KeyFault::MappingKey)
            } else if style == Style::Plain {
                scalar::key_fault(&text)
            } else {
                None
            };
            let text = if self.is_after_bom(span) { format!("\u{feff}{text}") } else { text };
            let merge = fault.is_none() && style == Style::Plain && text == "<<";
            let span = match fault {
                Some(KeyFault::Anchor | KeyFault::Tag) => outer,
                Some(KeyFault::MappingKey) => question.unwrap_or(span),
                _ if self.is_after_bom(span) => Span { start: 0, end: span.end },
                _ => span,
            };
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

    fn open(&mut self, span: Span, properties: &Properties, body: Body) -> Result<(), Stop> {
        let mut outer = self.begin(span, properties);
        let mut span = span;
        if let Body::Sequence { block: true, .. } = body
            && let Some(dash) = places::find_dash(self.file.text(), self.cursor)
        {
            // The parser's place of a sequence that is not indented is behind its first dash.
            outer.start = if outer.start == span.start { Span::new(dash, dash).start } else { outer.start };
            span = Span::new(dash, dash);
            self.cursor = dash + 1;
        }
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
            Body::Sequence { items, .. } => (Kind::Sequence(items), Span { start: span.start, end: span.start + 1 }),
            Body::Mapping(mut m) => {
                if let Some(source) = m.merge.take() {
                    self.merge(&mut m, source);
                }
                let brace = Span { start: span.start, end: span.start + 1 };
                let at = if m.block { m.colon.unwrap_or(brace) } else { brace };
                (Kind::Mapping(Mapping { entries: m.entries, incomplete: m.incomplete }), at)
            }
        };
        let outer = if outer.start == span.start { at } else { outer };
        let node = Node { kind, span: whole, at, outer };
        self.value(Built { node, size, height: height + 1, merge: MergeSource::Inline }, anchor)
    }

    pub(super) fn expects_key(&self) -> bool {
        matches!(self.stack.last(), Some(Frame { body: Body::Mapping(m), .. }) if m.key.is_none())
    }

    /// `? key`, which the reference does not take: the place of the question mark.
    fn explicit_key(&self, key: Span) -> Option<Span> {
        let text = self.file.text();
        let before = text.get(..key.start as usize).unwrap_or("").trim_end_matches([' ', '\t']);
        if let Some(rest) = before.strip_suffix('?') {
            let line = rest.rsplit('\n').next().unwrap_or("").trim_end_matches([' ', '\t', '-']);
            if line.is_empty() || line.ends_with([':', '{', '[', ',']) {
                return Some(Span::new(rest.len(), before.len()));
            }
        }
        let block = matches!(self.stack.last(), Some(Frame { body: Body::Mapping(m), .. }) if m.block);
        let after = text.get(key.end as usize..).unwrap_or("").trim_start_matches([' ', '\t']);
        (block && !after.starts_with(':')).then_some(key)
    }

    /// Where a value that is not written would stand: after the colon or dash.
    fn absent_place(&self, span: Span) -> Span {
        let text = self.file.text();
        let sign = match self.stack.last().map(|f| &f.body) {
            Some(Body::Mapping(_)) => places::find_colon(text, self.cursor),
            Some(Body::Sequence { block: true, .. }) => self.cursor.checked_sub(1),
            Some(Body::Sequence { .. }) | None => None,
        };
        sign.map_or(span, |s| Span::new(s + 1, s + 1))
    }

    fn is_after_bom(&self, key: Span) -> bool {
        key.start as usize == '\u{feff}'.len_utf8() && self.file.text().starts_with('\u{feff}')
    }

    pub(super) fn key(&mut self, key: Key, merge: bool) {
        let colon = places::find_colon(self.file.text(), key.span.end as usize);
        let file = self.file;
        let Some(Frame { body: Body::Mapping(m), .. }) = self.stack.last_mut() else { return };
        if let Some(colon) = colon
            && m.colon.is_none()
        {
            m.colon = Some(Span::new(colon, colon + 1));
        }
        let known = if key.fault == Some(KeyFault::Alias) { None } else { m.seen.get(&key.text).copied() };
        if let Some(start) = known {
            m.key = Some(PendingKey::Duplicate);
            if self.diagnostics.len() >= MOST_FAULTS {
                return;
            }
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

    pub(super) fn value(&mut self, built: Built, anchor: Option<usize>) -> Result<(), Stop> {
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
            Body::Sequence { items, .. } => items.push(built.node),
            Body::Mapping(m) => match m.key.take() {
                Some(PendingKey::Plain(key)) => {
                    if !m.block && built.node.span.start == built.node.span.end && is_unspaced_pair(self.file, &key) {
                        let message = format!("a blank is needed after the colon in `{}`", key.text);
                        self.diagnostics.push(Diagnostic::error("TG0101", self.file, key.span, message));
                    }
                    frame.size = frame.size.saturating_add(1);
                    m.entries.push(Entry { key, value: built.node, merged: false });
                }
                Some(PendingKey::Merge) => m.merge = Some(built),
                Some(PendingKey::Duplicate) => {}
                None => {
                    // A collection as a key.
                    let at = places::find_colon(self.file.text(), built.node.span.end as usize)
                        .unwrap_or(built.node.span.start as usize);
                    let at = self.char_at(at);
                    let fault = Diagnostic::error("TG0101", self.file, at, "found an invalid key for this map");
                    return Err(Stop::Refused(Box::new(fault)));
                }
            },
        }
        Ok(())
    }
}

/// `{a:b}`: one key without a value to YAML, hardly what was meant, and a pair to the reference.
fn is_unspaced_pair(file: &SourceFile, key: &Key) -> bool {
    key.text.contains(':') && file.slice(key.span) == key.text
}
