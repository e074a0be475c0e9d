//! Values in reports: as JSON, and as the reference's text reports write JSON, with blanks after commas.

use serde_json::Value;

use crate::cel::value::Constant;

/// A value as JSON; whole numbers without a fraction.
pub(super) fn json(value: &Constant) -> Value {
    match value {
        Constant::Null => Value::Null,
        Constant::Bool(b) => (*b).into(),
        Constant::Int(i) => (*i).into(),
        Constant::Uint(u) => (*u).into(),
        Constant::Double(d) => number(*d),
        Constant::String(s) => s.as_ref().into(),
        Constant::List(l) => l.iter().map(json).collect::<Vec<_>>().into(),
        Constant::Map(m) => {
            let key = |k: &Constant| match json(k) {
                Value::String(s) => s,
                other => other.to_string(),
            };
            Value::Object(m.iter().map(|(k, v)| (key(k), json(v))).collect())
        }
        // Not among the values of outputs and fixtures.
        other => format!("{other:?}").into(),
    }
}

fn number(d: f64) -> Value {
    if d.is_nan() {
        return "NaN".into();
    }
    if d.is_infinite() {
        return if d > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    if d.fract() == 0.0 && d.abs() < 1e21 {
        if d == 0.0 && d.is_sign_negative() {
            return (-0.0).into();
        }
        if d.abs() < 9_007_199_254_740_992.0 {
            return (d as i64).into();
        }
    }
    d.into()
}

/// A value on one line of a text report.
pub(super) fn line(value: &Constant) -> String {
    let mut out = String::new();
    write(&json(value), &mut out);
    out
}

/// Recursive: values come from documents and decisions, whose depth is bounded.
fn write(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (i, (key, item)) in entries.iter().enumerate() {
                out.push_str(if i > 0 { ", " } else { "" });
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
        other => out.push_str(&other.to_string()),
    }
}
