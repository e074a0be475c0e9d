//! Values as JSON that keeps their kinds (`{"int": "5"}`), and back; answers of the batch mode.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bumpalo::Bump;
use serde_json::{Value as Json, json};

use super::session::{Outcome, Phase};
use super::show;
use crate::cel::number::parse_double;
use crate::cel::value::{List, Map, SORTED_ABOVE, Timestamp, Value};

/// Deepest value that is printed or read.
const MAX_DEPTH: u32 = 200;
const NANOS: i64 = 1_000_000_000;

/// The answer for an expression.
pub(super) fn outcome(outcome: &Outcome<'_>) -> Json {
    match outcome {
        Outcome::Value(value) => match encode(*value, 0) {
            Some(value) => json!({ "value": value }),
            None => error("eval", "the value is nested too deeply to be printed"),
        },
        Outcome::Failed(message) => error("eval", message),
        Outcome::Refused(phase, faults) => {
            let phase = match phase {
                Phase::Parse => "parse",
                Phase::Check => "check",
            };
            let mut message = String::new();
            for (i, fault) in faults.iter().enumerate() {
                let _ = write!(message, "{}{fault}", if i > 0 { ", " } else { "" });
            }
            error(phase, &message)
        }
    }
}

/// An error answer.
pub(super) fn error(phase: &str, message: &str) -> Json {
    json!({ "error": { "phase": phase, "message": message } })
}

/// A value with its kind; `None` if it is nested too deeply.
fn encode(value: Value<'_>, depth: u32) -> Option<Json> {
    if depth > MAX_DEPTH {
        return None;
    }
    Some(match value {
        Value::Null => json!({ "null": null }),
        Value::Bool(b) => json!({ "bool": b }),
        Value::Int(i) => json!({ "int": i.to_string() }),
        Value::Uint(u) => json!({ "uint": u.to_string() }),
        Value::Double(d) => json!({ "double": double(d) }),
        Value::String(s) => json!({ "string": s }),
        Value::Bytes(b) => json!({ "bytes": STANDARD.encode(b) }),
        Value::List(l) => {
            let items: Option<Vec<Json>> = l.iter().map(|v| encode(v, depth + 1)).collect();
            json!({ "list": items? })
        }
        Value::Map(m) => json!({ "map": entries(m.iter(), depth)? }),
        Value::Timestamp(t) => json!({ "timestamp": { "seconds": t.seconds.to_string(), "nanos": t.nanos } }),
        Value::Duration(d) => json!({ "duration": { "seconds": (d / NANOS).to_string(), "nanos": d % NANOS } }),
        Value::Type(name) => json!({ "type": name }),
        Value::Optional(None) => json!({ "optional": null }),
        Value::Optional(Some(v)) => json!({ "optional": encode(*v, depth + 1)? }),
        Value::Message(m) => {
            let fields = m.ty.fields.iter().zip(m.fields);
            let set = fields.filter(|(_, v)| !show::is_unset(**v));
            json!({ "map": entries(set.map(|(f, v)| (Value::String(f.name), *v)), depth)? })
        }
        Value::Object(_) => json!({ "object": show::value(value) }),
    })
}

fn entries<'a>(entries: impl Iterator<Item = (Value<'a>, Value<'a>)>, depth: u32) -> Option<Vec<Json>> {
    entries.map(|(k, v)| Some(json!([encode(k, depth + 1)?, encode(v, depth + 1)?]))).collect()
}

fn double(d: f64) -> String {
    if d.is_nan() {
        "NaN".to_owned()
    } else if d.is_infinite() {
        if d > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else {
        format!("{d:?}")
    }
}

/// Reads an encoded value into the arena.
pub(super) fn decode<'a>(json: &Json, bump: &'a Bump) -> Result<Value<'a>, String> {
    decode_at(json, bump, 0)
}

fn decode_at<'a>(json: &Json, bump: &'a Bump, depth: u32) -> Result<Value<'a>, String> {
    let wrong = || format!("not a value: `{}`", json.to_string().chars().take(80).collect::<String>());
    if depth > MAX_DEPTH {
        return Err("the value is nested too deeply".to_owned());
    }
    let object = json.as_object().filter(|o| o.len() == 1).ok_or_else(wrong)?;
    let (kind, inner) = object.iter().next().ok_or_else(wrong)?;
    let text = || inner.as_str().ok_or_else(wrong);
    let items = || inner.as_array().ok_or_else(wrong);
    Ok(match kind.as_str() {
        "null" => Value::Null,
        "bool" => Value::Bool(inner.as_bool().ok_or_else(wrong)?),
        "int" => Value::Int(text()?.parse().map_err(|_| wrong())?),
        "uint" => Value::Uint(text()?.parse().map_err(|_| wrong())?),
        "double" => Value::Double(parse_double(text()?).ok_or_else(wrong)?),
        "string" => Value::String(bump.alloc_str(text()?)),
        "bytes" => Value::Bytes(bump.alloc_slice_copy(&STANDARD.decode(text()?).map_err(|_| wrong())?)),
        "type" => Value::Type(bump.alloc_str(text()?)),
        "list" => {
            let values: Result<Vec<Value<'a>>, String> =
                items()?.iter().map(|v| decode_at(v, bump, depth + 1)).collect();
            Value::List(List::Values(bump.alloc_slice_copy(&values?)))
        }
        "map" => {
            let mut entries = Vec::new();
            for entry in items()? {
                let [key, value] = entry.as_array().map_or(&[][..], Vec::as_slice) else { return Err(wrong()) };
                entries.push((decode_at(key, bump, depth + 1)?, decode_at(value, bump, depth + 1)?));
            }
            Value::Map(map(&entries, bump))
        }
        "optional" if inner.is_null() => Value::Optional(None),
        "optional" => Value::Optional(Some(bump.alloc(decode_at(inner, bump, depth + 1)?))),
        "timestamp" | "duration" => {
            let seconds = inner.get("seconds").and_then(Json::as_str).and_then(|s| s.parse::<i64>().ok());
            let nanos = inner.get("nanos").map_or(Some(0), Json::as_i64);
            let (Some(seconds), Some(nanos)) = (seconds, nanos) else { return Err(wrong()) };
            if kind == "timestamp" {
                let nanos = u32::try_from(nanos).map_err(|_| wrong())?;
                Value::Timestamp(Timestamp { seconds, nanos, offset_minutes: 0 })
            } else {
                let total = seconds.checked_mul(NANOS).and_then(|n| n.checked_add(nanos));
                Value::Duration(total.ok_or_else(wrong)?)
            }
        }
        _ => return Err(wrong()),
    })
}

/// A map of decoded entries, in the form the evaluator reads fastest.
fn map<'a>(entries: &[(Value<'a>, Value<'a>)], bump: &'a Bump) -> Map<'a> {
    let fields: Option<Vec<(&'a str, Value<'a>)>> = entries
        .iter()
        .map(|(k, v)| match k {
            Value::String(k) => Some((*k, *v)),
            _ => None,
        })
        .collect();
    let Some(mut fields) = fields else { return Map::Entries(bump.alloc_slice_copy(entries)) };
    if fields.len() > SORTED_ABOVE {
        fields.sort_by_key(|(k, _)| *k);
    }
    Map::Fields(bump.alloc_slice_copy(&fields))
}
