//! JSON Schemas of attributes, and the blocks of resource policies that name them.

use serde_json::{Map, Value as Json, json};

use super::super::attrs::{MEMBERS, PRINCIPAL, RESOURCE, STRINGS, Ty};
use super::super::rng::Rng;

/// Names of the schemas a store may have; the last is only referred to by others.
const NAMES: [&str; 4] = ["principal.json", "resource.json", "sub/other.json", "part.json"];

/// Files below `_schemas`.
pub fn files(rng: &mut Rng) -> Vec<(String, String)> {
    let attributes = [PRINCIPAL, RESOURCE, RESOURCE, MEMBERS];
    NAMES
        .iter()
        .zip(attributes)
        .map(|(name, attributes)| {
            let mut schema = object(rng, attributes, part(name));
            if rng.chance(50) {
                schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
            }
            (format!("_schemas/{name}"), format!("{schema:#}\n"))
        })
        .collect()
}

/// The `schemas` block of a resource policy.
pub fn block(rng: &mut Rng, actions: &[String]) -> Json {
    let mut block = Map::new();
    for (key, names) in [("principalSchema", &NAMES[..1]), ("resourceSchema", &NAMES[1..3])] {
        if rng.chance(75) {
            let mut schema = json!({"ref": format!("cerbos:///{}", rng.pick(names))});
            if rng.chance(30) {
                let count = rng.range(1, 2);
                let mut ignored = rng.sample(actions, count);
                if rng.chance(20) {
                    ignored.push("view:*".into());
                }
                schema["ignoreWhen"] = json!({"actions": ignored});
            }
            block.insert(key.into(), schema);
        }
    }
    Json::Object(block)
}

/// How a schema may refer to the last one from where it is.
fn part(name: &str) -> &'static [&'static str] {
    match name {
        "part.json" => &[],
        "sub/other.json" => &["cerbos:///part.json", "../part.json", "/part.json"],
        _ => &["cerbos:///part.json", "part.json", "/part.json", "./sub/../part.json"],
    }
}

fn object(rng: &mut Rng, attributes: &[(&str, Ty)], refs: &'static [&'static str]) -> Json {
    let count = rng.range(1, 6);
    let chosen = rng.sample(attributes, count);
    let properties: Map<String, Json> =
        chosen.iter().map(|(name, ty)| ((*name).to_owned(), property(rng, *ty, refs))).collect();
    let mut schema = json!({"type": "object", "properties": properties});
    if rng.chance(50) {
        let count = rng.range(1, 2);
        let required: Vec<&str> = rng.sample(&chosen, count).iter().map(|(name, _)| *name).collect();
        schema["required"] = json!(required);
    }
    match rng.below(10) {
        0 => schema["additionalProperties"] = json!(false),
        1 => schema["maxProperties"] = json!(rng.range(1, 12)),
        2 => schema["minProperties"] = json!(rng.range(1, 12)),
        _ => {}
    }
    schema
}

fn property(rng: &mut Rng, ty: Ty, refs: &'static [&'static str]) -> Json {
    if rng.chance(8) {
        return json!({"type": rng.word(&["string", "number", "boolean", "array", "object", "null", "integer"])});
    }
    match ty {
        Ty::Bool => json!({"type": "boolean"}),
        Ty::Int | Ty::Num => match rng.below(5) {
            0 => json!({"type": "integer"}),
            1 => json!({"type": "number", "minimum": rng.below(4)}),
            2 => json!({"type": "number", "exclusiveMaximum": rng.below(8)}),
            3 => json!({"type": ["number", "null"]}),
            _ => json!({"type": "number"}),
        },
        Ty::Str | Ty::Time | Ty::Span => match rng.below(7) {
            0 => json!({"type": "string", "minLength": rng.range(1, 4)}),
            1 => json!({"type": "string", "maxLength": rng.range(1, 6)}),
            2 => json!({"type": "string", "pattern": rng.word(&["^[a-z]+$", "u[0-9]", "\\."])}),
            3 => {
                let strings: Vec<&str> = rng.sample(STRINGS, 3);
                json!({"enum": strings})
            }
            4 => json!({"const": rng.pick(STRINGS)}),
            _ => json!({"type": "string"}),
        },
        Ty::StrList => match rng.below(4) {
            0 => json!({"type": "array", "items": {"type": "string"}, "minItems": rng.below(3)}),
            1 => json!({"type": "array", "uniqueItems": true}),
            2 => json!({"type": "array", "items": {"type": "string", "maxLength": 3}}),
            _ => json!({"type": "array", "items": {"type": "string"}}),
        },
        Ty::NumList => json!({"type": "array", "items": {"type": "number", "maximum": rng.range(1, 9)}}),
        Ty::Map if !refs.is_empty() => match rng.below(3) {
            0 | 1 => json!({"$ref": rng.word(refs)}),
            _ => object(rng, MEMBERS, &[]),
        },
        Ty::Map => json!({"type": "object"}),
        Ty::Any => match rng.below(3) {
            0 => json!({"anyOf": [{"type": "string"}, {"type": "number"}]}),
            1 => json!({"not": {"type": "null"}}),
            _ => json!(true),
        },
    }
}
