//! Arithmetic, comparison, membership.

use std::cmp::Ordering;

use super::super::compare::{self, order};
use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::functions::no_receiver;
use super::super::program::{Arithmetic, Relation};
use super::super::time;
use super::super::value::{List, Map, Value};

/// `a + b` and its kin. Numbers never mix.
#[inline]
pub fn arithmetic<'a>(cx: &Context<'a>, op: Arithmetic, a: Value<'a>, b: Value<'a>) -> Eval<'a> {
    match (a, b) {
        (Value::Double(x), Value::Double(y)) => Ok(Value::Double(match op {
            Arithmetic::Add => x + y,
            Arithmetic::Subtract => x - y,
            Arithmetic::Multiply => x * y,
            Arithmetic::Divide => x / y,
            Arithmetic::Remainder => return Err(refused(cx, op, a)),
        })),
        (Value::Int(x), Value::Int(y)) => int(op, x, y).map(Value::Int),
        (Value::Uint(x), Value::Uint(y)) => uint(op, x, y).map(Value::Uint),
        _ => match op {
            Arithmetic::Add => add(cx, a, b),
            Arithmetic::Subtract => subtract(cx, a, b),
            _ => Err(refused(cx, op, a)),
        },
    }
}

fn int<'a>(op: Arithmetic, x: i64, y: i64) -> Result<i64, EvalError<'a>> {
    let result = match op {
        Arithmetic::Add => x.checked_add(y),
        Arithmetic::Subtract => x.checked_sub(y),
        Arithmetic::Multiply => x.checked_mul(y),
        Arithmetic::Divide if y == 0 => return Err(EvalError::DIVISION_BY_ZERO),
        Arithmetic::Divide => x.checked_div(y),
        Arithmetic::Remainder if y == 0 => return Err(EvalError::MODULUS_BY_ZERO),
        Arithmetic::Remainder => x.checked_rem(y),
    };
    result.ok_or(EvalError::INT_OVERFLOW)
}

fn uint<'a>(op: Arithmetic, x: u64, y: u64) -> Result<u64, EvalError<'a>> {
    let result = match op {
        Arithmetic::Add => x.checked_add(y),
        Arithmetic::Subtract => x.checked_sub(y),
        Arithmetic::Multiply => x.checked_mul(y),
        Arithmetic::Divide => return x.checked_div(y).ok_or(EvalError::DIVISION_BY_ZERO),
        Arithmetic::Remainder => return x.checked_rem(y).ok_or(EvalError::MODULUS_BY_ZERO),
    };
    result.ok_or(EvalError::UINT_OVERFLOW)
}

#[inline(never)]
fn add<'a>(cx: &Context<'a>, a: Value<'a>, b: Value<'a>) -> Eval<'a> {
    match (a, b) {
        (Value::String(x), Value::String(y)) => {
            cx.charge(x.len() + y.len())?;
            let mut out = bumpalo::collections::String::with_capacity_in(x.len() + y.len(), cx.bump);
            out.push_str(x);
            out.push_str(y);
            Ok(Value::String(out.into_bump_str()))
        }
        (Value::Bytes(x), Value::Bytes(y)) => {
            cx.charge(x.len() + y.len())?;
            let mut out = bumpalo::collections::Vec::with_capacity_in(x.len() + y.len(), cx.bump);
            out.extend_from_slice_copy(x);
            out.extend_from_slice_copy(y);
            Ok(Value::Bytes(out.into_bump_slice()))
        }
        (Value::List(x), Value::List(y)) => concatenate(cx, x, y),
        (Value::Timestamp(t), Value::Duration(d)) | (Value::Duration(d), Value::Timestamp(t)) => {
            time::add(t, d).map(Value::Timestamp).ok_or(EvalError::TIMESTAMP_OVERFLOW)
        }
        (Value::Duration(x), Value::Duration(y)) => {
            x.checked_add(y).map(Value::Duration).ok_or(EvalError::INT_OVERFLOW)
        }
        _ => Err(refused(cx, Arithmetic::Add, a)),
    }
}

fn concatenate<'a>(cx: &Context<'a>, x: List<'a>, y: List<'a>) -> Eval<'a> {
    match (x.is_empty(), y.is_empty()) {
        (true, _) => return Ok(Value::List(y)),
        (_, true) => return Ok(Value::List(x)),
        _ => {}
    }
    cx.charge(x.len() + y.len())?;
    let mut out = bumpalo::collections::Vec::with_capacity_in(x.len() + y.len(), cx.bump);
    out.extend(x.iter());
    out.extend(y.iter());
    Ok(Value::list(out.into_bump_slice()))
}

#[inline(never)]
fn subtract<'a>(cx: &Context<'a>, a: Value<'a>, b: Value<'a>) -> Eval<'a> {
    match (a, b) {
        // the reference adds the opposite, which the smallest duration does not have
        (Value::Timestamp(_), Value::Duration(i64::MIN)) => Err(EvalError::INT_OVERFLOW),
        (Value::Timestamp(t), Value::Duration(d)) => {
            time::subtract(t, d).map(Value::Timestamp).ok_or(EvalError::TIMESTAMP_OVERFLOW)
        }
        (Value::Timestamp(x), Value::Timestamp(y)) => {
            time::between(x, y).map(Value::Duration).ok_or(EvalError::INT_OVERFLOW)
        }
        (Value::Duration(x), Value::Duration(y)) => {
            x.checked_sub(y).map(Value::Duration).ok_or(EvalError::INT_OVERFLOW)
        }
        _ => Err(refused(cx, Arithmetic::Subtract, a)),
    }
}

/// Kinds that know the operator but not the other side say less than those that do not know it.
#[cold]
fn refused<'a>(cx: &Context<'a>, op: Arithmetic, a: Value<'a>) -> EvalError<'a> {
    let (name, knows) = match op {
        Arithmetic::Add => ("_+_", is_number(a) || matches!(a, Value::Bytes(_) | Value::List(_))),
        Arithmetic::Subtract => ("_-_", is_number(a)),
        Arithmetic::Multiply => ("_*_", is_number(a)),
        Arithmetic::Divide => ("_/_", is_number(a)),
        Arithmetic::Remainder => ("_%_", matches!(a, Value::Int(_) | Value::Uint(_))),
    };
    if knows { EvalError::NO_SUCH_OVERLOAD } else { no_receiver(cx, name, a) }
}

fn is_number(a: Value<'_>) -> bool {
    matches!(a, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}

/// `-a`
pub fn negate<'a>(cx: &Context<'a>, a: Value<'a>) -> Eval<'a> {
    match a {
        Value::Int(i) => i.checked_neg().map(Value::Int).ok_or(EvalError::INT_OVERFLOW),
        Value::Double(d) => Ok(Value::Double(-d)),
        Value::Duration(d) => d.checked_neg().map(Value::Duration).ok_or(EvalError::INT_OVERFLOW),
        Value::Bool(_) => Err(EvalError::NO_SUCH_OVERLOAD),
        _ => Err(no_receiver(cx, "-_", a)),
    }
}

/// `a < b` and its kin; nothing is smaller or larger than NaN.
#[inline]
pub fn compare<'a>(cx: &Context<'a>, relation: Relation, a: Value<'a>, b: Value<'a>) -> Result<bool, EvalError<'a>> {
    let operator = match relation {
        Relation::Less => &Fault::NoOverload("_<_"),
        Relation::LessEqual => &Fault::NoOverload("_<=_"),
        Relation::Greater => &Fault::NoOverload("_>_"),
        Relation::GreaterEqual => &Fault::NoOverload("_>=_"),
    };
    let Some(ordering) = order(a, b, operator, cx)? else { return Ok(false) };
    Ok(holds(relation, ordering))
}

/// True if things of this order are in this relation.
#[inline]
pub fn holds(relation: Relation, ordering: Ordering) -> bool {
    match relation {
        Relation::Less => ordering == Ordering::Less,
        Relation::LessEqual => ordering != Ordering::Greater,
        Relation::Greater => ordering == Ordering::Greater,
        Relation::GreaterEqual => ordering != Ordering::Less,
    }
}

/// `needle in haystack`
#[inline]
pub fn contains<'a>(cx: &Context<'a>, needle: Value<'a>, haystack: Value<'a>) -> Result<bool, EvalError<'a>> {
    match haystack {
        Value::List(list) => compare::list_contains(list, needle, cx),
        Value::Map(map) => map_contains(cx, needle, map),
        _ => Err(EvalError::NO_SUCH_OVERLOAD),
    }
}

fn map_contains<'a>(cx: &Context<'a>, needle: Value<'a>, map: Map<'a>) -> Result<bool, EvalError<'a>> {
    Ok(compare::find(map, needle, cx)?.is_some())
}
