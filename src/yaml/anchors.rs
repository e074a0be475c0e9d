//! Anchors, aliases and merge keys. What aliases expand to is charged to the node budget before it is copied.

use std::sync::Arc;

use super::events::Anchor;
use super::load::Stop;
use super::node::{Entry, Key, KeyFault, Kind, Node};
use super::path::go_quote;
use super::tree::{Built, Loader, MappingFrame, MergeSource};
use crate::source::{Diagnostic, Span};

impl Loader<'_> {
    pub(super) fn name_anchor(&mut self, anchor: &Anchor, node: Span) {
        if self.names.insert(anchor.name.clone(), anchor.id).is_some() {
            let what = Span { start: anchor.span.start, end: node.end };
            let text = self.file.slice(what);
            let text =
                if text.is_empty() || text.contains('\n') { self.file.slice(anchor.span) } else { text }.to_owned();
            let message = format!("duplicate anchor definition {}", go_quote(&text));
            self.error("TG0107", anchor.span, message);
        }
    }

    pub(super) fn alias(&mut self, id: Option<usize>, span: Span) -> Result<(), Stop> {
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

    /// Keeps a copy of an anchored node for its aliases.
    pub(super) fn keep(&mut self, id: usize, built: &Built) -> Result<(), Stop> {
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
    pub(super) fn merge(&mut self, m: &mut MappingFrame, source: Built) {
        let place = source.node.outer;
        m.incomplete = !matches!(source.node.kind, Kind::Mapping(_));
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
