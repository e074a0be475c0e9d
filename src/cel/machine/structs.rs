//! Message literals: well-known protobuf types, which become plain values, and the request's own messages.

use super::super::context::Context;
use super::super::error::{Eval, EvalError, Fault};
use super::super::functions::{NotString, base64_text, native_string};
use super::super::mapping::MapBuilder;
use super::super::program::StructLiteral;
use super::super::show::Shown;
use super::super::time::{MAX_SECONDS, MIN_SECONDS, Rfc3339, Seconds};
use super::super::value::{Field, FieldType, List, Map, Message, MessageType, Object, Timestamp, Value};
use super::{Machine, Memory};

const fn field(name: &'static str, alias: &'static str, ty: FieldType) -> Field {
    Field { name, alias, ty }
}

static EMPTY: MessageType = MessageType { name: "google.protobuf.Empty", fields: &[] };
static FIELD_MASK: MessageType =
    MessageType { name: "google.protobuf.FieldMask", fields: &[field("paths", "paths", FieldType::StringList)] };
static PRINCIPAL: MessageType = MessageType {
    name: "cerbos.engine.v1.Principal",
    fields: &[
        field("id", "id", FieldType::String),
        field("policyVersion", "policy_version", FieldType::String),
        field("roles", "roles", FieldType::StringList),
        field("attr", "attr", FieldType::DynMap),
        field("scope", "scope", FieldType::String),
    ],
};
static RESOURCE: MessageType = MessageType {
    name: "cerbos.engine.v1.Resource",
    fields: &[
        field("kind", "kind", FieldType::String),
        field("policyVersion", "policy_version", FieldType::String),
        field("id", "id", FieldType::String),
        field("attr", "attr", FieldType::DynMap),
        field("scope", "scope", FieldType::String),
    ],
};

/// Shapes no request has but an expression can construct.
pub fn shape(name: &str) -> Option<&'static MessageType> {
    [&EMPTY, &FIELD_MASK, &PRINCIPAL, &RESOURCE].into_iter().find(|m| m.name == name)
}

impl<'a, M: Memory<'a>> Machine<'a, M> {
    #[inline(never)]
    pub(super) fn message(&self, literal: &'a StructLiteral) -> Eval<'a> {
        let cx = &self.context;
        let mut given = bumpalo::collections::Vec::with_capacity_in(literal.fields.len(), cx.bump);
        for (name, at, optional) in &literal.fields {
            let value = self.value(*at)?;
            match value {
                _ if !optional => given.push((&**name, value)),
                Value::Optional(None) => {}
                Value::Optional(Some(v)) => given.push((&**name, *v)),
                other => {
                    let shown = Shown(other);
                    return Err(cx.error(format_args!(
                        "cannot initialize optional entry '{name}' from non-optional value {shown}"
                    )));
                }
            }
        }
        let build = Build { cx, type_name: &literal.name, given: given.into_bump_slice() };
        match literal.shape {
            Some(shape) => build.message(shape),
            None => build.well_known(),
        }
    }
}

struct Build<'c, 'a> {
    cx: &'c Context<'a>,
    type_name: &'a str,
    given: &'a [(&'a str, Value<'a>)],
}

impl<'a> Build<'_, 'a> {
    fn get(&self, names: &[&str]) -> Option<(&'a str, Value<'a>)> {
        self.given.iter().rev().find(|(n, _)| names.contains(n)).copied()
    }

    fn refused(&self, field: &str, why: &str) -> EvalError<'a> {
        let name = self.type_name;
        self.cx.error(format_args!("field type conversion error for {name}.{field} value type: {why}"))
    }

    /// A wrong kind, as the reference words it for the field's Go type.
    fn mismatch(&self, field: &str, value: Value<'a>, wanted: &str) -> EvalError<'a> {
        let why = match value {
            Value::Int(_) => format!("unsupported type conversion from 'int' to {wanted}"),
            Value::Uint(_) => format!("unsupported type conversion from 'uint' to {wanted}"),
            Value::String(_) => format!("unsupported native conversion from string to '{wanted}'"),
            Value::Bool(_) => format!("type conversion error from bool to '{wanted}'"),
            Value::Double(_) => format!("type conversion error from Double to '{wanted}'"),
            Value::Bytes(_) => format!("type conversion error from Bytes to '{wanted}'"),
            Value::List(_) => format!("type conversion error from list to '{wanted}'"),
            Value::Map(_) => format!("type conversion error from map to '{wanted}'"),
            other => format!("type conversion error from '{}' to '{wanted}'", other.type_name()),
        };
        self.refused(field, &why)
    }

    fn int(&self, field: &str, narrow: bool) -> Result<i64, EvalError<'a>> {
        match self.get(&[field]) {
            None => Ok(0),
            Some((_, Value::Int(i))) if narrow && i32::try_from(i).is_err() => {
                Err(self.refused(field, "integer overflow"))
            }
            Some((_, Value::Int(i))) => Ok(i),
            Some((_, other)) => Err(self.mismatch(field, other, if narrow { "int32" } else { "int64" })),
        }
    }

    fn uint(&self, narrow: bool) -> Result<u64, EvalError<'a>> {
        match self.get(&["value"]) {
            None => Ok(0),
            Some((_, Value::Uint(u))) if narrow && u32::try_from(u).is_err() => {
                Err(self.refused("value", "unsigned integer overflow"))
            }
            Some((_, Value::Uint(u))) => Ok(u),
            Some((_, other)) => Err(self.mismatch("value", other, if narrow { "uint32" } else { "uint64" })),
        }
    }

    fn double(&self, narrow: bool) -> Result<f64, EvalError<'a>> {
        match self.get(&["value"]) {
            None => Ok(0.0),
            Some((_, Value::Double(d))) => Ok(if narrow { f64::from(d as f32) } else { d }),
            Some((_, other)) => Err(self.mismatch("value", other, if narrow { "float32" } else { "float64" })),
        }
    }

    fn well_known(&self) -> Eval<'a> {
        let name = self.type_name.strip_prefix("google.protobuf.").unwrap_or(self.type_name);
        Ok(match name {
            "Int32Value" => Value::Int(self.int("value", true)?),
            "Int64Value" => Value::Int(self.int("value", false)?),
            "UInt32Value" => Value::Uint(self.uint(true)?),
            "UInt64Value" => Value::Uint(self.uint(false)?),
            "FloatValue" => Value::Double(self.double(true)?),
            "DoubleValue" => Value::Double(self.double(false)?),
            "BoolValue" => match self.get(&["value"]) {
                None => Value::Bool(false),
                Some((_, v @ Value::Bool(_))) => v,
                Some((f, other)) => return Err(self.mismatch(f, other, "bool")),
            },
            "StringValue" => match self.get(&["value"]) {
                None => Value::String(""),
                Some((f, v)) => Value::String(self.text(f, v)?),
            },
            "BytesValue" => match self.get(&["value"]) {
                None => Value::Bytes(&[]),
                Some((_, v @ Value::Bytes(_))) => v,
                Some((f, other)) => return Err(self.mismatch(f, other, "[]uint8")),
            },
            "Timestamp" => {
                let (seconds, nanos) = self.seconds_and_nanos()?;
                if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
                    return Err(EvalError::TIMESTAMP_OVERFLOW);
                }
                Value::Timestamp(Timestamp { seconds, nanos, offset_minutes: 0 })
            }
            "Duration" => {
                let (seconds, nanos) = self.seconds_and_nanos()?;
                let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
                Value::Duration(total.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
            }
            "Struct" => self.json_field("fields", Value::Map(Map::Fields(&[])))?,
            "ListValue" => self.json_field("values", Value::list(&[]))?,
            "Value" => match self.given.first() {
                None => Value::Null,
                Some((f, v)) => self.json(f, *v, 0)?,
            },
            _ => return Err(EvalError(&Fault::Static("unsupported conversion to ref.Val: (*dynamicpb.Message)"))),
        })
    }

    fn seconds_and_nanos(&self) -> Result<(i64, u32), EvalError<'a>> {
        let seconds = self.int("seconds", false)?;
        let nanos = self.int("nanos", true)?;
        let carried = seconds.saturating_add(nanos.div_euclid(1_000_000_000));
        Ok((carried, nanos.rem_euclid(1_000_000_000) as u32))
    }

    fn text(&self, field: &str, value: Value<'a>) -> Result<&'a str, EvalError<'a>> {
        match native_string(value, self.cx) {
            Ok(s) => Ok(s),
            Err(NotString::Budget) => Err(EvalError::BUDGET),
            Err(NotString::Text(why)) => Err(self.refused(field, why)),
        }
    }

    fn json_field(&self, field: &'static str, default: Value<'a>) -> Eval<'a> {
        self.get(&[field]).map_or(Ok(default), |(f, v)| self.json(f, v, 0))
    }

    /// The value as JSON data: numbers become doubles, everything else that JSON does not have becomes a string.
    fn json(&self, field: &str, value: Value<'a>, depth: u32) -> Eval<'a> {
        const EXACT: u64 = (1 << 53) - 1;
        if depth > super::super::budget::MAX_VALUE_DEPTH {
            return Err(EvalError::TOO_DEEP);
        }
        let cx = self.cx;
        cx.charge(1)?;
        match value {
            Value::Null | Value::Bool(_) | Value::Double(_) | Value::String(_) => Ok(value),
            Value::Int(i) if i.unsigned_abs() <= EXACT => Ok(Value::Double(i as f64)),
            Value::Int(i) => cx.string(i),
            Value::Uint(u) if u <= EXACT => Ok(Value::Double(u as f64)),
            Value::Uint(u) => cx.string(u),
            Value::Bytes(b) => base64_text(cx, b).map(Value::String),
            Value::Timestamp(timestamp) => cx.string(Rfc3339 { timestamp, utc: false }),
            Value::Duration(d) => cx.string(Seconds(d)),
            Value::List(l) => {
                let mut out = bumpalo::collections::Vec::with_capacity_in(l.len(), cx.bump);
                for element in l.iter() {
                    out.push(self.json(field, element, depth + 1)?);
                }
                Ok(Value::list(out.into_bump_slice()))
            }
            Value::Map(m) => {
                let mut out = MapBuilder::new(cx, m.len());
                for (key, value) in m.iter() {
                    let key = self.text(field, key)?;
                    out.set(Value::String(key), self.json(field, value, depth + 1)?)?;
                }
                Ok(Value::Map(out.finish()))
            }
            Value::Optional(Some(inner)) => self.json(field, *inner, depth + 1),
            Value::Optional(None) => Err(self.refused(field, "optional.none() dereference")),
            Value::Type(_) => Err(self.refused(field, "type conversion not supported for 'type'")),
            Value::Message(_) | Value::Object(Object::Ip(_) | Object::Cidr(..)) => {
                Err(self.refused(field, "unsupported type conversion to '*structpb.Value'"))
            }
            Value::Object(_) => Err(self.refused(field, "unsupported native conversion to '*structpb.Value'")),
        }
    }

    fn message(&self, shape: &'static MessageType) -> Eval<'a> {
        let cx = self.cx;
        let mut fields = bumpalo::collections::Vec::with_capacity_in(shape.fields.len(), cx.bump);
        for f in shape.fields {
            let value = self.get(&[f.name, f.alias]);
            fields.push(match (f.ty, value) {
                (FieldType::String, None) => Value::String(""),
                (FieldType::String, Some((name, v))) => Value::String(self.text(name, v)?),
                (FieldType::StringList, None) => Value::List(List::Strings(&[])),
                (FieldType::StringList, Some((name, Value::List(l)))) => {
                    let mut out = bumpalo::collections::Vec::with_capacity_in(l.len(), cx.bump);
                    cx.charge(l.len())?;
                    for element in l.iter() {
                        out.push(self.text(name, element)?);
                    }
                    Value::List(List::Strings(out.into_bump_slice()))
                }
                (FieldType::DynMap | FieldType::MessageMap(_), None) => Value::Map(Map::Fields(&[])),
                (FieldType::DynMap, Some((name, v @ Value::Map(_)))) => self.json(name, v, 0)?,
                (FieldType::MessageMap(_), Some((_, v @ Value::Map(_))))
                | (FieldType::Message(_), Some((_, v @ Value::Message(_)))) => v,
                (FieldType::Message(inner), None) => default_message(cx, inner, 0),
                (_, Some((name, other))) => return Err(self.mismatch(name, other, "message")),
            });
        }
        Ok(Value::Message(Message { ty: shape, fields: fields.into_bump_slice() }))
    }
}

/// A message without any field set.
fn default_message<'a>(cx: &Context<'a>, ty: &'static MessageType, depth: u32) -> Value<'a> {
    let mut fields = bumpalo::collections::Vec::with_capacity_in(ty.fields.len(), cx.bump);
    fields.extend(ty.fields.iter().map(|f| match f.ty {
        FieldType::String => Value::String(""),
        FieldType::StringList => Value::List(List::Strings(&[])),
        FieldType::DynMap | FieldType::MessageMap(_) => Value::Map(Map::Fields(&[])),
        FieldType::Message(inner) if depth < 8 => default_message(cx, inner, depth + 1),
        FieldType::Message(_) => Value::Null,
    }));
    Value::Message(Message { ty, fields: fields.into_bump_slice() })
}
