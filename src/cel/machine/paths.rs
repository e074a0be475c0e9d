//! Static paths into the inputs. What several expressions read is walked once and remembered.

use super::super::error::{Eval, EvalError, Fault};
use super::super::program::{Path, Plan, Shortcut, Step, TypeTest};
use super::super::select;
use super::super::value::{Map, Value, field};
use super::{Machine, Memory, Place, Test};

/// Where a path ends.
enum Holder<'a> {
    /// In a map of the request: what is there.
    Found(Option<&'a Value<'a>>),
    /// In something else: the last step, and what it is taken from.
    Other(&'a Step, Value<'a>),
}

impl<'a, M: Memory<'a>> Machine<'a, M> {
    /// What a short path finds in a map of the request; `None` if it leads anywhere else, and where anything fails.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    fn short(&self, shortcut: &'a Shortcut) -> Option<Option<&'a Value<'a>>> {
        let (holder, key) = match &shortcut.plan {
            Plan::Attribute(root, position, key) => match self.roots.get(*root as usize) {
                Some(Value::Message(m)) => (m.fields.get(*position as usize)?, key),
                _ => return None,
            },
            Plan::Below(path, memo, key) => (self.memory.slot(self, *path, *memo).ok()?, key),
            Plan::Steps => return None,
        };
        match holder {
            Value::Map(Map::Fields(fields)) => Some(field(fields, key)),
            _ => None,
        }
    }

    /// A static path.
    #[inline(never)]
    pub fn path(&self, index: u32) -> Eval<'a> {
        match self.program.shortcuts.get(index as usize).and_then(|shortcut| self.short(shortcut)) {
            Some(Some(found)) => Ok(*found),
            _ => self.path_by_steps(index),
        }
    }

    /// Where the value of a path is.
    pub fn place(&self, index: u32) -> Place<'a> {
        match self.program.shortcuts.get(index as usize).and_then(|shortcut| self.short(shortcut)) {
            Some(Some(found)) => Ok(found),
            _ => self.path_by_steps(index).map(|value| &*self.context.bump.alloc(value)),
        }
    }

    #[inline(never)]
    fn path_by_steps(&self, index: u32) -> Eval<'a> {
        let Some(path) = self.program.paths.get(index as usize) else { return Ok(Value::Null) };
        let (from, steps) = self.nearest(index, path, &path.steps)?;
        self.walk(from, steps)
    }

    /// The longest part of a path that is remembered, and the steps from there.
    #[inline]
    fn nearest(&self, index: u32, path: &'a Path, steps: &'a [Step]) -> Result<(Value<'a>, &'a [Step]), EvalError<'a>> {
        match self.program.shortcuts.get(index as usize) {
            Some(Shortcut { base: Some(base), .. }) => {
                let value = self.memory.slot(self, base.path, base.memo)?;
                Ok((*value, steps.get(base.steps as usize..).unwrap_or(&[])))
            }
            _ => Ok((self.root(path.root), steps)),
        }
    }

    #[inline]
    fn walk(&self, from: Value<'a>, steps: &'a [Step]) -> Eval<'a> {
        let mut v = from;
        for step in steps {
            v = match (step, v) {
                (Step::Key(key), Value::Map(Map::Fields(fields))) => match Map::Fields(fields).get_str(key) {
                    Some(found) => found,
                    None => return Err(self.context.fault(Fault::NoSuchKey(key))),
                },
                (Step::Field(i, name), Value::Message(m)) => match m.fields.get(*i as usize) {
                    Some(field) => *field,
                    None => return Err(self.context.fault(Fault::NoSuchField(name))),
                },
                (Step::Key(key), other) => select::select(&self.context, other, key)?,
                (Step::Field(_, name), other) => select::select(&self.context, other, name)?,
            };
        }
        Ok(v)
    }

    /// `has(path)`
    #[inline(never)]
    pub(super) fn has_path(&self, index: u32) -> Test<'a> {
        match self.short_remembered(index) {
            Some(found) => Ok(found.is_some()),
            None => self.has_path_by_steps(index),
        }
    }

    /// What a short path finds, which is remembered where it is read again.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    fn short_remembered(&self, index: u32) -> Option<Option<&'a Value<'a>>> {
        let shortcut = self.program.shortcuts.get(index as usize)?;
        let found = self.short(shortcut)?;
        if let (Some(value), Some(memo)) = (found, shortcut.memo) {
            self.memory.found(self, memo, value);
        }
        Some(found)
    }

    #[inline(never)]
    fn has_path_by_steps(&self, index: u32) -> Test<'a> {
        let (last, holder) = match self.holder(index)? {
            Holder::Found(found) => return Ok(found.is_some()),
            Holder::Other(last, holder) => (last, holder),
        };
        match last {
            // worked out when it is asked for, and there even if it is empty
            Step::Field(_, "effectiveDerivedRoles") => Ok(true),
            Step::Key(key) => select::has(&self.context, holder, key),
            Step::Field(_, name) => select::has(&self.context, holder, name),
        }
    }

    /// `has(path) && type(path) == ty`
    #[inline(never)]
    pub(super) fn path_is(&self, index: u32, ty: &TypeTest) -> Test<'a> {
        match self.short_remembered(index) {
            Some(found) => Ok(found.is_some_and(|v| ty.fits(v))),
            None => self.path_is_by_steps(index, ty),
        }
    }

    #[inline(never)]
    fn path_is_by_steps(&self, index: u32, ty: &TypeTest) -> Test<'a> {
        match self.holder(index)? {
            Holder::Found(found) => Ok(found.is_some_and(|v| ty.fits(v))),
            Holder::Other(..) => Ok(self.has_path(index)? && ty.fits(&self.path(index)?)),
        }
    }

    /// What holds the last step of a path; if that is a map of the request, what it has there, which is remembered.
    #[inline]
    fn holder(&self, index: u32) -> Result<Holder<'a>, EvalError<'a>> {
        let Some(path) = self.program.paths.get(index as usize) else { return Ok(Holder::Found(None)) };
        let Some((last, steps)) = path.steps.split_last() else {
            return Ok(Holder::Found(self.roots.get(path.root as usize)));
        };
        let (from, steps) = self.nearest(index, path, steps)?;
        let holder = self.walk(from, steps)?;
        let (Step::Key(key), Value::Map(Map::Fields(fields))) = (last, holder) else {
            return Ok(Holder::Other(last, holder));
        };
        let found = field(fields, key);
        if let (Some(value), Some(Shortcut { memo: Some(memo), .. })) =
            (found, self.program.shortcuts.get(index as usize))
        {
            self.memory.found(self, *memo, value);
        }
        Ok(Holder::Found(found))
    }

    pub(super) fn global(&self, root: u32, name: &str) -> Option<Value<'a>> {
        match self.root(root) {
            Value::Map(map) => map.get_str(name),
            _ => None,
        }
    }

    #[cold]
    pub(super) fn undefined(&self, name: &'a str) -> EvalError<'a> {
        self.context.fault(Fault::UndefinedField(name))
    }
}
