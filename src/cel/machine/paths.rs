//! Static paths into the inputs. What several expressions read is walked once and remembered.

use super::super::error::{Eval, EvalError, Fault};
use super::super::program::{Path, Plan, Shortcut, Step, TypeTest};
use super::super::select;
use super::super::texts::Key;
use super::super::value::{Map, Value, field, field_named};
use super::{Machine, Memory, Place, Test, answer};

/// Where a path ends.
enum Holder<'a> {
    /// In a map of the request: what is there.
    Found(Option<&'a Value<'a>>),
    /// In something else: the last step, and what it is taken from.
    Other(&'a Step, &'a Value<'a>),
}

impl<'a, M: Memory<'a>> Machine<'a, M> {
    /// A static path.
    #[inline(never)]
    pub fn path(&self, index: u32) -> Eval<'a> {
        self.place(index).copied()
    }

    /// Where the value of a path is. What is no attribute of an input is worked out elsewhere, so that this needs no
    /// registers saved.
    #[inline]
    pub fn place(&self, index: u32) -> Place<'a> {
        match self.program.shortcuts.get(index as usize).map(|s| &s.plan) {
            Some(Plan::Attribute(root, position, key)) => match self.attribute(*root, *position, key) {
                Some(Some(found)) => Ok(found),
                _ => self.place_by_steps(index),
            },
            Some(Plan::Field(root, position)) => match self.message_field(*root, *position) {
                Some(value) => Ok(value),
                None => self.place_by_steps(index),
            },
            Some(Plan::Below(path, memo, key)) => match self.below(*path, *memo, key) {
                Some(Some(found)) => Ok(found),
                _ => self.place_by_steps(index),
            },
            Some(Plan::Steps) | None => self.place_by_steps(index),
        }
    }

    /// Where the value of a short path is; `None` if it leads out of the maps of the request, or nothing is there.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    pub(super) fn short_path(&self, index: u32) -> Option<&'a Value<'a>> {
        match &self.program.shortcuts.get(index as usize)?.plan {
            Plan::Attribute(root, position, key) => self.attribute(*root, *position, key)?,
            Plan::Field(root, position) => self.message_field(*root, *position),
            Plan::Below(path, memo, key) => self.below(*path, *memo, key)?,
            Plan::Steps => None,
        }
    }

    /// A declared field of an input.
    #[inline]
    fn message_field(&self, root: u32, position: u32) -> Option<&'a Value<'a>> {
        match self.roots.get(root as usize) {
            Some(Value::Message(m)) => m.fields.get(position as usize),
            _ => None,
        }
    }

    /// What `R.attr.key` finds in a map of the request; `None` if it leads anywhere else.
    #[inline]
    fn attribute(&self, root: u32, position: u32, key: &Key) -> Option<Option<&'a Value<'a>>> {
        match self.message_field(root, position) {
            Some(Value::Map(Map::Fields(fields))) => Some(field_named(fields, key)),
            _ => None,
        }
    }

    /// What a key of a remembered path finds in a map of the request; `None` if it leads anywhere else.
    #[inline(never)]
    fn below(&self, path: u32, memo: u32, key: &Key) -> Option<Option<&'a Value<'a>>> {
        match self.memory.slot(self, path, memo) {
            Ok(Value::Map(Map::Fields(fields))) => Some(field_named(fields, key)),
            _ => None,
        }
    }

    #[inline(never)]
    fn place_by_steps(&self, index: u32) -> Place<'a> {
        let Some(path) = self.program.paths.get(index as usize) else { return Ok(&Value::Null) };
        let (from, steps) = self.nearest(index, path, &path.steps)?;
        self.walk(from, steps)
    }

    /// The longest part of a path that is remembered, and the steps from there.
    #[inline]
    fn nearest(
        &self,
        index: u32,
        path: &'a Path,
        steps: &'a [Step],
    ) -> Result<(&'a Value<'a>, &'a [Step]), EvalError<'a>> {
        match self.program.shortcuts.get(index as usize) {
            Some(Shortcut { base: Some(base), .. }) => {
                let value = self.memory.slot(self, base.path, base.memo)?;
                Ok((value, steps.get(base.steps as usize..).unwrap_or(&[])))
            }
            _ => Ok((self.roots.get(path.root as usize).unwrap_or(&Value::Null), steps)),
        }
    }

    #[inline]
    fn walk(&self, from: &'a Value<'a>, steps: &'a [Step]) -> Place<'a> {
        let mut v = from;
        for step in steps {
            v = match (step, v) {
                (Step::Key(key), Value::Map(Map::Fields(fields))) => match field(fields, key) {
                    Some(found) => found,
                    None => return Err(self.context.fault(Fault::NoSuchKey(key))),
                },
                (Step::Field(i, name), Value::Message(m)) => match m.fields.get(*i as usize) {
                    Some(field) => field,
                    None => return Err(self.context.fault(Fault::NoSuchField(name))),
                },
                (Step::Key(key), other) => self.made(select::select(&self.context, *other, key)?),
                (Step::Field(_, name), other) => self.made(select::select(&self.context, *other, name)?),
            };
        }
        Ok(v)
    }

    /// A place for a value that is none of the request's own.
    #[cold]
    fn made(&self, value: Value<'a>) -> &'a Value<'a> {
        self.context.bump.alloc(value)
    }

    /// `has(path)`
    #[inline(never)]
    pub(super) fn has_path(&self, index: u32) -> Test<'a> {
        match self.short(index) {
            Some(found) => answer(found.is_some()),
            None => self.has_path_by_steps(index),
        }
    }

    /// What a short path finds, which is remembered where it is read again; `None` if it leads out of the maps of the
    /// request, or anything fails.
    #[expect(clippy::inline_always, reason = "measured: a call costs more than what it does")]
    #[inline(always)]
    fn short(&self, index: u32) -> Option<Option<&'a Value<'a>>> {
        let shortcut = self.program.shortcuts.get(index as usize)?;
        let found = match &shortcut.plan {
            Plan::Attribute(root, position, key) => self.attribute(*root, *position, key)?,
            Plan::Below(path, memo, key) => self.below(*path, *memo, key)?,
            Plan::Field(..) | Plan::Steps => return None,
        };
        if let (Some(value), Some(memo)) = (found, shortcut.memo) {
            self.memory.found(self, memo, value);
        }
        Some(found)
    }

    #[inline(never)]
    fn has_path_by_steps(&self, index: u32) -> Test<'a> {
        let (last, holder) = match self.holder(index)? {
            Holder::Found(found) => return answer(found.is_some()),
            Holder::Other(last, holder) => (last, holder),
        };
        match last {
            // worked out when it is asked for, and there even if it is empty
            Step::Field(_, "effectiveDerivedRoles") => answer(true),
            Step::Key(key) => answer(select::has(&self.context, *holder, key)?),
            Step::Field(_, name) => answer(select::has(&self.context, *holder, name)?),
        }
    }

    /// Several of these one after the other, as `&&` has it.
    #[inline(never)]
    pub(super) fn paths_are(&self, tests: &'a [(u32, TypeTest)]) -> Test<'a> {
        let mut failure = None;
        for (index, ty) in tests {
            let found = match self.short(*index) {
                Some(found) => answer(found.is_some_and(|v| ty.fits(v))),
                None => self.path_is_by_steps(*index, ty),
            };
            match found {
                Ok(()) => {}
                Err(unmet) if !unmet.is_absorbed() => return Err(unmet),
                Err(unmet) => failure = failure.or(Some(unmet)),
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// `has(path) && type(path) == ty`
    #[inline(never)]
    pub(super) fn path_is(&self, index: u32, ty: &TypeTest) -> Test<'a> {
        match self.short(index) {
            Some(found) => answer(found.is_some_and(|v| ty.fits(v))),
            None => self.path_is_by_steps(index, ty),
        }
    }

    #[inline(never)]
    fn path_is_by_steps(&self, index: u32, ty: &TypeTest) -> Test<'a> {
        match self.holder(index)? {
            Holder::Found(found) => answer(found.is_some_and(|v| ty.fits(v))),
            Holder::Other(..) => {
                self.has_path(index)?;
                answer(ty.fits(self.place(index)?))
            }
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
