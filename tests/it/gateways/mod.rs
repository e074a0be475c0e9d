//! Adapters of gateways over real sockets: golden files for each protocol and outcome, and everything that can go wrong,
//! which ends in a block each time.

mod agentgateway;
mod authzen;
mod envoy;
mod matrix;
mod tokens;
mod unpassable;

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::Pdp;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/gateways").join(name)
}

/// A server over the policy of the golden files, with these `adapters`.
async fn pdp(adapters: &str) -> Pdp {
    Pdp::start_from(&data("policies"), adapters).await
}

/// Every golden file of a protocol, in order of names.
fn golden(protocol: &str) -> Vec<(PathBuf, Value)> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(data(protocol)).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no golden files of {protocol}");
    paths
        .into_iter()
        .map(|path| (path.clone(), serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()))
        .collect()
}

/// Compares an answer with a golden file, or writes it there if `UPDATE_GOLDEN` is set.
fn compare(path: &Path, mut file: Value, answer: Value) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        file["answer"] = answer;
        std::fs::write(path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
    } else {
        similar_asserts::assert_eq!(answer, file["answer"], "{}", path.display());
    }
}

/// The same with what differs from run to run left out.
fn stable(value: Value) -> Value {
    match value {
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| match &*name {
                "decisionId" | "decision_id" | "evaluation_id" | "revision" | "x-toolgate-decision-id" => {
                    (name, "…".into())
                }
                _ => (name, stable(value)),
            })
            .collect(),
        Value::Array(items) => items.into_iter().map(stable).collect(),
        other => other,
    }
}

/// A received struct as JSON.
fn json(fields: &prost_types::Struct) -> Value {
    fn value(value: &prost_types::Value) -> Value {
        use prost_types::value::Kind;
        match &value.kind {
            None | Some(Kind::NullValue(_)) => Value::Null,
            Some(Kind::BoolValue(b)) => (*b).into(),
            Some(Kind::NumberValue(n)) => (*n).into(),
            Some(Kind::StringValue(s)) => s.as_str().into(),
            Some(Kind::ListValue(l)) => l.values.iter().map(self::json_value).collect(),
            Some(Kind::StructValue(s)) => json(s),
        }
    }
    fields.fields.iter().map(|(name, v)| (name.clone(), value(v))).collect::<serde_json::Map<_, _>>().into()
}

fn json_value(value: &prost_types::Value) -> Value {
    let wrapped = prost_types::Struct { fields: [("v".to_owned(), value.clone())].into() };
    json(&wrapped)["v"].clone()
}

/// JSON as a struct.
fn structure(value: &Value) -> prost_types::Struct {
    fn one(value: &Value) -> prost_types::Value {
        use prost_types::value::Kind;
        let kind = match value {
            Value::Null => Kind::NullValue(0),
            Value::Bool(b) => Kind::BoolValue(*b),
            Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap()),
            Value::String(s) => Kind::StringValue(s.clone()),
            Value::Array(all) => Kind::ListValue(prost_types::ListValue { values: all.iter().map(one).collect() }),
            Value::Object(_) => Kind::StructValue(structure(value)),
        };
        prost_types::Value { kind: Some(kind) }
    }
    let fields = value.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), one(value)));
    prost_types::Struct { fields: fields.collect() }
}
