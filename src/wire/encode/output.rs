//! What a CEL value is outside: the conversion of outputs to `google.protobuf.Value` (policy language §7), the same
//! for both formats.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::cel::time::{Rfc3339, Seconds};
use crate::cel::value::{List, Map, Message, Object, Value};

/// Values may nest this deep in an output: deeper than any request, and expressions that build more are in error.
pub(super) const MAX_DEPTH: u32 = 512;
/// Integers up to here are numbers; larger ones would lose digits and become strings.
const MAX_EXACT: u64 = (1 << 53) - 1;

/// Why a value has no form outside, in the reference's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutputError {
    /// A map key that is not a string.
    #[error("unsupported type conversion from '{0}' to string")]
    Key(&'static str),
    /// A map key that is a bool.
    #[error("type conversion error from bool to 'string'")]
    BoolKey,
    /// An absent optional.
    #[error("optional.none() dereference")]
    None,
    /// A type value.
    #[error("type conversion not supported for 'type'")]
    Type,
    /// An address or network.
    #[error("unsupported type conversion to '*structpb.Value'")]
    Network,
    /// Another object of the extension libraries.
    #[error("unsupported native conversion from {0} to '*structpb.Value'")]
    Object(&'static str),
    /// A number that JSON cannot write.
    #[error("google.protobuf.Value.number_value: invalid {0} value")]
    NotFinite(&'static str),
    /// Nested too deep.
    #[error("exceeded max depth")]
    Depth,
}

/// A value in terms of `google.protobuf.Value`, one level of it.
pub(super) enum Plain<'a> {
    Null,
    Bool(bool),
    Number(f64),
    Text(Cow<'a, str>),
    List(List<'a>),
    /// Sorted by key.
    Map(Vec<(&'a str, Value<'a>)>),
}

/// One level of a value, inside out of optionals.
pub(super) fn plain(value: Value<'_>) -> Result<Plain<'_>, OutputError> {
    Ok(match value {
        Value::Null => Plain::Null,
        Value::Bool(b) => Plain::Bool(b),
        Value::Int(i) if i.unsigned_abs() <= MAX_EXACT => Plain::Number(i as f64),
        Value::Int(i) => Plain::Text(i.to_string().into()),
        Value::Uint(u) if u <= MAX_EXACT => Plain::Number(u as f64),
        Value::Uint(u) => Plain::Text(u.to_string().into()),
        Value::Double(d) => Plain::Number(d),
        Value::String(s) => Plain::Text(s.into()),
        Value::Bytes(b) => Plain::Text(STANDARD.encode(b).into()),
        Value::Timestamp(timestamp) => Plain::Text(Rfc3339 { timestamp, utc: false }.to_string().into()),
        Value::Duration(nanos) => Plain::Text(Seconds(nanos).to_string().into()),
        Value::List(list) => Plain::List(list),
        Value::Map(map) => Plain::Map(entries(map)?),
        Value::Message(message) => Plain::Map(fields(message)),
        Value::Optional(Some(inner)) => plain(*inner)?,
        Value::Optional(None) => return Err(OutputError::None),
        Value::Type(_) => return Err(OutputError::Type),
        Value::Object(Object::Ip(_) | Object::Cidr(..)) => return Err(OutputError::Network),
        Value::Object(Object::Hierarchy(_)) => return Err(OutputError::Object("hierarchy")),
        Value::Object(Object::SpiffeId(_)) => return Err(OutputError::Object("SPIFFEID")),
        Value::Object(Object::SpiffeTrustDomain(_)) => return Err(OutputError::Object("SPIFFETrustDomain")),
        Value::Object(Object::SpiffeMatcher(_)) => return Err(OutputError::Object("SPIFFEMatcher")),
    })
}

fn entries(map: Map<'_>) -> Result<Vec<(&str, Value<'_>)>, OutputError> {
    let mut entries = Vec::with_capacity(map.len());
    for (key, value) in map.iter() {
        match key {
            Value::String(key) => entries.push((key, value)),
            Value::Bool(_) => return Err(OutputError::BoolKey),
            other => return Err(OutputError::Key(other.type_name())),
        }
    }
    entries.sort_unstable_by_key(|(key, _)| *key);
    Ok(entries)
}

/// The fields that are set.
fn fields(message: Message<'_>) -> Vec<(&str, Value<'_>)> {
    let fields = message.ty.fields.iter().zip(message.fields);
    let mut set: Vec<_> = fields.filter(|(_, value)| !unset(**value)).map(|(f, value)| (f.name, *value)).collect();
    set.sort_unstable_by_key(|(name, _)| *name);
    set
}

fn unset(value: Value<'_>) -> bool {
    match value {
        Value::String(s) => s.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        Value::Message(message) => message.fields.iter().all(|value| unset(*value)),
        _ => false,
    }
}

/// Whether a value has a form in both formats.
pub fn presentable(value: Value<'_>) -> Result<(), OutputError> {
    check(value, MAX_DEPTH)
}

fn check(value: Value<'_>, depth: u32) -> Result<(), OutputError> {
    let depth = depth.checked_sub(1).ok_or(OutputError::Depth)?;
    match plain(value)? {
        Plain::Null | Plain::Bool(_) | Plain::Text(_) => Ok(()),
        Plain::Number(number) => finite(number),
        Plain::List(list) => list.iter().try_for_each(|value| check(value, depth)),
        Plain::Map(entries) => entries.iter().try_for_each(|(_, value)| check(*value, depth)),
    }
}

pub(super) fn finite(number: f64) -> Result<(), OutputError> {
    if number.is_finite() {
        return Ok(());
    }
    Err(OutputError::NotFinite(match number {
        n if n.is_nan() => "NaN",
        n if n > 0.0 => "+Inf",
        _ => "-Inf",
    }))
}
