//! `"…".format([…])`.

use super::super::budget::MAX_VALUE_DEPTH;
use super::super::context::{Context, Text};
use super::super::error::{Eval, EvalError, Fault};
use super::super::number::{Decimal, parse_int};
use super::super::time::{Rfc3339, Seconds};
use super::super::value::{List, Map, Value};
use super::{Function, member};

pub(super) const TABLE: &[Function] = &[member("format", 2, format)];

const MAX_PRECISION: i64 = 100;
const DEFAULT_PRECISION: usize = 6;

type Done<'a> = Result<(), EvalError<'a>>;

fn format<'a>(cx: &Context<'a>, args: &[Value<'a>]) -> Eval<'a> {
    let [Value::String(template), Value::List(values)] = *args else { return Err(EvalError::MISMATCH) };
    let mut out = Text::new(cx);
    let mut rest = template;
    let mut used = 0;
    while let Some(percent) = rest.find('%') {
        out.push(rest.get(..percent).unwrap_or(""))?;
        rest = rest.get(percent + 1..).unwrap_or("");
        if let Some(after) = rest.strip_prefix('%') {
            out.push("%")?;
            rest = after;
            continue;
        }
        let Some(value) = values.get(used) else {
            return Err(cx.error(format_args!("index {used} out of range")));
        };
        used += 1;
        let (precision, after) = precision(cx, rest)?;
        let mut chars = after.chars();
        let clause = chars.next();
        rest = chars.as_str();
        apply(cx, &mut out, clause, precision, value)?;
    }
    out.push(rest)?;
    Ok(Value::String(out.finish()))
}

/// `.2` before the clause.
fn precision<'a, 't>(cx: &Context<'a>, text: &'t str) -> Result<(Option<usize>, &'t str), EvalError<'a>> {
    const PREFIX: &str = "could not parse formatting clause: error while parsing precision:";
    let Some(digits_on) = text.strip_prefix('.') else { return Ok((None, text)) };
    let end = digits_on.bytes().take_while(u8::is_ascii_digit).count();
    let digits = digits_on.get(..end).unwrap_or("");
    let rest = digits_on.get(end..).unwrap_or("");
    if rest.is_empty() {
        return Err(cx.error(format_args!("{PREFIX} could not find end of precision specifier")));
    }
    match parse_int(digits) {
        None => {
            let why = if digits.is_empty() { "invalid syntax" } else { "value out of range" };
            Err(cx.error(format_args!(
                "{PREFIX} error while converting precision to integer: strconv.Atoi: parsing \"{digits}\": {why}"
            )))
        }
        Some(n) if n > MAX_PRECISION => {
            Err(cx.error(format_args!("{PREFIX} precision {n} exceeds maximum allowed precision {MAX_PRECISION}")))
        }
        Some(n) => Ok((usize::try_from(n).ok(), rest)),
    }
}

fn apply<'a>(
    cx: &Context<'a>,
    out: &mut Text<'_, 'a>,
    clause: Option<char>,
    precision: Option<usize>,
    value: Value<'a>,
) -> Done<'a> {
    let refused =
        |what: &str| Err(cx.error(format_args!("error during formatting: {what}, was given {}", value.type_name())));
    match clause {
        Some('s') => string(cx, out, value, 0),
        Some('d') => match value {
            Value::Int(i) => out.print(i),
            Value::Uint(u) => out.print(u),
            Value::Double(d) => out.print(Decimal(d)),
            _ => refused("decimal clause can only be used on ints, uints, and doubles"),
        },
        Some('f') => match number(value) {
            Some(d) if d.is_finite() => out.print(format_args!("{d:.*}", precision.unwrap_or(DEFAULT_PRECISION))),
            Some(d) => out.print(Decimal(d)),
            None => refused("fixed-point clause can only be used on ints, uints, and doubles"),
        },
        Some('e') => match number(value) {
            Some(d) if d.is_finite() => scientific(cx, out, d, precision.unwrap_or(DEFAULT_PRECISION)),
            Some(d) => out.print(Decimal(d)),
            None => refused("scientific clause can only be used on ints, uints, and doubles"),
        },
        Some('b') => match value {
            Value::Int(i) => signed(out, i, |out, n| out.print(format_args!("{n:b}"))),
            Value::Uint(u) => out.print(format_args!("{u:b}")),
            Value::Bool(b) => out.push(if b { "1" } else { "0" }),
            _ => refused("only ints, uints, and bools can be formatted as binary"),
        },
        Some('o') => match value {
            Value::Int(i) => signed(out, i, |out, n| out.print(format_args!("{n:o}"))),
            Value::Uint(u) => out.print(format_args!("{u:o}")),
            _ => refused("octal clause can only be used on ints and uints"),
        },
        Some('x') => match hex(out, value, false) {
            Some(done) => done,
            None => refused("only ints, uints, bytes, and strings can be formatted as hex"),
        },
        Some('X') => match hex(out, value, true) {
            Some(done) => done,
            None => refused("only ints, uints, bytes, and strings can be formatted as hex"),
        },
        Some(other) => {
            // the reference reads bytes here, and prints the first one as a character
            let mut bytes = [0; 4];
            let first = other.encode_utf8(&mut bytes).bytes().next().unwrap_or(b'?');
            let name = char::from(first);
            Err(cx.error(format_args!("could not parse formatting clause: unrecognized formatting clause \"{name}\"")))
        }
        None => Err(EvalError(&Fault::Static("unexpected end of string"))),
    }
}

fn number(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(i) => Some(i as f64),
        Value::Uint(u) => Some(u as f64),
        Value::Double(d) => Some(d),
        _ => None,
    }
}

fn signed<'a, 'c>(out: &mut Text<'c, 'a>, i: i64, print: impl Fn(&mut Text<'c, 'a>, u64) -> Done<'a>) -> Done<'a> {
    if i < 0 {
        out.push("-")?;
    }
    print(out, i.unsigned_abs())
}

fn scientific<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, d: f64, precision: usize) -> Done<'a> {
    let mut text = Text::new(cx);
    text.print(format_args!("{d:.precision$e}"))?;
    let text = text.finish();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    out.print(format_args!("{mantissa}e{sign}{digits:0>2}"))
}

fn hex<'a>(out: &mut Text<'_, 'a>, value: Value<'a>, upper: bool) -> Option<Done<'a>> {
    let bytes = match value {
        Value::Int(i) if upper => return Some(signed(out, i, |out, n| out.print(format_args!("{n:X}")))),
        Value::Int(i) => return Some(signed(out, i, |out, n| out.print(format_args!("{n:x}")))),
        Value::Uint(u) if upper => return Some(out.print(format_args!("{u:X}"))),
        Value::Uint(u) => return Some(out.print(format_args!("{u:x}"))),
        Value::String(s) => s.as_bytes(),
        Value::Bytes(b) => b,
        _ => return None,
    };
    Some(
        bytes.iter().try_for_each(|b| {
            if upper { out.print(format_args!("{b:02X}")) } else { out.print(format_args!("{b:02x}")) }
        }),
    )
}

/// `%s`
fn string<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, value: Value<'a>, depth: u32) -> Done<'a> {
    if depth > MAX_VALUE_DEPTH {
        return Err(EvalError::TOO_DEEP);
    }
    cx.charge(1)?;
    match value {
        Value::Null => out.push("null"),
        Value::Bool(b) => out.push(if b { "true" } else { "false" }),
        Value::Int(i) => out.print(i),
        Value::Uint(u) => out.print(u),
        Value::Double(d) => out.print(Decimal(d)),
        Value::String(s) | Value::Type(s) => out.push(s),
        Value::Bytes(b) => out.push(&String::from_utf8_lossy(b)),
        Value::List(l) => list(cx, out, l, depth),
        Value::Map(m) => map(cx, out, m, depth),
        Value::Timestamp(timestamp) => out.print(Rfc3339 { timestamp, utc: true }),
        Value::Duration(d) => out.print(Seconds(d)),
        Value::Optional(_) | Value::Message(_) | Value::Object(_) => Err(cx.error(format_args!(
            "error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, \
             lists, types, durations, and timestamps, was given {}",
            value.type_name()
        ))),
    }
}

fn list<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, list: List<'a>, depth: u32) -> Done<'a> {
    out.push("[")?;
    for (i, element) in list.iter().enumerate() {
        if i > 0 {
            out.push(", ")?;
        }
        string(cx, out, element, depth + 1)?;
    }
    out.push("]")
}

/// Entries in the order of their printed keys.
fn map<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, map: Map<'a>, depth: u32) -> Done<'a> {
    let mut entries = bumpalo::collections::Vec::with_capacity_in(map.len(), cx.bump);
    cx.charge(map.len())?;
    for (key, value) in map.iter() {
        let mut text = Text::new(cx);
        string(cx, &mut text, key, depth + 1)?;
        entries.push((text.finish(), value));
    }
    entries.sort_by_key(|(key, _)| *key);
    out.push("{")?;
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push(", ")?;
        }
        out.push(key)?;
        out.push(": ")?;
        string(cx, out, *value, depth + 1)?;
    }
    out.push("}")
}
