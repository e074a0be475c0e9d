//! Calendar fields, the clock reading, and how long ago.

use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::time::{Civil, Zone, ZoneError, between, civil};
use super::super::value::{Timestamp, Value};
use super::{Function, Refusal, global, member};

pub(super) const TABLE: &[Function] = &[
    global("now", 0, |cx, _| now(cx).map(Value::Timestamp)),
    global("timeSince", 1, time_since).refusing(Refusal::Plain),
    member("timeSince", 1, time_since).refusing(Refusal::Plain),
    member("getFullYear", 1, |cx, a| calendar(cx, a, |c| c.year)),
    member("getFullYear", 2, |cx, a| calendar(cx, a, |c| c.year)),
    member("getMonth", 1, |cx, a| calendar(cx, a, |c| c.month - 1)),
    member("getMonth", 2, |cx, a| calendar(cx, a, |c| c.month - 1)),
    member("getDate", 1, |cx, a| calendar(cx, a, |c| c.day)),
    member("getDate", 2, |cx, a| calendar(cx, a, |c| c.day)),
    member("getDayOfMonth", 1, |cx, a| calendar(cx, a, |c| c.day - 1)),
    member("getDayOfMonth", 2, |cx, a| calendar(cx, a, |c| c.day - 1)),
    member("getDayOfWeek", 1, |cx, a| calendar(cx, a, |c| c.weekday)),
    member("getDayOfWeek", 2, |cx, a| calendar(cx, a, |c| c.weekday)),
    member("getDayOfYear", 1, |cx, a| calendar(cx, a, |c| c.day_of_year)),
    member("getDayOfYear", 2, |cx, a| calendar(cx, a, |c| c.day_of_year)),
    member("getHours", 1, |cx, a| total(a, 3_600_000_000_000).map_or_else(|| calendar(cx, a, |c| c.hour), Ok)),
    member("getHours", 2, |cx, a| calendar(cx, a, |c| c.hour)),
    member("getMinutes", 1, |cx, a| total(a, 60_000_000_000).map_or_else(|| calendar(cx, a, |c| c.minute), Ok)),
    member("getMinutes", 2, |cx, a| calendar(cx, a, |c| c.minute)),
    member("getSeconds", 1, |cx, a| total(a, 1_000_000_000).map_or_else(|| calendar(cx, a, |c| c.second), Ok)),
    member("getSeconds", 2, |cx, a| calendar(cx, a, |c| c.second)),
    member("getMilliseconds", 1, milliseconds),
    member("getMilliseconds", 2, milliseconds),
];

fn now<'a>(cx: &Context<'a>) -> Result<Timestamp, EvalError<'a>> {
    cx.now.ok_or(EvalError::NOW_MISSING)
}

fn time_since<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::Timestamp(t)] = *args else { return Err(EvalError::MISMATCH) };
    // the reference saturates here instead of failing
    let now = now(cx)?;
    let nanos = between(now, t).unwrap_or(if now.seconds < t.seconds { i64::MIN } else { i64::MAX });
    Ok(Value::Duration(nanos))
}

/// Whole units of a duration.
fn total<'a>(args: &[Value<'a>], unit: i64) -> Option<Value<'a>> {
    match *args {
        [Value::Duration(d)] => Some(Value::Int(d / unit)),
        _ => None,
    }
}

fn calendar<'a>(cx: &Context<'a>, args: &[Value<'a>], field: fn(&Civil) -> i64) -> Eval<'a> {
    let (t, offset) = match *args {
        [Value::Timestamp(t)] => (t, 0),
        [Value::Timestamp(t), Value::String(zone)] => {
            cx.charge(ZONE_STEPS)?;
            (t, zone_of(cx, zone)?.offset_at(t))
        }
        _ => return Err(EvalError::MISMATCH),
    };
    Ok(Value::Int(field(&civil(t.seconds.saturating_add(offset)))))
}

/// Finding a zone by name costs about as much as this many other steps.
const ZONE_STEPS: usize = 16;

fn zone_of<'a>(cx: &Context<'a>, name: &'a str) -> Result<Zone, EvalError<'a>> {
    Zone::find(name).map_err(|why| match why {
        ZoneError::Syntax(text) => {
            cx.error(format_args!("strconv.Atoi: parsing {}: invalid syntax", super::super::number::Quoted(text)))
        }
        ZoneError::Range(text) => {
            cx.error(format_args!("strconv.Atoi: parsing {}: value out of range", super::super::number::Quoted(text)))
        }
        ZoneError::InvalidName => EvalError(&Fault::Static("time: invalid location name")),
        ZoneError::Unknown(zone) => cx.fault(Fault::BadZone(zone)),
    })
}

fn milliseconds<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    match *args {
        [Value::Duration(d)] => Ok(Value::Int(d / 1_000_000)),
        [Value::Timestamp(t), ..] => {
            // the zone plays no part, but it has to exist
            calendar(cx, args, |_| 0)?;
            Ok(Value::Int(i64::from(t.nanos / 1_000_000)))
        }
        _ => Err(EvalError::MISMATCH),
    }
}
