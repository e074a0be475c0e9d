//! `google.protobuf.Value` for messages that are read by prost: from JSON that we wrote, and, as values of the policy
//! language, from what gateways send. Prost bounds how deep a received one is.

use bumpalo::Bump;
use bumpalo::collections::Vec as BumpVec;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

use crate::cel::value as cel;
use crate::wire::map::sort;

/// A received struct in the arena.
pub(super) fn map<'a>(received: &'a Struct, bump: &'a Bump) -> cel::Map<'a> {
    let fields = received.fields.iter().map(|(name, value)| (&**name, received_value(value, bump)));
    let fields = BumpVec::from_iter_in(fields, bump).into_bump_slice_mut();
    sort(fields);
    cel::Map::Fields(fields)
}

fn received_value<'a>(received: &'a Value, bump: &'a Bump) -> cel::Value<'a> {
    match &received.kind {
        None | Some(Kind::NullValue(_)) => cel::Value::Null,
        Some(Kind::BoolValue(b)) => cel::Value::Bool(*b),
        Some(Kind::NumberValue(n)) => cel::Value::Double(*n),
        Some(Kind::StringValue(s)) => cel::Value::String(s),
        Some(Kind::ListValue(list)) => {
            let items = list.values.iter().map(|item| received_value(item, bump));
            cel::Value::List(cel::List::Values(BumpVec::from_iter_in(items, bump).into_bump_slice()))
        }
        Some(Kind::StructValue(inner)) => cel::Value::Map(map(inner, bump)),
    }
}

/// The texts as a struct.
pub(super) fn texts(fields: &[(&str, &str)]) -> Struct {
    let set = fields.iter().filter(|(_, text)| !text.is_empty());
    let value = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    Struct { fields: set.map(|(name, text)| ((*name).to_owned(), value(text))).collect() }
}

/// The same value. As deep as what we wrote ourselves, which is bounded.
pub(super) fn value(json: serde_json::Value) -> Value {
    let kind = match json {
        serde_json::Value::Null => Kind::NullValue(0),
        serde_json::Value::Bool(b) => Kind::BoolValue(b),
        serde_json::Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or_default()),
        serde_json::Value::String(s) => Kind::StringValue(s),
        serde_json::Value::Array(all) => Kind::ListValue(ListValue { values: all.into_iter().map(value).collect() }),
        serde_json::Value::Object(all) => {
            Kind::StructValue(Struct { fields: all.into_iter().map(|(k, v)| (k, value(v))).collect() })
        }
    };
    Value { kind: Some(kind) }
}
