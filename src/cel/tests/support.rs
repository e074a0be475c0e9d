//! What the tests of this room share: evaluating a text, and JSON forms of values.

use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::super::value::{Constant, List, Map, Object, Timestamp, Value};
use super::super::{Budget, Checked, Env, Frame, Inputs, UnitBuilder};
use super::super::{functions, number, time};

/// Steps the tests allow.
pub const STEPS: u64 = 10_000_000;

/// Evaluates a checked expression: its value in REPL form, or the text of its error.
pub fn evaluate(checked: &Checked, env: &Env, roots: &[Value<'_>]) -> Result<Json, String> {
    with_value(checked, env, roots, |v| v.map(repl).map_err(|e| e.to_string()))
}

/// Evaluates a checked expression and hands the result to `f`.
pub fn with_value<T>(
    checked: &Checked,
    env: &Env,
    roots: &[Value<'_>],
    f: impl FnOnce(Result<Value<'_>, super::super::EvalError<'_>>) -> T,
) -> T {
    let mut builder = UnitBuilder::bare(env);
    let id = builder.add(checked);
    let unit = builder.build();
    let bump = Bump::new();
    let budget = Budget::new(STEPS);
    let now = time::parse_timestamp("2025-01-02T03:04:05.678Z").ok();
    let frame = Frame::new(&unit, Inputs { roots, now, bump: &bump, budget: &budget });
    f(frame.value(id))
}

/// A value as the reference's REPL prints it, as far as that is JSON.
pub fn repl(value: Value<'_>) -> Json {
    match value {
        Value::Null => json!(0),
        Value::Bool(b) => json!(b),
        Value::Int(i) => json!(i),
        Value::Uint(u) => json!(u),
        Value::Double(d) if d.is_finite() && d.trunc() == d && d.abs() < 1e15 => json!(d as i64),
        Value::Double(d) => json!(d),
        Value::String(s) => json!(s),
        Value::Type(t) => json!(t),
        Value::Bytes(b) => base64(b),
        // the REPL prints a list with empty optionals as one of empty objects
        Value::List(l) if l.iter().any(|v| matches!(v, Value::Optional(None))) => {
            Json::Array(l.iter().map(|_| json!({})).collect())
        }
        Value::List(l) => Json::Array(l.iter().map(repl).collect()),
        Value::Map(m) => {
            let entries: Option<serde_json::Map<String, Json>> = m
                .iter()
                .map(|(k, v)| match k {
                    Value::String(k) => Some((k.to_owned(), repl(v))),
                    Value::Object(_) => Some((native(k).as_str().unwrap().to_owned(), repl(v))),
                    _ => None,
                })
                .collect();
            entries.map_or(Json::Null, Json::Object)
        }
        Value::Timestamp(timestamp) => json!(time::Rfc3339 { timestamp, utc: false }.to_string()),
        Value::Duration(d) => json!(d),
        Value::Optional(None) => Json::Null,
        Value::Optional(Some(v)) => match *v {
            // here null is null
            Value::List(l) => {
                Json::Array(l.iter().map(|v| if matches!(v, Value::Null) { Json::Null } else { repl(v) }).collect())
            }
            v => repl(v),
        },
        // messages print as JSON, where null is null
        Value::Message(_) => {
            let (bump, budget) = (Bump::new(), Budget::new(STEPS));
            let cx = super::super::context::Context { bump: &bump, budget: &budget, now: None };
            match functions::find("json.encode", functions::Style::Global, 1).unwrap().call(&cx, &[value]) {
                Ok(Value::String(s)) => serde_json::from_str(s).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        Value::Object(Object::Hierarchy(levels)) => json!(levels),
        Value::Object(Object::SpiffeMatcher(_)) => json!({}),
        Value::Object(_) => native(value),
    }
}

fn native(object: Value<'_>) -> Json {
    let (bump, budget) = (Bump::new(), Budget::new(STEPS));
    let cx = super::super::context::Context { bump: &bump, budget: &budget, now: None };
    json!(functions::native_string(object, &cx).unwrap())
}

fn base64(bytes: &[u8]) -> Json {
    let (bump, budget) = (Bump::new(), Budget::new(STEPS));
    let cx = super::super::context::Context { bump: &bump, budget: &budget, now: None };
    json!(functions::base64_text(&cx, bytes).unwrap())
}

/// Reads the value encoding of tests/data/cel/README.md.
pub fn decode(json: &Json) -> Constant {
    let (kind, v) = json.as_object().unwrap().iter().next().unwrap();
    let text = || v.as_str().unwrap();
    match kind.as_str() {
        "null" => Constant::Null,
        "bool" => Constant::Bool(v.as_bool().unwrap()),
        "int" => Constant::Int(text().parse().unwrap()),
        "uint" => Constant::Uint(text().parse().unwrap()),
        "double" => Constant::Double(number::parse_double(text()).unwrap()),
        "string" => Constant::String(text().into()),
        "bytes" => Constant::Bytes(debase64(text()).into()),
        "list" => Constant::List(v.as_array().unwrap().iter().map(decode).collect()),
        "map" => Constant::Map(v.as_array().unwrap().iter().map(|e| (decode(&e[0]), decode(&e[1]))).collect()),
        "type" => Constant::Type(text().into()),
        "timestamp" | "duration" => {
            let seconds: i64 = v["seconds"].as_str().unwrap().parse().unwrap();
            let nanos = v["nanos"].as_i64().unwrap();
            if kind == "timestamp" {
                Constant::Timestamp(Timestamp { seconds, nanos: nanos as u32, offset_minutes: 0 })
            } else {
                Constant::Duration(seconds * 1_000_000_000 + nanos)
            }
        }
        other => panic!("unknown kind {other}"),
    }
}

fn debase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

/// Same kind and same value, NaN included; maps in any order.
pub fn same(a: Value<'_>, b: Value<'_>) -> bool {
    match (a, b) {
        (Value::Double(x), Value::Double(y)) => x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()),
        (Value::List(x), Value::List(y)) => x.len() == y.len() && List::iter(x).zip(y.iter()).all(|(a, b)| same(a, b)),
        (Value::Map(x), Value::Map(y)) => {
            x.len() == y.len() && Map::iter(x).all(|(k, v)| y.iter().any(|(l, w)| same(k, l) && same(v, w)))
        }
        (Value::Optional(Some(x)), Value::Optional(Some(y))) => same(*x, *y),
        (Value::Optional(None), Value::Optional(None)) => true,
        (Value::Timestamp(x), Value::Timestamp(y)) => (x.seconds, x.nanos) == (y.seconds, y.nanos),
        _ => format!("{a:?}") == format!("{b:?}"),
    }
}
