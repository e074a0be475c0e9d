//! List and map literals, calls, prepared sets and patterns.

use bumpalo::collections::Vec as BumpVec;

use super::super::compare::list_contains;
use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::functions::{Function, charge_search, extract, extract_all, replace, replace_args};
use super::super::mapping::MapBuilder;
use super::super::program::{At, Kids, RegexCall, Set};
use super::super::show::Shown;
use super::super::value::{List, Value};
use super::{Machine, Memory, Test, answer};

impl<'a, M: Memory<'a>> Machine<'a, M> {
    /// Evaluates the arguments from left to right; the first error is the result.
    #[inline(never)]
    pub(super) fn call(&self, f: &'static Function, args: Kids) -> Eval<'a> {
        match *self.kids(args) {
            [] => f.call(&self.context, &[]),
            [a] => f.call(&self.context, &[self.operand(a)?]),
            [a, b] => f.call(&self.context, &[self.operand(a)?, self.value(b)?]),
            [a, b, c] => f.call(&self.context, &[self.value(a)?, self.value(b)?, self.value(c)?]),
            ref more => {
                let values = self.values(more)?;
                f.call(&self.context, values)
            }
        }
    }

    /// The reference hands errors to these functions, which then find no overload; an error beside something that is
    /// no list stays what it is.
    pub(super) fn call_with_errors(&self, f: &'static Function, args: Kids) -> Eval<'a> {
        let ats = self.kids(args);
        let mut values = BumpVec::with_capacity_in(ats.len(), self.context.bump);
        let (mut failure, mut only_lists) = (None, true);
        for at in ats {
            match self.value(*at) {
                Ok(value) => {
                    only_lists &= matches!(value, Value::List(_));
                    values.push(value);
                }
                Err(e) if e.is_fatal() || e.is_now_missing() => return Err(e),
                Err(e) => failure = failure.or(Some(e)),
            }
        }
        match failure {
            None => f.call(&self.context, &values),
            Some(_) if only_lists => Err(EvalError::NO_SUCH_OVERLOAD),
            Some(e) => Err(e),
        }
    }

    fn values(&self, ats: &[At]) -> Result<&'a [Value<'a>], EvalError<'a>> {
        let mut out = BumpVec::with_capacity_in(ats.len(), self.context.bump);
        for at in ats {
            out.push(self.value(*at)?);
        }
        Ok(out.into_bump_slice())
    }

    pub(super) fn list(&self, kids: Kids) -> Eval<'a> {
        self.values(self.kids(kids)).map(Value::list)
    }

    pub(super) fn list_with_optionals(&self, kids: Kids, optionals: u32) -> Eval<'a> {
        let ats = self.kids(kids);
        let mut out = BumpVec::with_capacity_in(ats.len(), self.context.bump);
        for (i, at) in (0_u32..).zip(ats) {
            let value = self.value(*at)?;
            if !self.is_optional(optionals, i) {
                out.push(value);
                continue;
            }
            match value {
                Value::Optional(None) => {}
                Value::Optional(Some(v)) => out.push(*v),
                other => {
                    let shown = Shown(other);
                    return Err(self.context.error(format_args!(
                        "cannot initialize optional list element from non-optional value {shown}"
                    )));
                }
            }
        }
        Ok(Value::list(out.into_bump_slice()))
    }

    fn is_optional(&self, optionals: u32, i: u32) -> bool {
        self.program.optionals.get(optionals as usize).is_some_and(|o| o.binary_search(&i).is_ok())
    }

    pub(super) fn map(&self, kids: Kids, optionals: u32) -> Eval<'a> {
        let cx = &self.context;
        let ats = self.kids(kids);
        // all entries are evaluated before the first key is looked at
        let mut entries = BumpVec::with_capacity_in(ats.len() / 2, cx.bump);
        for (i, pair) in (0_u32..).zip(ats.chunks_exact(2)) {
            let [key, value] = *pair else { continue };
            let key = self.value(key)?;
            let value = self.value(value)?;
            match value {
                _ if !self.is_optional(optionals, i) => entries.push((key, value)),
                Value::Optional(None) => {}
                Value::Optional(Some(v)) => entries.push((key, *v)),
                other => return Err(not_optional(cx, key, other)),
            }
        }
        let mut builder = MapBuilder::new(cx, entries.len());
        for (key, value) in entries {
            builder.set(key, value)?;
        }
        Ok(Value::Map(builder.finish()))
    }

    #[inline(never)]
    pub(super) fn in_set(&self, e: At, set: u32) -> Test<'a> {
        match (self.text(e), self.program.sets.get(set as usize)) {
            (Some(text), Some(set)) => answer(set.strings.contains(text)),
            _ => self.any_in_set(e, set),
        }
    }

    #[inline(never)]
    fn any_in_set(&self, e: At, set: u32) -> Test<'a> {
        self.is_member(&self.operand(e)?, set)
    }

    /// True if the value is in a prepared set.
    #[inline(never)]
    pub(super) fn is_member(&self, needle: &Value<'a>, set: u32) -> Test<'a> {
        let Some(set) = self.program.sets.get(set as usize) else { return answer(false) };
        match set.contains(needle) {
            Some(found) => answer(found),
            None => answer(list_contains(List::Constants(&set.elements), *needle, &self.context)?),
        }
    }

    #[inline(never)]
    pub(super) fn regex(&self, call: RegexCall, args: Kids, pattern: u32) -> Eval<'a> {
        let cx = &self.context;
        // the arguments, with the pattern's text in its place
        let args = self.values(self.kids(args))?;
        let Some((source, pattern)) = self.program.patterns.get(pattern as usize) else { return Ok(Value::Null) };
        let broken = |why: &'a str| cx.fault(Fault::Text(why));
        let name = match call {
            RegexCall::Extract => "regex.extract",
            RegexCall::ExtractAll => "regex.extractAll",
            RegexCall::Replace => "regex.replace",
        };
        if call == RegexCall::Replace {
            let Ok((text, _, replacement, count)) = replace_args(args) else { return Err(cx.no_overload(name, args)) };
            charge_search(cx, text)?;
            let pattern = pattern.as_ref().map_err(|why| broken(why))?;
            return replace(cx, text, pattern, replacement, count);
        }
        let [Value::String(text), _] = *args else { return Err(cx.no_overload(name, args)) };
        charge_search(cx, text)?;
        let pattern = pattern.as_ref().map_err(|why| broken(why))?;
        match call {
            RegexCall::Extract => extract(cx, text, pattern, source),
            _ => extract_all(cx, text, pattern, source),
        }
    }
}

#[cold]
fn not_optional<'a>(cx: &Context<'a>, key: Value<'a>, value: Value<'a>) -> EvalError<'a> {
    let (key, value) = (Shown(key), Shown(value));
    cx.error(format_args!("cannot initialize optional entry '{key}' from non-optional value {value}"))
}

impl Set {
    /// Membership, where the prepared form can tell.
    #[inline]
    fn contains(&self, needle: &Value<'_>) -> Option<bool> {
        match needle {
            Value::String(s) => Some(self.strings.contains(s)),
            Value::Object(_) => None,
            _ if self.only_strings => Some(false),
            Value::Double(d) => self.contains_number(*d),
            Value::Int(i) if i.unsigned_abs() <= 1 << 53 => self.contains_number(*i as f64),
            Value::Uint(u) if *u <= 1 << 53 => self.contains_number(*u as f64),
            _ => None,
        }
    }

    fn contains_number(&self, x: f64) -> Option<bool> {
        self.numbers.as_ref().map(|n| n.binary_search_by(|y| y.total_cmp(&(x + 0.0))).is_ok())
    }
}
