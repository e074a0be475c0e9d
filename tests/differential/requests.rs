//! Check requests for a world: mostly for what its policies speak of, some for what none does, and some that must be
//! refused.

use serde_json::{Map, Value as Json, json};

use super::attrs::{self, PRINCIPAL, RESOURCE};
use super::features::{Feature, Features};
use super::rng::Rng;
use super::store::world::World;

fn scope(rng: &mut Rng, world: &World, features: &Features) -> Option<String> {
    if !features.has(Feature::Scopes) || rng.chance(30) {
        return None;
    }
    let known = rng.pick(&world.scopes).clone();
    Some(match rng.below(20) {
        0 => ".".into(),
        1 => "nowhere".into(),
        2 => format!("{known}{}deep", if known.is_empty() { "" } else { "." }),
        _ => known,
    })
}

fn version(rng: &mut Rng, world: &World) -> Option<String> {
    match rng.below(16) {
        0..9 => None,
        9 => Some(rng.word(&["v9", "v2", "default"]).to_string()),
        _ => Some(rng.pick(&world.versions).clone()),
    }
}

fn optional(map: &mut Map<String, Json>, key: &str, value: Option<String>) {
    if let Some(value) = value {
        map.insert(key.into(), json!(value));
    }
}

/// One request: a principal and `resources` resources with up to `actions` actions each.
pub fn generate(rng: &mut Rng, world: &World, features: &Features, resources: usize, actions: usize) -> Json {
    let (present, ill) = *rng.pick(&[(100, 0), (95, 3), (85, 15), (60, 10)]);
    let role_count = rng.range(1, 4);
    let mut principal = Map::new();
    let id = if rng.chance(90) {
        rng.pick(&world.principals).clone()
    } else {
        rng.word(&["nobody", "u5_x.com", "*"]).to_string()
    };
    principal.insert("id".into(), json!(id));
    principal.insert("roles".into(), json!(rng.sample(&world.roles, role_count)));
    principal.insert("attr".into(), Json::Object(attrs::fill(rng, PRINCIPAL, present, ill)));
    optional(&mut principal, "policyVersion", version(rng, world));
    optional(&mut principal, "scope", scope(rng, world, features));
    let list: Vec<Json> = (0..resources)
        .map(|i| {
            let mut resource = Map::new();
            let mut kind = rng.pick(&world.kinds).clone();
            match rng.below(30) {
                0 => kind = kind.replace([':', '-', '/'], "_"),
                1 => kind = kind.replace('_', "-"),
                2 => kind = "unknown".into(),
                _ => {}
            }
            resource.insert("kind".into(), json!(kind));
            resource.insert("id".into(), json!(format!("{}{i}", rng.word(&["r", "u1", "x-"]))));
            if present == 100 || rng.chance(95) {
                resource.insert("attr".into(), Json::Object(attrs::fill(rng, RESOURCE, present, ill)));
            }
            optional(&mut resource, "policyVersion", version(rng, world));
            optional(&mut resource, "scope", scope(rng, world, features));
            let count = rng.range(1, actions);
            let mut names = rng.sample(&world.actions, count);
            if rng.chance(10) {
                names.push(rng.word(&["*", "other", "view:", "vi?w", "é"]).to_string());
            }
            json!({"actions": names, "resource": resource})
        })
        .collect();
    let mut request = json!({"requestId": format!("r{}", rng.below(1000)), "principal": principal, "resources": list});
    if let Some(aux) = world.tokens.aux_data(rng) {
        request["auxData"] = aux;
    }
    if rng.chance(97) {
        request["includeMeta"] = json!(true);
    }
    request
}

/// A body that must be refused, or nearly; made from a good request.
pub fn bad(rng: &mut Rng, good: &Json) -> String {
    let mut request = good.clone();
    let edits: &[(&str, Json)] = &[
        ("/principal/id", json!("")),
        ("/principal/id", json!(1)),
        ("/principal/id", json!(null)),
        ("/principal/id", json!({})),
        ("/principal/roles", json!([])),
        ("/principal/roles", json!(["a", "a"])),
        ("/principal/roles", json!([""])),
        ("/principal/roles", json!("user")),
        ("/principal/roles", json!(null)),
        ("/principal/roles", json!(["a", null])),
        ("/principal/attr", json!({"": 1})),
        ("/principal/attr", json!([])),
        ("/principal/attr", json!(null)),
        ("/principal", json!(null)),
        ("/principal", json!({})),
        ("/principal", json!([])),
        ("/resources", json!([])),
        ("/resources", json!(null)),
        ("/resources", json!({})),
        ("/resources/0", json!({})),
        ("/resources/0", json!(null)),
        ("/resources/0/actions", json!([])),
        ("/resources/0/actions", json!(["a", "a"])),
        ("/resources/0/actions", json!([""])),
        ("/resources/0/actions", json!([1])),
        ("/resources/0/resource", json!({})),
        ("/resources/0/resource", json!(null)),
        ("/resources/0/resource/id", json!("")),
        ("/resources/0/resource/kind", json!("")),
        ("/resources/0/resource/id", json!(true)),
        ("/resources/0/resource/attr", json!({"": null})),
        ("/requestId", json!(5)),
        ("/requestId", json!(null)),
        ("/resources/0/resource/kind", json!(["x"])),
        ("/resources/0/resource/attr", json!("x")),
    ];
    match rng.below(10) {
        0..5 => {
            for _ in 0..rng.range(1, 2) {
                let (path, value) = rng.pick(edits).clone();
                if let Some(slot) = request.pointer_mut(path) {
                    *slot = value;
                }
            }
            request.to_string()
        }
        5 | 6 => {
            let added = [
                ("/principal", "scope", json!("a..b")),
                ("/principal", "scope", json!(".a")),
                ("/principal", "policyVersion", json!("1.0")),
                ("/resources/0/resource", "scope", json!("é")),
                ("/resources/0/resource", "policyVersion", json!("a b")),
                ("/resources/0/resource", "policy_version", json!("default")),
                ("", "nope", json!(1)),
                ("/principal", "nope", json!({})),
                ("/resources/0", "nope", json!([])),
                ("", "includeMeta", json!("true")),
                ("", "includeMeta", json!(1)),
                ("", "include_meta", json!(true)),
                ("", "auxData", json!({"jwt": {"token": ""}})),
                ("", "auxData", json!({})),
                ("", "auxData", json!(null)),
                ("", "requestContext", json!({"annotations": {"a": [1]}})),
                ("", "requestContext", json!({"annotations": {"": 1}})),
            ];
            let (path, key, value) = rng.pick(&added).clone();
            if let Some(Json::Object(map)) = request.pointer_mut(path) {
                map.insert(key.into(), value);
            }
            request.to_string()
        }
        7 => {
            let text = request.to_string();
            let cut = rng.below(text.len());
            String::from_utf8_lossy(&text.as_bytes()[..cut]).into_owned()
        }
        8 => rng
            .word(&[
                "",
                "{}",
                "[]",
                "null",
                "1",
                "\"x\"",
                "{",
                "{\"a\"}",
                "{\"principal\": {}, \"principal\": {}}",
                "{\"requestId\": \"a\", \"request_id\": \"b\"}",
                "{\"requestId\": \"\\ud800\"}",
                "{\"requestId\": \"a\", \"requestId\": \"b\"}",
                "{\"resources\": [1]}",
                "tru",
                "{\"principal\": nul}",
                "{'a': 1}",
                "{\"principal\": {\"attr\": {\"a\": 1e999}}}",
                "{\"principal\": {\"attr\": {\"a\": 01}}}",
                "{\"principal\": {\"attr\": {\"a\": NaN}}}",
            ])
            .to_string(),
        _ => {
            let resource = request.pointer("/resources/0").cloned().unwrap_or_default();
            if rng.chance(50) {
                request["resources"] = Json::Array(vec![resource; 51]);
            } else {
                request["resources"][0]["actions"] = (0..51).map(|i| json!(format!("a{i}"))).collect();
            }
            request.to_string()
        }
    }
}
