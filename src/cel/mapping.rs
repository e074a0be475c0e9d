//! Maps under construction: literals, `transformMap`, `transformMapEntry`.

use std::collections::HashMap;

use bumpalo::collections::Vec as BumpVec;

use super::compare::{is_unhashable, key_candidates, same_key};
use super::context::Context;
use super::error::{EvalError, Fault};
use super::value::{Map, SORTED_ABOVE, Value};

/// Collects entries; keys stay unique. String keys of large maps are indexed.
pub struct MapBuilder<'c, 'a> {
    context: &'c Context<'a>,
    entries: BumpVec<'a, (Value<'a>, Value<'a>)>,
    only_strings: bool,
    index: HashMap<&'a str, usize, foldhash::fast::RandomState>,
}

impl<'c, 'a> MapBuilder<'c, 'a> {
    /// An empty one with room for `size` entries.
    pub fn new(context: &'c Context<'a>, size: usize) -> Self {
        Self {
            context,
            entries: BumpVec::with_capacity_in(size, context.bump),
            only_strings: true,
            index: HashMap::default(),
        }
    }

    fn position(&mut self, key: Value<'a>) -> Result<Option<usize>, EvalError<'a>> {
        if is_unhashable(key) {
            return Err(self.context.fault(Fault::Unhashable(key)));
        }
        self.context.charge(1)?;
        if let Value::String(text) = key
            && self.only_strings
            && self.entries.len() > SORTED_ABOVE
        {
            if self.index.is_empty() {
                let known = self.entries.iter().enumerate();
                self.index.extend(known.filter_map(|(i, (k, _))| match k {
                    Value::String(s) => Some((*s, i)),
                    _ => None,
                }));
            }
            return Ok(self.index.get(text).copied());
        }
        self.context.charge(self.entries.len() / 8)?;
        Ok(self.entries.iter().position(|(k, _)| same_key(*k, key)))
    }

    fn push(&mut self, key: Value<'a>, value: Value<'a>) {
        match key {
            Value::String(text) if self.only_strings && !self.index.is_empty() => {
                self.index.insert(text, self.entries.len());
            }
            Value::String(_) => {}
            _ => self.only_strings = false,
        }
        self.entries.push((key, value));
    }

    /// Adds an entry whose key is known to be new.
    pub fn add(&mut self, key: Value<'a>, value: Value<'a>) -> Result<(), EvalError<'a>> {
        self.context.charge(1)?;
        self.push(key, value);
        Ok(())
    }

    /// Sets an entry; the last value of a key counts, as in literals.
    pub fn set(&mut self, key: Value<'a>, value: Value<'a>) -> Result<(), EvalError<'a>> {
        match self.position(key)? {
            Some(i) => {
                if let Some(entry) = self.entries.get_mut(i) {
                    entry.1 = value;
                }
            }
            None => self.push(key, value),
        }
        Ok(())
    }

    /// Adds an entry that must be new; numbers are the same key across kinds here.
    pub fn insert(&mut self, key: Value<'a>, value: Value<'a>) -> Result<(), EvalError<'a>> {
        let taken = if matches!(key, Value::String(_)) {
            self.position(key)?.is_some()
        } else {
            if is_unhashable(key) {
                return Err(self.context.fault(Fault::Unhashable(key)));
            }
            self.context.charge(self.entries.len() / 8 + 1)?;
            let candidates = key_candidates(key);
            self.entries.iter().any(|(k, _)| candidates.iter().flatten().any(|candidate| same_key(*k, *candidate)))
        };
        if taken {
            return Err(self.context.fault(Fault::DuplicateKey(key)));
        }
        self.push(key, value);
        Ok(())
    }

    /// The finished map.
    pub fn finish(self) -> Map<'a> {
        if !self.only_strings {
            return Map::Entries(self.entries.into_bump_slice());
        }
        let mut fields = BumpVec::with_capacity_in(self.entries.len(), self.context.bump);
        fields.extend(self.entries.iter().filter_map(|(k, v)| match k {
            Value::String(s) => Some((*s, *v)),
            _ => None,
        }));
        if fields.len() > SORTED_ABOVE {
            fields.sort_unstable_by_key(|(k, _)| *k);
        }
        Map::Fields(fields.into_bump_slice())
    }
}
