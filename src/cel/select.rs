//! Field selection and indexing: `a.b`, `a[b]`, `a.?b`, `a[?b]`, `has(a.b)`.
//!
//! Every way of reaching into a value goes through here, so that they agree on what is missing and what is an error.

use super::compare::{find, whole_int};
use super::context::Context;
use super::error::{Eval, EvalError, Fault};
use super::functions::is_zero;
use super::value::{List, Message, Object, Value};

/// What a selection found: `None` if there is no such key.
pub type Found<'a> = Result<Option<Value<'a>>, EvalError<'a>>;

/// `v.key`
#[inline]
pub fn select<'a>(cx: &Context<'a>, v: Value<'a>, key: &'a str) -> Eval<'a> {
    if let Value::Map(map) = v
        && let Some(found) = map.get_str(key)
    {
        return Ok(found);
    }
    select_slowly(cx, v, key)
}

#[inline(never)]
fn select_slowly<'a>(cx: &Context<'a>, v: Value<'a>, key: &'a str) -> Eval<'a> {
    match v {
        Value::Optional(_) => optional_select(cx, v, key),
        _ => look_up(cx, v, key)?.ok_or_else(|| cx.fault(Fault::NoSuchKey(key))),
    }
}

/// `v.?key`, and any selection from an optional: an optional.
pub fn optional_select<'a>(cx: &Context<'a>, v: Value<'a>, key: &'a str) -> Eval<'a> {
    let inner = match v {
        Value::Optional(None) => return Ok(v),
        Value::Optional(Some(inner)) => *inner,
        other => other,
    };
    let found = match inner {
        Value::Message(m) => {
            m.ty.field(key)
                .map(|_| ())
                .ok_or_else(|| no_field(cx, key))
                .map(|()| message_field(m, key).filter(|field| !is_zero(*field)))?
        }
        _ => look_up(cx, inner, key)?,
    };
    Ok(found.map_or(Value::Optional(None), |v| cx.some(v)))
}

fn look_up<'a>(cx: &Context<'a>, v: Value<'a>, key: &'a str) -> Found<'a> {
    match v {
        Value::Map(map) => find(map, Value::String(key), cx),
        Value::Message(m) => message_field(m, key).map(Some).ok_or_else(|| no_field(cx, key)),
        Value::List(_) => Err(cx.fault(Fault::ListIndexType(Value::String(key)))),
        Value::Object(Object::Hierarchy(_)) => Err(cx.fault(Fault::IndexType(Value::String(key)))),
        _ => Ok(None),
    }
}

fn message_field<'a>(m: Message<'a>, key: &str) -> Option<Value<'a>> {
    m.ty.field(key).and_then(|i| m.fields.get(i)).copied()
}

#[cold]
fn no_field<'a>(cx: &Context<'a>, key: &'a str) -> EvalError<'a> {
    cx.fault(Fault::NoSuchField(key))
}

/// `has(v.key)`
#[inline]
pub fn has<'a>(cx: &Context<'a>, v: Value<'a>, key: &'a str) -> Result<bool, EvalError<'a>> {
    match v {
        Value::Map(map) => Ok(find(map, Value::String(key), cx)?.is_some()),
        Value::Message(m) => message_field(m, key).map(|f| !is_zero(f)).ok_or_else(|| no_field(cx, key)),
        Value::Optional(None) => Ok(false),
        Value::Optional(Some(inner)) => match *inner {
            Value::Optional(_) => Ok(false),
            other => has(cx, other, key),
        },
        _ => Ok(look_up(cx, v, key)?.is_some()),
    }
}

/// `v[key]`
pub fn index<'a>(cx: &Context<'a>, v: Value<'a>, key: Value<'a>) -> Eval<'a> {
    match v {
        Value::Optional(_) => optional_index(cx, v, key),
        _ => match index_look_up(cx, v, key)? {
            Some(found) => Ok(found),
            None if matches!(v, Value::List(_)) => Err(cx.fault(Fault::IndexOutOfBounds(key))),
            None => Err(cx.fault(Fault::NoSuchKeyValue(key))),
        },
    }
}

/// `v[?key]`, and any index into an optional: an optional.
pub fn optional_index<'a>(cx: &Context<'a>, v: Value<'a>, key: Value<'a>) -> Eval<'a> {
    let inner = match v {
        Value::Optional(None) => return Ok(v),
        Value::Optional(Some(inner)) => *inner,
        other => other,
    };
    let found = index_look_up(cx, inner, key)?;
    Ok(found.map_or(Value::Optional(None), |v| cx.some(v)))
}

/// Only these kinds are keys at all.
fn check_key<'a>(cx: &Context<'a>, key: Value<'a>) -> Result<(), EvalError<'a>> {
    match key {
        Value::Bool(_) | Value::Int(_) | Value::Uint(_) | Value::Double(_) | Value::String(_) => Ok(()),
        _ => Err(cx.fault(Fault::BadQualifier(key))),
    }
}

fn index_look_up<'a>(cx: &Context<'a>, v: Value<'a>, key: Value<'a>) -> Found<'a> {
    check_key(cx, key)?;
    match (v, key) {
        (Value::Map(map), _) => find(map, key, cx),
        (Value::List(list), _) => element(cx, list, key),
        (Value::Object(Object::Hierarchy(levels)), Value::Int(i)) => {
            let level = usize::try_from(i).ok().and_then(|i| levels.get(i));
            level.map(|l| Some(Value::String(l))).ok_or(EvalError(&Fault::Static("index out of range")))
        }
        (Value::Object(Object::Hierarchy(_)), _) => Err(cx.fault(Fault::IndexType(key))),
        (Value::Message(_), Value::String(key)) => look_up(cx, v, key),
        (Value::Message(_), _) => Err(EvalError::NO_SUCH_OVERLOAD),
        _ => Ok(None),
    }
}

fn element<'a>(cx: &Context<'a>, list: List<'a>, key: Value<'a>) -> Found<'a> {
    let unsupported = || cx.fault(Fault::ListIndexValue(key));
    let i = match key {
        Value::Int(i) => i,
        Value::Uint(u) => i64::try_from(u).map_err(|_| unsupported())?,
        Value::Double(d) => whole_int(d).ok_or_else(unsupported)?,
        _ => return Err(cx.fault(Fault::ListIndexType(key))),
    };
    Ok(usize::try_from(i).ok().and_then(|i| list.get(i)))
}
