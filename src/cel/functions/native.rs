//! Values where the reference wants a plain Go string: elements of a list of names, keys of a JSON object.

use super::super::context::Context;
use super::super::error::EvalError;
use super::super::value::{List, Object, Value};

/// The text of a value that stands for a string; otherwise the text of the reference's error.
pub fn string<'a>(value: Value<'a>, cx: &Context<'a>) -> Result<&'a str, NotString> {
    match value {
        Value::String(s) => Ok(s),
        Value::Optional(Some(inner)) => string(*inner, cx),
        Value::Object(o) => match o {
            Object::SpiffeId(s) | Object::SpiffeTrustDomain(s) => Ok(s),
            Object::Hierarchy(levels) => text(cx, format_args!("{}", levels.join("."))),
            Object::Ip(ip) => text(cx, format_args!("{ip}")),
            Object::Cidr(ip, bits) => text(cx, format_args!("{ip}/{bits}")),
            Object::SpiffeMatcher(_) => {
                Err(NotString::Text("unsupported native conversion from SPIFFEMatcher to 'string'"))
            }
        },
        other => Err(NotString::Text(refusal(other))),
    }
}

fn text<'a>(cx: &Context<'a>, text: std::fmt::Arguments<'_>) -> Result<&'a str, NotString> {
    match cx.string(text) {
        Ok(Value::String(s)) => Ok(s),
        _ => Err(NotString::Budget),
    }
}

/// Why a value does not stand for a string.
#[derive(Clone, Copy, Debug)]
pub enum NotString {
    /// The reference's words.
    Text(&'static str),
    /// The budget ran out while its text was made.
    Budget,
}

fn refusal(value: Value<'_>) -> &'static str {
    match value {
        Value::Int(_) => "unsupported type conversion from 'int' to string",
        Value::Uint(_) => "unsupported type conversion from 'uint' to string",
        Value::Bool(_) => "type conversion error from bool to 'string'",
        Value::Double(_) => "type conversion error from Double to 'string'",
        Value::Null => "type conversion error from 'null_type' to 'string'",
        Value::List(_) => "type conversion error from list to 'string'",
        Value::Map(_) => "type conversion error from map to 'string'",
        Value::Timestamp(_) => "type conversion error from 'Timestamp' to 'string'",
        Value::Duration(_) => "type conversion error from 'Duration' to 'string'",
        Value::Bytes(_) => "type conversion error from Bytes to 'string'",
        Value::Type(_) => "type conversion not supported for 'type'",
        Value::Optional(_) => "optional.none() dereference",
        Value::String(_) | Value::Message(_) | Value::Object(_) => "unsupported native conversion to 'string'",
    }
}

/// All elements as strings. A list whose first element is no string does not match `list(string)` at all; later
/// elements are converted, or name themselves in the error.
pub fn strings<'a>(list: List<'a>, cx: &Context<'a>) -> Result<&'a [&'a str], EvalError<'a>> {
    if let List::Strings(all) = list {
        return Ok(all);
    }
    if !starts_with_string(list) {
        return Err(EvalError::MISMATCH);
    }
    let mut out = bumpalo::collections::Vec::with_capacity_in(list.len(), cx.bump);
    cx.charge(list.len())?;
    for element in list.iter() {
        match string(element, cx) {
            Ok(s) => out.push(s),
            Err(NotString::Budget) => return Err(EvalError::BUDGET),
            Err(NotString::Text(why)) => {
                return Err(cx.error(format_args!("failed to convert list to string slice: {why}")));
            }
        }
    }
    Ok(out.into_bump_slice())
}

/// What a `list(string)` parameter accepts at run time: an empty list, or one that starts with a string.
#[must_use]
pub fn starts_with_string(list: List<'_>) -> bool {
    matches!(list.get(0), None | Some(Value::String(_)))
}
