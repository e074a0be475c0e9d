//! The math library. `math.greatest` and `math.least` arrive here as `math.@max` and `math.@min`.

use std::cmp::Ordering;

use super::super::compare::numbers_compared;
use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::value::{List, Value};
use super::{Function, global};

pub(super) const TABLE: &[Function] = &[
    global("math.@max", 1, max),
    global("math.@max", 2, max),
    global("math.@min", 1, min),
    global("math.@min", 2, min),
    global("math.ceil", 1, |_, a| on_double(a, f64::ceil)),
    global("math.floor", 1, |_, a| on_double(a, f64::floor)),
    global("math.round", 1, |_, a| on_double(a, f64::round)),
    global("math.trunc", 1, |_, a| on_double(a, f64::trunc)),
    global("math.isNaN", 1, |_, a| test_double(a, f64::is_nan)),
    global("math.isInf", 1, |_, a| test_double(a, f64::is_infinite)),
    global("math.isFinite", 1, |_, a| test_double(a, f64::is_finite)),
    global("math.abs", 1, abs),
    global("math.sign", 1, sign),
    global("math.sqrt", 1, sqrt),
    global("math.bitAnd", 2, |_, a| bits(a, |x, y| x & y, |x, y| x & y)),
    global("math.bitOr", 2, |_, a| bits(a, |x, y| x | y, |x, y| x | y)),
    global("math.bitXor", 2, |_, a| bits(a, |x, y| x ^ y, |x, y| x ^ y)),
    global("math.bitNot", 1, bit_not),
    global("math.bitShiftLeft", 2, |cx, a| shift(cx, a, "math.bitShiftLeft", u64::checked_shl)),
    global("math.bitShiftRight", 2, |cx, a| shift(cx, a, "math.bitShiftRight", u64::checked_shr)),
];

fn on_double<'a>(args: &[Value<'a>], f: fn(f64) -> f64) -> Eval<'a> {
    let [Value::Double(d)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Double(f(d)))
}

fn test_double<'a>(args: &[Value<'a>], f: fn(f64) -> bool) -> Eval<'a> {
    let [Value::Double(d)] = *args else { return Err(EvalError::MISMATCH) };
    Ok(Value::Bool(f(d)))
}

fn abs<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    Ok(match *args {
        [Value::Int(i)] => Value::Int(i.checked_abs().ok_or(EvalError::INT_OVERFLOW)?),
        [Value::Uint(u)] => Value::Uint(u),
        [Value::Double(d)] => Value::Double(d.abs()),
        _ => return Err(EvalError::MISMATCH),
    })
}

fn sign<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    Ok(match *args {
        [Value::Int(i)] => Value::Int(i.signum()),
        [Value::Uint(u)] => Value::Uint(u64::from(u > 0)),
        [Value::Double(0.0)] => Value::Double(0.0),
        [Value::Double(d)] => Value::Double(d.signum()),
        _ => return Err(EvalError::MISMATCH),
    })
}

fn sqrt<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let x = match *args {
        [Value::Int(i)] => i as f64,
        [Value::Uint(u)] => u as f64,
        [Value::Double(d)] => d,
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(Value::Double(x.sqrt()))
}

fn bits<'a>(args: &[Value<'a>], int: fn(i64, i64) -> i64, uint: fn(u64, u64) -> u64) -> Eval<'a> {
    match *args {
        [Value::Int(x), Value::Int(y)] => Ok(Value::Int(int(x, y))),
        [Value::Uint(x), Value::Uint(y)] => Ok(Value::Uint(uint(x, y))),
        _ => Err(EvalError::MISMATCH),
    }
}

fn bit_not<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::Int(i)] => Ok(Value::Int(!i)),
        [Value::Uint(u)] => Ok(Value::Uint(!u)),
        _ => Err(EvalError::MISMATCH),
    }
}

/// Shifts are made on the bits, without regard to the sign; 64 and more places leave nothing.
fn shift<'a>(cx: &Context<'a>, args: &[Value<'a>], name: &'static str, f: fn(u64, u32) -> Option<u64>) -> Eval<'a> {
    let (bits, places) = match *args {
        [Value::Int(i), Value::Int(places)] => (i.cast_unsigned(), places),
        [Value::Uint(u), Value::Int(places)] => (u, places),
        _ => return Err(EvalError::MISMATCH),
    };
    if places < 0 {
        return Err(cx.error(format_args!("{name}() negative offset: {places}")));
    }
    let shifted = u32::try_from(places).ok().and_then(|n| f(bits, n)).unwrap_or(0);
    Ok(match args {
        [Value::Int(_), ..] => Value::Int(shifted.cast_signed()),
        _ => Value::Uint(shifted),
    })
}

fn max<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    extremum(cx, args, "math.@max", Ordering::Greater)
}

fn min<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    extremum(cx, args, "math.@min", Ordering::Less)
}

fn extremum<'a>(cx: &Context<'a>, args: &[Value<'a>], name: &'static str, wanted: Ordering) -> Eval<'a> {
    match *args {
        [Value::List(list)] => extremum_of_list(cx, list, name, wanted),
        [x] if is_number(x) => Ok(x),
        [x, y] if is_number(x) && is_number(y) => match numbers_compared(y, x).flatten() {
            Some(order) => Ok(if order == wanted { y } else { x }),
            None => Err(cx.error(format_args!("NaN values cannot be ordered: {name}"))),
        },
        _ => Err(EvalError::MISMATCH),
    }
}

fn extremum_of_list<'a>(cx: &Context<'a>, list: List<'a>, name: &'static str, wanted: Ordering) -> Eval<'a> {
    let Some(mut best) = list.get(0) else {
        return Err(cx.error(format_args!("{name}(list) argument must not be empty")));
    };
    if !is_number(best) {
        return Err(EvalError::MISMATCH);
    }
    cx.charge(list.len())?;
    for x in list.iter().skip(1) {
        match numbers_compared(x, best).flatten() {
            Some(order) if order == wanted => best = x,
            Some(_) => {}
            None => return Err(cx.fault(Fault::NoOverload(name))),
        }
    }
    Ok(best)
}

fn is_number(value: Value<'_>) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Double(_))
}
