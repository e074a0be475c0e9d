//! A value as compact JSON with sorted keys, as `json.encode` gives it.

use std::fmt::Write;

use super::super::budget::MAX_VALUE_DEPTH;
use super::super::context::{Context, Text};
use super::super::error::{EvalError, Fault};
use super::super::time::{Rfc3339, Seconds};
use super::super::value::{Map, Message, Object, Value};
use super::encoders::base64;
use super::native::{self, NotString};

/// Integers beyond this are written as strings.
const EXACT: u64 = (1 << 53) - 1;

type Done<'a> = Result<(), EvalError<'a>>;

/// Appends `value`.
pub fn write<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, value: Value<'a>, depth: u32) -> Done<'a> {
    if depth > MAX_VALUE_DEPTH {
        return Err(EvalError::TOO_DEEP);
    }
    cx.charge(1)?;
    match value {
        Value::Null => out.push("null"),
        Value::Bool(b) => out.push(if b { "true" } else { "false" }),
        Value::Int(i) if i.unsigned_abs() > EXACT => out.print(format_args!("\"{i}\"")),
        Value::Int(i) => out.print(i),
        Value::Uint(u) if u > EXACT => out.print(format_args!("\"{u}\"")),
        Value::Uint(u) => out.print(u),
        Value::Double(d) => double(cx, out, d),
        Value::String(s) => string(out, s),
        Value::Bytes(b) => {
            out.push("\"")?;
            base64(out, b)?;
            out.push("\"")
        }
        Value::List(l) => {
            out.push("[")?;
            for (i, element) in l.iter().enumerate() {
                if i > 0 {
                    out.push(",")?;
                }
                write(cx, out, element, depth + 1)?;
            }
            out.push("]")
        }
        Value::Map(m) => map(cx, out, m, depth),
        Value::Timestamp(timestamp) => out.print(format_args!("\"{}\"", Rfc3339 { timestamp, utc: false })),
        Value::Duration(d) => out.print(format_args!("\"{}\"", Seconds(d))),
        Value::Optional(Some(inner)) => write(cx, out, *inner, depth + 1),
        Value::Optional(None) => Err(EvalError::NONE_DEREFERENCE),
        Value::Message(m) => message(cx, out, m, depth),
        Value::Type(_) => Err(EvalError(&Fault::Static("type conversion not supported for 'type'"))),
        Value::Object(o) => Err(EvalError(match o {
            Object::Ip(_) | Object::Cidr(..) => &Fault::Static("unsupported type conversion to '*structpb.Value'"),
            Object::Hierarchy(_) => &Fault::Static("unsupported native conversion from hierarchy to '*structpb.Value'"),
            Object::SpiffeId(_) => &Fault::Static("unsupported native conversion from SPIFFEID to '*structpb.Value'"),
            Object::SpiffeTrustDomain(_) => {
                &Fault::Static("unsupported native conversion from SPIFFETrustDomain to '*structpb.Value'")
            }
            Object::SpiffeMatcher(_) => {
                &Fault::Static("unsupported native conversion from SPIFFEMatcher to '*structpb.Value'")
            }
        })),
    }
}

fn double<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, d: f64) -> Done<'a> {
    if !d.is_finite() {
        let name = super::super::number::Double(d);
        return Err(cx.error(format_args!("proto: google.protobuf.Value.number_value: invalid {name} value")));
    }
    if d != 0.0 && !(1e-6..1e21).contains(&d.abs()) {
        let mut text = Text::new(cx);
        text.print(format_args!("{d:e}"))?;
        let text = text.finish();
        // the exponent carries its sign, plus included
        return match text.split_once('e') {
            Some((mantissa, exponent)) if !exponent.starts_with('-') => {
                out.print(format_args!("{mantissa}e+{exponent}"))
            }
            _ => out.push(text),
        };
    }
    out.print(d)
}

fn string<'a>(out: &mut Text<'_, 'a>, s: &str) -> Done<'a> {
    let failed = |_| EvalError::BUDGET;
    out.push("\"")?;
    let mut plain_from = 0;
    for (at, c) in s.char_indices() {
        let escape = match c {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\u{8}' => "\\b",
            '\u{c}' => "\\f",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => "",
            _ => continue,
        };
        out.push(s.get(plain_from..at).unwrap_or(""))?;
        if escape.is_empty() {
            write!(out, "\\u{:04x}", c as u32).map_err(failed)?;
        } else {
            out.push(escape)?;
        }
        plain_from = at + c.len_utf8();
    }
    out.push(s.get(plain_from..).unwrap_or(""))?;
    out.push("\"")
}

fn map<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, map: Map<'a>, depth: u32) -> Done<'a> {
    let mut entries = bumpalo::collections::Vec::with_capacity_in(map.len(), cx.bump);
    cx.charge(map.len())?;
    for (key, value) in map.iter() {
        match native::string(key, cx) {
            Ok(key) => entries.push((key, value)),
            Err(NotString::Budget) => return Err(EvalError::BUDGET),
            Err(NotString::Text(why)) => return Err(cx.error(format_args!("{why}"))),
        }
    }
    entries.sort_by_key(|(key, _)| *key);
    out.push("{")?;
    for (i, (key, value)) in entries.iter().enumerate() {
        if i > 0 {
            out.push(",")?;
        }
        string(out, key)?;
        out.push(":")?;
        write(cx, out, *value, depth + 1)?;
    }
    out.push("}")
}

/// Fields that hold their default are left out.
fn message<'a>(cx: &Context<'a>, out: &mut Text<'_, 'a>, message: Message<'a>, depth: u32) -> Done<'a> {
    let mut fields = bumpalo::collections::Vec::with_capacity_in(message.fields.len(), cx.bump);
    for (field, value) in message.ty.fields.iter().zip(message.fields) {
        if !super::convert::is_zero(*value) {
            fields.push((field.name, *value));
        }
    }
    fields.sort_by_key(|(name, _)| *name);
    let entries: &'a [(&'a str, Value<'a>)] = fields.into_bump_slice();
    map(cx, out, Map::Fields(entries), depth)
}
