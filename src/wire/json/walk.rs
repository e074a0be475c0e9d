//! The JSON mapping of protobuf, over a tree: messages, lists, maps, scalars, in document order. Knows no message.

use std::cell::Cell;

use bumpalo::Bump;

use super::error::{JsonError, Position};
use super::node::{Kind, Node};
use super::parser::{Key, Span, raw, string_error};
use super::value::{duplicate, duplicate_key, not_finite};
use crate::cel::value::{List, Map, Value};
use crate::wire::map::sort;

/// Reads the meaning of a tree.
pub(super) struct Walk<'a> {
    pub(super) text: &'a [u8],
    /// Where the value ends in the text.
    pub(super) end: usize,
    pub(super) bump: &'a Bump,
    pub(super) depth: u32,
    /// Bytes of arena that are left to take.
    pub(super) budget: Cell<usize>,
}

/// A field's JSON name and its proto name.
pub(super) type Name = (&'static str, &'static str);

impl<'a> Walk<'a> {
    /// Hands each field that is set to `each`, by its index in `names`.
    pub(super) fn message(
        &self,
        node: &'a Node<'a>,
        names: &[Name],
        each: impl FnMut(usize, &'a Node<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.fields(node, names, false, each)
    }

    /// The same; fields that are in no list are skipped.
    pub(super) fn known(
        &self,
        node: &'a Node<'a>,
        names: &[Name],
        each: impl FnMut(usize, &'a Node<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        self.fields(node, names, true, each)
    }

    fn fields(
        &self,
        node: &'a Node<'a>,
        names: &[Name],
        skip: bool,
        mut each: impl FnMut(usize, &'a Node<'a>) -> Result<(), JsonError>,
    ) -> Result<(), JsonError> {
        let Kind::Object(members) = node.kind else { return Err(self.unexpected(node)) };
        let mut seen = 0_u64;
        for (key, value) in members {
            let name = key.name.map_err(|fault| string_error(self.text, self.end, key.span, fault))?;
            let Some(index) = names.iter().position(|(json, proto)| *json == name || *proto == name) else {
                if skip {
                    continue;
                }
                return Err(self.meaning(key.span, &format!("unknown field {}", raw(self.text, key.span))));
            };
            if seen & (1 << index) != 0 {
                return Err(self.meaning(key.span, &format!("duplicate field {}", raw(self.text, key.span))));
            }
            seen |= 1 << index;
            if !matches!(value.kind, Kind::Null) {
                each(index, value)?;
            }
        }
        Ok(())
    }

    /// A repeated field.
    pub(super) fn repeated<T: Copy>(
        &self,
        node: &'a Node<'a>,
        empty: T,
        mut each: impl FnMut(&'a Node<'a>) -> Result<T, JsonError>,
    ) -> Result<&'a [T], JsonError> {
        let Kind::Array(nodes) = node.kind else { return Err(self.unexpected(node)) };
        let items = self.slots(nodes.len(), empty)?;
        for (slot, node) in items.iter_mut().zip(nodes) {
            *slot = each(node)?;
        }
        Ok(items)
    }

    fn slots<T: Copy>(&self, n: usize, fill: T) -> Result<&'a mut [T], JsonError> {
        let left = self.budget.get().checked_sub(n.saturating_mul(size_of::<T>()));
        self.budget.set(left.ok_or(JsonError::TooMany)?);
        Ok(self.bump.alloc_slice_fill_copy(n, fill))
    }

    /// A repeated string.
    pub(super) fn strings(&self, node: &'a Node<'a>, field: &str) -> Result<&'a [&'a str], JsonError> {
        self.repeated(node, "", |node| self.string(node, field))
    }

    /// A map field; keys are unique, large maps sorted.
    pub(super) fn map<T: Copy>(
        &self,
        node: &'a Node<'a>,
        empty: T,
        mut each: impl FnMut(&'a Node<'a>) -> Result<T, JsonError>,
    ) -> Result<&'a [(&'a str, T)], JsonError> {
        let Kind::Object(members) = node.kind else { return Err(self.unexpected(node)) };
        let duplicate = duplicate(members);
        let entries = self.slots(members.len(), ("", empty))?;
        for (i, (slot, (key, node))) in entries.iter_mut().zip(members).enumerate() {
            let name = key.name.map_err(|fault| string_error(self.text, self.end, key.span, fault))?;
            if let Some((_, span)) = duplicate.filter(|(index, _)| *index == i) {
                return Err(duplicate_key(self.text, span));
            }
            *slot = (name, each(node)?);
        }
        sort(entries);
        Ok(entries)
    }

    /// A map of values.
    pub(super) fn values(&self, node: &'a Node<'a>, depth: u32) -> Result<Map<'a>, JsonError> {
        self.map(node, Value::Null, |node| self.value(node, depth)).map(Map::Fields)
    }

    /// A `google.protobuf.Value`.
    pub(super) fn value(&self, node: &'a Node<'a>, depth: u32) -> Result<Value<'a>, JsonError> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.meaning(node.span, "exceeded max depth"));
        };
        Ok(match node.kind {
            Kind::Null => Value::Null,
            Kind::Bool(b) => Value::Bool(b),
            Kind::Number(n) if n.is_finite() => Value::Double(n),
            Kind::Number(_) => return Err(not_finite(self.text, node.span)),
            Kind::String(text) => {
                Value::String(text.map_err(|fault| string_error(self.text, self.end, node.span, fault))?)
            }
            Kind::Array(_) => {
                Value::List(List::Values(self.repeated(node, Value::Null, |node| self.value(node, depth))?))
            }
            Kind::Object(_) => Value::Map(self.values(node, depth)?),
        })
    }

    /// A string field.
    pub(super) fn string(&self, node: &Node<'a>, field: &str) -> Result<&'a str, JsonError> {
        match node.kind {
            Kind::String(text) => text.map_err(|fault| string_error(self.text, self.end, node.span, fault)),
            _ => Err(self.invalid(node, "string", field)),
        }
    }

    /// A bool field.
    pub(super) fn bool(&self, node: &Node<'a>, field: &str) -> Result<bool, JsonError> {
        match node.kind {
            Kind::Bool(value) => Ok(value),
            Kind::String(Err(fault)) => Err(string_error(self.text, self.end, node.span, fault)),
            _ => Err(self.invalid(node, "bool", field)),
        }
    }

    /// The bytes of a node as they were sent.
    pub(super) fn raw(&self, node: &Node<'a>) -> &'a [u8] {
        self.bytes(node.span)
    }

    /// The bytes of a place.
    pub(super) fn bytes(&self, span: Span) -> &'a [u8] {
        self.text.get(span.start as usize..span.end as usize).unwrap_or_default()
    }

    #[cold]
    fn invalid(&self, node: &Node<'a>, ty: &str, field: &str) -> JsonError {
        self.meaning(node.span, &format!("invalid value for {ty} field {field}: {}", raw(self.text, node.span)))
    }

    #[cold]
    fn unexpected(&self, node: &Node<'a>) -> JsonError {
        if let Kind::String(Err(fault)) = node.kind {
            return string_error(self.text, self.end, node.span, fault);
        }
        let what = format!("unexpected token {}", raw(self.text, node.span));
        JsonError::Token { what, at: Position::of(self.text, node.span.start as usize) }
    }

    /// The name of a member.
    pub(super) fn name(&self, key: &Key<'a>) -> Result<&'a str, JsonError> {
        key.name.map_err(|fault| string_error(self.text, self.end, key.span, fault))
    }

    /// The error for something at a place.
    #[cold]
    pub(super) fn at(&self, span: Span, what: &str) -> JsonError {
        self.meaning(span, what)
    }

    #[cold]
    fn meaning(&self, span: Span, what: &str) -> JsonError {
        JsonError::Meaning { what: what.to_owned(), at: Position::of(self.text, span.start as usize) }
    }
}
