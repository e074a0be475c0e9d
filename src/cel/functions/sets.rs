//! Lists taken as sets: the sets library and the reference's own `intersect`, `except`, `isSubset`, `hasIntersection`.

use super::super::compare::equal;
use super::super::context::Context;
use super::super::error::{Eval, EvalError};
use super::super::value::{List, Value};
use super::{Function, global, member};

pub(super) const TABLE: &[Function] = &[
    global("sets.contains", 2, |cx, a| is_subset(cx, swapped(a)?)),
    global("sets.equivalent", 2, equivalent),
    global("sets.intersects", 2, has_intersection),
    global("hasIntersection", 2, has_intersection),
    member("hasIntersection", 2, has_intersection),
    global("has_intersection", 2, has_intersection),
    member("has_intersection", 2, has_intersection),
    global("isSubset", 2, |cx, a| is_subset(cx, pair(a)?)),
    member("isSubset", 2, |cx, a| is_subset(cx, pair(a)?)),
    global("is_subset", 2, |cx, a| is_subset(cx, pair(a)?)),
    member("is_subset", 2, |cx, a| is_subset(cx, pair(a)?)),
    global("intersect", 2, intersect),
    member("intersect", 2, intersect),
    global("except", 2, except),
    member("except", 2, except),
];

/// Lists up to this long are scanned; longer ones are sorted once.
const SCANNED: usize = 8;

fn pair<'a>(args: &[Value<'a>]) -> Result<(List<'a>, List<'a>), EvalError<'a>> {
    match *args {
        [Value::List(a), Value::List(b)] => Ok((a, b)),
        _ => Err(EvalError::MISMATCH),
    }
}

fn swapped<'a>(args: &[Value<'a>]) -> Result<(List<'a>, List<'a>), EvalError<'a>> {
    pair(args).map(|(a, b)| (b, a))
}

/// A list prepared for many look-ups: its strings sorted, everything else scanned.
struct Members<'a> {
    strings: &'a [&'a str],
    others: &'a [Value<'a>],
}

impl<'a> Members<'a> {
    /// `lookups` tells whether sorting pays.
    fn new(cx: &Context<'a>, list: List<'a>, lookups: usize) -> Result<Self, EvalError<'a>> {
        cx.charge(list.len())?;
        if list.len() <= SCANNED || lookups <= 2 {
            let others = match list {
                List::Values(values) => values,
                _ => cx.bump.alloc_slice_fill_iter((0..list.len()).map(|i| list.get(i).unwrap_or(Value::Null))),
            };
            return Ok(Self { strings: &[], others });
        }
        let mut strings = bumpalo::collections::Vec::new_in(cx.bump);
        let mut others = bumpalo::collections::Vec::new_in(cx.bump);
        for element in list.iter() {
            match element {
                Value::String(s) => strings.push(s),
                other => others.push(other),
            }
        }
        strings.sort_unstable();
        Ok(Self { strings: strings.into_bump_slice(), others: others.into_bump_slice() })
    }

    /// True if an element equals `needle`. Elements that can't be compared do not.
    fn contain(&self, cx: &Context<'a>, needle: Value<'a>) -> Result<bool, EvalError<'a>> {
        cx.charge(1 + self.others.len())?;
        if let Value::String(s) = needle
            && self.strings.binary_search(&s).is_ok()
        {
            return Ok(true);
        }
        for element in self.others {
            match equal(needle, *element, cx) {
                Ok(true) => return Ok(true),
                Err(e) if e.is_fatal() => return Err(e),
                _ => {}
            }
        }
        Ok(false)
    }

    fn contain_all(&self, cx: &Context<'a>, list: List<'a>) -> Result<bool, EvalError<'a>> {
        for element in list.iter() {
            if !self.contain(cx, element)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn is_subset<'a>(cx: &Context<'a>, (part, whole): (List<'a>, List<'a>)) -> Eval<'a> {
    Ok(Value::Bool(Members::new(cx, whole, part.len())?.contain_all(cx, part)?))
}

fn equivalent<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (a, b) = pair(args)?;
    let both = Members::new(cx, a, b.len())?.contain_all(cx, b)? && Members::new(cx, b, a.len())?.contain_all(cx, a)?;
    Ok(Value::Bool(both))
}

fn has_intersection<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (a, b) = pair(args)?;
    let members = Members::new(cx, b, a.len())?;
    for element in a.iter() {
        if members.contain(cx, element)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

/// Elements of the shorter list, the first one if they are equally long, that occur in the other.
fn intersect<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (a, b) = pair(args)?;
    let (shorter, longer) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    select(cx, shorter, longer, true)
}

fn except<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (a, b) = pair(args)?;
    select(cx, a, b, false)
}

fn select<'a>(cx: &Context<'a>, from: List<'a>, by: List<'a>, wanted: bool) -> Eval<'a> {
    let members = Members::new(cx, by, from.len())?;
    let mut out = bumpalo::collections::Vec::new_in(cx.bump);
    for element in from.iter() {
        if members.contain(cx, element)? == wanted {
            out.push(element);
        }
    }
    Ok(Value::list(out.into_bump_slice()))
}
