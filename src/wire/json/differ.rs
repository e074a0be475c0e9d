//! The strict parser against `serde_json`: both take a text with the same meaning, or neither does, but for duplicate
//! members, which only we refuse. For tests and the fuzz target `json` only.

use bumpalo::Bump;

use super::value;
use crate::cel::value::{List, Value};
use crate::wire::limits::Limits;

fn same(ours: Value<'_>, theirs: &serde_json::Value) -> bool {
    match (ours, theirs) {
        (Value::Null, serde_json::Value::Null) => true,
        (Value::Bool(a), serde_json::Value::Bool(b)) => a == *b,
        // The other parser is not exact in the last place.
        (Value::Double(a), serde_json::Value::Number(b)) => {
            b.as_f64().is_some_and(|b| (a - b).abs() <= a.abs() * 1e-15 + 1e-300)
        }
        (Value::String(a), serde_json::Value::String(b)) => a == b,
        (Value::List(List::Values(a)), serde_json::Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(*a, b))
        }
        (Value::Map(a), serde_json::Value::Object(b)) => {
            a.len() == b.len() && b.iter().all(|(k, b)| a.get_str(k).is_some_and(|a| same(a, b)))
        }
        _ => false,
    }
}

/// Compares both on a text.
///
/// # Panics
/// When they differ.
pub fn agrees(text: &[u8]) {
    let bump = Bump::new();
    match (value(text, &bump, Limits::default()), serde_json::from_slice::<serde_json::Value>(text)) {
        (Ok(a), Ok(b)) => assert!(same(a, &b), "{a:?} != {b}"),
        (Ok(a), Err(b)) => assert!(text.is_empty(), "only we take {a:?}: {b}: {}", String::from_utf8_lossy(text)),
        (Err(a), Ok(b)) => {
            assert!(a.to_string().contains("duplicate"), "only we refuse {b}: {a}: {}", String::from_utf8_lossy(text));
        }
        (Err(_), Err(_)) => {}
    }
}
