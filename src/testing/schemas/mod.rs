//! JSON Schemas of the files people write: policies, suites, fixtures. Editors complete and check from them; Toolgate itself
//! does not read them. They are kept in docs/schemas, and a test fails when those are not what is made here, or when a
//! field that a decoder knows is missing.

mod policy;
mod suite;
#[cfg(test)]
mod tests;

use serde_json::{Value, json};

pub use policy::policy;
pub use suite::{fixtures, suite};

/// The dialect of all of them.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// An object with these fields and no others.
fn object(description: &str, required: &[&str], fields: &[(&str, Value)]) -> Value {
    let properties: serde_json::Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({
        "type": "object", "description": description, "additionalProperties": false,
        "required": required, "properties": properties,
    })
}

/// An object with any keys and such values.
fn map(description: &str, values: Value) -> Value {
    json!({ "type": "object", "description": description, "additionalProperties": values })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn pattern(description: &str, pattern: &str) -> Value {
    // `\w` is ASCII here
    let pattern = pattern.replace(r"[\w", "[A-Za-z0-9_").replace(r"\w", "[A-Za-z0-9_]").replace(r"\@", "@");
    json!({ "type": "string", "description": description, "pattern": pattern })
}

fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

fn one_of(description: &str, values: &[&str]) -> Value {
    json!({ "type": "string", "description": description, "enum": values })
}

fn list(description: &str, items: Value, least: usize) -> Value {
    json!({ "type": "array", "description": description, "items": items, "minItems": least })
}

fn set(description: &str, items: Value, least: usize) -> Value {
    json!({ "type": "array", "description": description, "items": items, "minItems": least, "uniqueItems": true })
}

/// A file as JSON with a line break at its end, as it is kept.
#[must_use]
pub fn file(schema: &Value) -> String {
    format!("{schema:#}\n")
}
