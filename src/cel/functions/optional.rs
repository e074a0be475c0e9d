//! The optional library. `or`, `orValue`, `.?f`, `[?k]` and the optional entries of literals are operators of the
//! evaluator: they do not evaluate what they do not need.

use super::super::context::Context;
use super::super::error::{Eval, EvalError};
use super::super::show::Shown;
use super::super::value::{List, Value};
use super::convert::is_zero;
use super::{Function, global, member};

pub(super) const TABLE: &[Function] = &[
    global("optional.of", 1, of),
    global("optional.none", 0, |_, _| Ok(Value::Optional(None))),
    global("optional.ofNonZeroValue", 1, of_non_zero),
    global("optional.unwrap", 1, unwrap),
    member("unwrapOpt", 1, unwrap),
    member("hasValue", 1, has_value),
    member("value", 1, value),
    member("first", 1, |cx, a| end(cx, a, |l| l.get(0))),
    member("last", 1, |cx, a| end(cx, a, |l| l.len().checked_sub(1).and_then(|i| l.get(i)))),
];

fn of<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [v] = *args else { return Err(EvalError::MISMATCH) };
    Ok(cx.some(v))
}

fn of_non_zero<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [v] = *args else { return Err(EvalError::MISMATCH) };
    Ok(if is_zero(v) { Value::Optional(None) } else { cx.some(v) })
}

fn has_value<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Optional(o)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(o.is_some()))
}

fn value<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Optional(o)] = *args else { return Err(EvalError::MISMATCH) };
    o.copied().ok_or(EvalError::NONE_DEREFERENCE)
}

fn unwrap<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    if !matches!(list.get(0), None | Some(Value::Optional(_))) {
        return Err(EvalError::MISMATCH);
    }
    if let Some(other) = list.iter().find(|v| !matches!(v, Value::Optional(_))) {
        return Err(cx.error(format_args!("value {} is not optional", Shown(other))));
    }
    cx.charge(list.len())?;
    cx.list(list.iter().filter_map(|v| match v {
        Value::Optional(Some(inner)) => Some(*inner),
        _ => None,
    }))
}

fn end<'a>(cx: &Context<'a>, args: &[Value<'a>], pick: fn(List<'a>) -> Option<Value<'a>>) -> Eval<'a> {
    let [Value::List(list)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(pick(list).map_or(Value::Optional(None), |v| cx.some(v)))
}
