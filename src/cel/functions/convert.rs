//! Conversions between kinds, `type`, `dyn`, `id` and `size`.

use super::super::compare;
use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::number::{Double, parse_bool, parse_double, parse_int, parse_uint};
use super::super::time::{Rfc3339, Seconds, TimestampError, from_seconds, parse_duration, parse_timestamp};
use super::super::value::{Object, Value};
use super::strings::length;
use super::{Function, Refusal, global, member};

pub(super) const TABLE: &[Function] = &[
    global("int", 1, int),
    global("uint", 1, uint),
    global("double", 1, double),
    global("string", 1, string),
    global("bytes", 1, bytes),
    global("bool", 1, bool),
    global("timestamp", 1, timestamp),
    global("duration", 1, duration),
    global("type", 1, type_of),
    global("dyn", 1, same),
    global("id", 1, same),
    member("id", 1, same),
    global("size", 1, size).refusing(Refusal::Receiver),
    member("size", 1, size).refusing(Refusal::Receiver),
];

fn conversion<'a>(cx: &Context<'a>, to: &'static str) -> EvalError<'a> {
    cx.fault(Fault::Conversion("string", to))
}

fn int<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    Ok(Value::Int(match *args {
        [Value::Int(i)] => i,
        [Value::Uint(u)] => i64::try_from(u).map_err(|_| EvalError::INT_OVERFLOW)?,
        [Value::Double(d)] => {
            // both ends of the range are refused, as the reference does
            if d.is_nan() || d <= i64::MIN as f64 || d >= i64::MAX as f64 {
                return Err(EvalError::INT_OVERFLOW);
            }
            d as i64
        }
        [Value::String(s)] => parse_int(s).ok_or_else(|| conversion(cx, "int"))?,
        [Value::Timestamp(t)] => t.seconds,
        [Value::Duration(d)] => d,
        _ => return Err(EvalError::MISMATCH),
    }))
}

fn uint<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    Ok(Value::Uint(match *args {
        [Value::Uint(u)] => u,
        [Value::Int(i)] => u64::try_from(i).map_err(|_| EvalError::UINT_OVERFLOW)?,
        [Value::Double(d)] => {
            if d.is_nan() || d < 0.0 || d >= u64::MAX as f64 {
                return Err(EvalError::UINT_OVERFLOW);
            }
            d as u64
        }
        [Value::String(s)] => parse_uint(s).ok_or_else(|| conversion(cx, "uint"))?,
        _ => return Err(EvalError::MISMATCH),
    }))
}

fn double<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    Ok(Value::Double(match *args {
        [Value::Double(d)] => d,
        [Value::Int(i)] => i as f64,
        [Value::Uint(u)] => u as f64,
        [Value::String(s)] => parse_double(s).ok_or_else(|| conversion(cx, "double"))?,
        _ => return Err(EvalError::MISMATCH),
    }))
}

/// `string(x)`
pub fn string<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::String(s)] => Ok(Value::String(s)),
        [Value::Bool(b)] => Ok(Value::String(if b { "true" } else { "false" })),
        [Value::Int(i)] => cx.string(i),
        [Value::Uint(u)] => cx.string(u),
        [Value::Double(d)] => cx.string(Double(d)),
        [Value::Bytes(b)] => {
            cx.charge(b.len() / 32)?;
            let text = std::str::from_utf8(b);
            text.map(Value::String)
                .map_err(|_| EvalError(&Fault::Static("invalid UTF-8 in bytes, cannot convert to string")))
        }
        [Value::Timestamp(timestamp)] => cx.string(Rfc3339 { timestamp, utc: false }),
        [Value::Duration(d)] => cx.string(Seconds(d)),
        [Value::Object(Object::Ip(ip))] => cx.string(ip),
        [Value::Object(Object::Cidr(ip, bits))] => cx.string(format_args!("{ip}/{bits}")),
        _ => Err(EvalError::MISMATCH),
    }
}

fn bytes<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::Bytes(b)] => Ok(Value::Bytes(b)),
        [Value::String(s)] => Ok(Value::Bytes(s.as_bytes())),
        _ => Err(EvalError::MISMATCH),
    }
}

fn bool<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::Bool(b)] => Ok(Value::Bool(b)),
        [Value::String(s)] => parse_bool(s).map(Value::Bool).ok_or_else(|| conversion(cx, "bool")),
        _ => Err(EvalError::MISMATCH),
    }
}

fn timestamp<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    Ok(Value::Timestamp(match *args {
        [Value::Timestamp(t)] => t,
        [Value::Int(i)] => from_seconds(i).ok_or(EvalError::TIMESTAMP_OVERFLOW)?,
        [Value::String(s)] => parse_timestamp(s).map_err(|why| match why {
            TimestampError::Malformed => cx.fault(Fault::BadTimestamp(s)),
            TimestampError::Impossible => conversion(cx, "google.protobuf.Timestamp"),
            TimestampError::OutOfRange => EvalError::TIMESTAMP_OVERFLOW,
        })?,
        _ => return Err(EvalError::MISMATCH),
    }))
}

fn duration<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::Duration(d)] => Ok(Value::Duration(d)),
        [Value::String(s)] => {
            parse_duration(s).map(Value::Duration).ok_or_else(|| conversion(cx, "google.protobuf.Duration"))
        }
        _ => Err(EvalError::MISMATCH),
    }
}

fn type_of<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    args.first().map(|v| Value::Type(v.type_name())).ok_or(EvalError::MISMATCH)
}

fn same<'a>(_: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    args.first().copied().ok_or(EvalError::MISMATCH)
}

fn size<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let len = match *args {
        [Value::String(s)] => {
            cx.charge(s.len() / 64)?;
            length(s)
        }
        [Value::Bytes(b)] => b.len(),
        [Value::List(l)] => l.len(),
        [Value::Map(m)] => m.len(),
        [Value::Object(Object::Hierarchy(levels))] => levels.len(),
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(Value::Int(len as i64))
}

/// True for the value an `optional.ofNonZeroValue` leaves out.
pub fn is_zero(value: Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(b) => !b,
        Value::Int(_) | Value::Uint(_) | Value::Double(_) => {
            compare::numbers_compared(value, Value::Int(0)) == Some(Some(std::cmp::Ordering::Equal))
        }
        Value::String(s) => s.is_empty(),
        Value::Bytes(b) => b.is_empty(),
        Value::List(l) => l.is_empty(),
        Value::Map(m) => m.is_empty(),
        Value::Duration(d) => d == 0,
        Value::Timestamp(t) => t.seconds == super::super::time::MIN_SECONDS && t.nanos == 0,
        Value::Optional(inner) => inner.is_none(),
        Value::Message(m) => m.fields.iter().all(|f| is_zero(*f)),
        Value::Type(_) | Value::Object(_) => false,
    }
}
