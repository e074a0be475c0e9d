//! What every step of an evaluation may use: the request's arena, the budget it is charged to, and the clock reading.
//!
//! Building strings and lists goes through here, so that nothing is allocated that was not charged.

use std::fmt::{self, Write};

use bumpalo::Bump;
use bumpalo::collections::{String as BumpString, Vec as BumpVec};

use super::budget::Budget;
use super::error::{Eval, EvalError, Fault};
use super::value::{Object, Timestamp, Value};

/// Arena, budget and clock of one decision.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Where values made on the way live.
    pub bump: &'a Bump,
    /// What every step is charged to.
    pub budget: &'a Budget,
    /// The one clock reading, if the caller gave one.
    pub now: Option<Timestamp>,
}

impl<'a> Context<'a> {
    /// Takes steps off the budget.
    #[inline]
    pub fn charge(&self, steps: usize) -> Result<(), EvalError<'a>> {
        self.budget.charge(steps as u64)
    }

    /// An error with a cause.
    #[cold]
    pub fn fault(&self, fault: Fault<'a>) -> EvalError<'a> {
        EvalError(self.bump.alloc(fault))
    }

    /// An error with a text of its own. Long texts are cut: they quote what the request holds.
    #[cold]
    pub fn error(&self, text: fmt::Arguments<'_>) -> EvalError<'a> {
        let mut out = Text::new(self);
        match out.write_fmt(text) {
            Ok(()) => self.fault(Fault::Text(out.text.into_bump_str())),
            Err(_) => EvalError::BUDGET,
        }
    }

    /// The error of a function that has no overload for these kinds.
    #[cold]
    pub fn no_overload(&self, name: &'static str, args: &[Value<'a>]) -> EvalError<'a> {
        self.fault(Fault::NoOverloadFor(name, self.bump.alloc_slice_copy(args)))
    }

    /// A string value from something printable, charged per byte.
    pub fn string(&self, text: impl fmt::Display) -> Eval<'a> {
        let mut out = Text::new(self);
        match write!(out, "{text}") {
            Ok(()) => Ok(Value::String(out.finish())),
            Err(fmt::Error) => Err(EvalError::BUDGET),
        }
    }

    /// A copy of `text` in the arena, charged per byte.
    pub fn copy_str(&self, text: &str) -> Result<&'a str, EvalError<'a>> {
        self.charge(text.len())?;
        Ok(self.bump.alloc_str(text))
    }

    /// A list value of elements that are charged one step each.
    pub fn list(&self, elements: impl IntoIterator<Item = Value<'a>>) -> Eval<'a> {
        let mut out = BumpVec::new_in(self.bump);
        for element in elements {
            self.charge(1)?;
            out.push(element);
        }
        Ok(Value::list(out.into_bump_slice()))
    }

    /// A list of strings, charged one step each.
    pub fn strings(&self, elements: impl IntoIterator<Item = &'a str>) -> Eval<'a> {
        self.list(elements.into_iter().map(Value::String))
    }

    /// `optional.of(value)`.
    pub fn some(&self, value: Value<'a>) -> Value<'a> {
        Value::Optional(Some(self.bump.alloc(value)))
    }

    /// An object of an extension library.
    pub fn object(&self, object: Object<'a>) -> Value<'a> {
        Value::Object(self.bump.alloc(object))
    }
}

/// A string under construction in the arena, charged per byte. Writing fails when the budget is exhausted.
pub struct Text<'c, 'a> {
    context: &'c Context<'a>,
    text: BumpString<'a>,
}

impl<'c, 'a> Text<'c, 'a> {
    /// An empty one.
    pub fn new(context: &'c Context<'a>) -> Self {
        Self { context, text: BumpString::new_in(context.bump) }
    }

    /// Appends, or fails with the budget's error.
    pub fn push(&mut self, s: &str) -> Result<(), EvalError<'a>> {
        self.context.charge(s.len())?;
        self.text.push_str(s);
        Ok(())
    }

    /// Appends something printable.
    pub fn print(&mut self, item: impl fmt::Display) -> Result<(), EvalError<'a>> {
        write!(self, "{item}").map_err(|fmt::Error| EvalError::BUDGET)
    }

    /// The finished string.
    #[must_use]
    pub fn finish(self) -> &'a str {
        self.text.into_bump_str()
    }
}

impl Write for Text<'_, '_> {
    fn write_str(&mut self, s: &str) -> fmt::Result {
        self.push(s).map_err(|_| fmt::Error)
    }
}
