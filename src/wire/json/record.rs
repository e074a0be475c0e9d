//! An object of which a reader knows some members: these as values and as the bytes they were sent as, read as strictly
//! as MCP messages are; of the others only that they are JSON.

use super::error::JsonError;
use super::node::Node;
use super::walk::Walk;
use crate::cel::value::Value;

/// A member.
#[derive(Clone, Copy, Debug)]
pub struct Field<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its bytes.
    pub raw: &'a [u8],
    /// What they say.
    pub value: Value<'a>,
}

/// The known members of an object, in the order they were sent.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a>(pub &'a [Field<'a>]);

impl<'a> Record<'a> {
    /// A member, unless it is absent or null.
    #[must_use]
    pub fn get(self, name: &str) -> Option<Field<'a>> {
        self.0.iter().find(|f| f.name == name && !matches!(f.value, Value::Null)).copied()
    }
}

impl<'a> Walk<'a> {
    pub(super) fn record(&self, node: &'a Node<'a>, known: &[&str], loose: &[&str]) -> Result<Record<'a>, JsonError> {
        let none = Field { name: "", raw: b"", value: Value::Null };
        let fields = self.bump.alloc_slice_fill_copy(known.len(), none);
        let mut used = 0;
        self.members(node, known, |index, node| {
            let Some(name) = index.and_then(|i| known.get(i)) else { return self.value(node, self.depth).map(drop) };
            let value = if loose.contains(name) { self.value(node, self.depth)? } else { self.exact_value(node)? };
            if let Some(slot) = fields.get_mut(used) {
                *slot = Field { name: self.bump.alloc_str(name), raw: self.raw(node), value };
                used += 1;
            }
            Ok(())
        })?;
        Ok(Record(fields.get(..used).unwrap_or_default()))
    }
}
