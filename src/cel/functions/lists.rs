//! The lists library. `sortBy` arrives here with its keys worked out.

use std::cmp::Ordering;

use super::super::budget::MAX_VALUE_DEPTH;
use super::super::compare::{self, equal};
use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::value::{List, Object, Value};
use super::{Function, Refusal, global, member};

pub(super) const TABLE: &[Function] = &[
    member("slice", 3, slice),
    member("flatten", 1, flatten).refusing(Refusal::Method),
    member("flatten", 2, flatten).refusing(Refusal::Method),
    member("sort", 1, sort).refusing(Refusal::Receiver),
    member("@sortByAssociatedKeys", 2, sort_by_keys).refusing(Refusal::Receiver),
    member("distinct", 1, distinct),
    global("lists.range", 1, range),
];

fn slice<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list), Value::Int(start), Value::Int(end)] = *args else { return Err(EvalError::MISMATCH) };
    let (Ok(from), Ok(to)) = (usize::try_from(start), usize::try_from(end)) else {
        return Err(cx.error(format_args!("cannot slice({start}, {end}), negative indexes not supported")));
    };
    if start > end {
        let why = "start index must be less than or equal to end index";
        return Err(cx.error(format_args!("cannot slice({start}, {end}), {why}")));
    }
    if to > list.len() {
        return Err(cx.error(format_args!("cannot slice({start}, {end}), list is length {}", list.len())));
    }
    Ok(Value::List(match list {
        List::Values(v) => List::Values(v.get(from..to).unwrap_or(&[])),
        List::Strings(v) => List::Strings(v.get(from..to).unwrap_or(&[])),
        List::Constants(v) => List::Constants(v.get(from..to).unwrap_or(&[])),
    }))
}

fn flatten<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let (list, depth) = match *args {
        [Value::List(list)] => (list, 1),
        [Value::List(list), Value::Int(depth)] => (list, depth),
        _ => return Err(EvalError::MISMATCH),
    };
    if depth < 0 {
        return Err(EvalError(&Fault::Static("level must be non-negative")));
    }
    let mut out = bumpalo::collections::Vec::new_in(cx.bump);
    flatten_into(cx, list, depth.min(i64::from(MAX_VALUE_DEPTH)), &mut out)?;
    Ok(Value::list(out.into_bump_slice()))
}

fn flatten_into<'a>(
    cx: &Context<'a>,
    list: List<'a>,
    depth: i64,
    out: &mut bumpalo::collections::Vec<'a, Value<'a>>,
) -> Result<(), EvalError<'a>> {
    cx.charge(list.len())?;
    for element in list.iter() {
        match element {
            Value::List(inner) if depth > 0 => flatten_into(cx, inner, depth - 1, out)?,
            other => out.push(other),
        }
    }
    Ok(())
}

/// `list.reverse()`
pub fn reverse<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    let len = list.len();
    cx.list((0..len).rev().filter_map(|i| list.get(i)))
}

fn range<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Int(n)] = *args else { return Err(EvalError::MISMATCH) };
    if n < 0 {
        return Err(cx.error(format_args!("lists.range: size must be non-negative, got {n}")));
    }
    cx.budget.charge(n.cast_unsigned())?;
    Ok(Value::list(cx.bump.alloc_slice_fill_iter((0..usize::try_from(n).unwrap_or(0)).map(|i| Value::Int(i as i64)))))
}

/// Keeps the first of equal elements. Strings and numbers, the usual case, are told apart by sorting.
fn distinct<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    if list.len() > 16
        && let Some(firsts) = first_strings(cx, list)?
    {
        return cx.list(firsts.iter().filter_map(|i| list.get(*i)));
    }
    let mut out: bumpalo::collections::Vec<'a, Value<'a>> = bumpalo::collections::Vec::new_in(cx.bump);
    for element in list.iter() {
        cx.charge(out.len() + 1)?;
        let mut seen = false;
        for other in &out {
            match equal(element, *other, cx) {
                Ok(true) => {
                    seen = true;
                    break;
                }
                Err(e) if e.is_fatal() => return Err(e),
                _ => {}
            }
        }
        if !seen {
            out.push(element);
        }
    }
    Ok(Value::list(out.into_bump_slice()))
}

/// For a list of strings: the positions of first occurrences, in order.
fn first_strings<'a>(cx: &Context<'a>, list: List<'a>) -> Result<Option<&'a [usize]>, EvalError<'a>> {
    cx.charge(list.len() * 2)?;
    let mut keyed = bumpalo::collections::Vec::with_capacity_in(list.len(), cx.bump);
    for (i, element) in list.iter().enumerate() {
        let Value::String(s) = element else { return Ok(None) };
        keyed.push((s, i));
    }
    keyed.sort_unstable();
    keyed.dedup_by(|later, first| later.0 == first.0);
    let mut firsts = bumpalo::collections::Vec::from_iter_in(keyed.iter().map(|(_, i)| *i), cx.bump);
    firsts.sort_unstable();
    Ok(Some(firsts.into_bump_slice()))
}

fn sort<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    sorted(cx, list, list)
}

fn sort_by_keys<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list), Value::List(keys)] = *args else { return Err(EvalError::MISMATCH) };
    if list.len() != keys.len() {
        return Err(cx.error(format_args!(
            "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got {} and {} elements respectively",
            list.len(),
            keys.len()
        )));
    }
    sorted(cx, list, keys)
}

/// Orders `list` by `keys`. Stable; keys that can't be told apart (NaN) stay where they are.
fn sorted<'a>(cx: &Context<'a>, list: List<'a>, keys: List<'a>) -> Eval<'a> {
    let Some(first) = keys.get(0) else { return Ok(Value::list(&[])) };
    if !is_comparable(first) {
        return Err(EvalError(&Fault::Static("list elements must be comparable")));
    }
    if keys.iter().any(|k| k.type_name() != first.type_name()) {
        return Err(EvalError(&Fault::Static("list elements must have the same type")));
    }
    let len = list.len();
    cx.charge(len.saturating_mul(len.checked_ilog2().unwrap_or(0) as usize + 1))?;
    let mut order = bumpalo::collections::Vec::from_iter_in(0..len, cx.bump);
    let key = |i: usize| keys.get(i).unwrap_or(Value::Null);
    let mut failure = None;
    let mut ordering = |i: usize, j: usize| match compare::order(key(i), key(j), &Fault::NoSuchOverload, cx) {
        Ok(ordering) => ordering,
        Err(e) => {
            failure = failure.or(Some(e));
            Some(Ordering::Equal)
        }
    };
    if len <= INSERTION_SORTED {
        insertion_sort(&mut order, |i, j| ordering(i, j) == Some(Ordering::Less));
    } else {
        // NaN comes first, so that the order is total
        let is_number = |i: &usize| !matches!(key(*i), Value::Double(d) if d.is_nan());
        order.sort_by(|i, j| ordering(*i, *j).unwrap_or_else(|| is_number(i).cmp(&is_number(j))));
    }
    match failure {
        Some(e) => Err(e),
        None => {
            Ok(Value::list(cx.bump.alloc_slice_fill_iter(order.iter().map(|i| list.get(*i).unwrap_or(Value::Null)))))
        }
    }
}

/// Short lists are sorted as the reference sorts them, which shows when NaN is among the keys.
const INSERTION_SORTED: usize = 12;

fn insertion_sort(order: &mut [usize], mut less: impl FnMut(usize, usize) -> bool) {
    for end in 1..order.len() {
        let mut i = end;
        while let (Some(&left), Some(&right)) = (i.checked_sub(1).and_then(|p| order.get(p)), order.get(i)) {
            if !less(right, left) {
                break;
            }
            order.swap(i - 1, i);
            i -= 1;
        }
    }
}

fn is_comparable(key: Value<'_>) -> bool {
    matches!(
        key,
        Value::Bool(_)
            | Value::Int(_)
            | Value::Uint(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::Bytes(_)
            | Value::Timestamp(_)
            | Value::Duration(_)
            | Value::Object(Object::SpiffeTrustDomain(_))
    )
}
