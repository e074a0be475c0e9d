//! JSON as `google.protobuf.Value`, for answers that are JSON first and protobuf second. Not for what callers send.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};

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
