//! The request the corpus was answered under, in the shapes expressions see.

use bumpalo::Bump;
use serde_json::Value as Json;

use super::super::value::{Field, FieldType, List, Map, Message, MessageType, SORTED_ABOVE, Value};
use super::super::{Env, Root, RootType};

const fn field(name: &'static str, alias: &'static str, ty: FieldType) -> Field {
    Field { name, alias, ty }
}

static PRINCIPAL: MessageType = MessageType {
    name: "cerbos.engine.v1.Principal",
    fields: &[
        field("id", "id", FieldType::String),
        field("roles", "roles", FieldType::StringList),
        field("attr", "attr", FieldType::DynMap),
        field("policyVersion", "policy_version", FieldType::String),
        field("scope", "scope", FieldType::String),
    ],
};
static RESOURCE: MessageType = MessageType {
    name: "cerbos.engine.v1.Resource",
    fields: &[
        field("kind", "kind", FieldType::String),
        field("id", "id", FieldType::String),
        field("attr", "attr", FieldType::DynMap),
        field("policyVersion", "policy_version", FieldType::String),
        field("scope", "scope", FieldType::String),
    ],
};
static JWT: MessageType =
    MessageType { name: "cerbos.engine.v1.AuxData.JWT", fields: &[field("claims", "claims", FieldType::DynMap)] };
static AUX_DATA: MessageType = MessageType {
    name: "cerbos.engine.v1.AuxData",
    fields: &[field("jwt", "jwt", FieldType::DynMap), field("jwts", "jwts", FieldType::MessageMap(&JWT))],
};
static REQUEST: MessageType = MessageType {
    name: "cerbos.engine.v1.Request",
    fields: &[
        field("principal", "principal", FieldType::Message(&PRINCIPAL)),
        field("resource", "resource", FieldType::Message(&RESOURCE)),
        field("auxData", "aux_data", FieldType::Message(&AUX_DATA)),
    ],
};
static RUNTIME: MessageType = MessageType {
    name: "cerbos.engine.v1.Runtime",
    fields: &[field("effectiveDerivedRoles", "effective_derived_roles", FieldType::StringList)],
};

/// `request`, `P`, `R`, `runtime`, `G`; `V` and `C`.
pub fn environment() -> Env {
    let root = |name: &str, ty, index| Root { name: name.to_owned(), ty, index };
    Env::new(vec![
        root("request", RootType::Message(&REQUEST), 0),
        root("P", RootType::Message(&PRINCIPAL), 1),
        root("R", RootType::Message(&RESOURCE), 2),
        root("runtime", RootType::Message(&RUNTIME), 3),
        root("G", RootType::Globals, 4),
        root("globals", RootType::Globals, 4),
        root("V", RootType::Variables, 5),
        root("variables", RootType::Variables, 5),
        root("C", RootType::Constants, 6),
        root("constants", RootType::Constants, 6),
    ])
}

/// A value as it comes with a request.
pub fn from_json<'a>(bump: &'a Bump, json: &Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Double(n.as_f64().unwrap()),
        Json::String(s) => Value::String(bump.alloc_str(s)),
        Json::Array(a) => Value::list(bump.alloc_slice_fill_iter(a.iter().map(|v| from_json(bump, v)))),
        Json::Object(o) => Value::Map(fields(bump, o)),
    }
}

fn fields<'a>(bump: &'a Bump, object: &serde_json::Map<String, Json>) -> Map<'a> {
    let all: Vec<(&'a str, Value<'a>)> =
        object.iter().map(|(k, v)| (&*bump.alloc_str(k), from_json(bump, v))).collect();
    let fields = bump.alloc_slice_copy(&all);
    if fields.len() > SORTED_ABOVE {
        fields.sort_by_key(|(k, _)| *k);
    }
    Map::Fields(fields)
}

/// The inputs of [`environment`] for a request in JSON.
pub fn inputs<'a>(bump: &'a Bump, json: &Json) -> &'a [Value<'a>] {
    let text = |v: &Json| Value::String(bump.alloc_str(v.as_str().unwrap_or("")));
    let map = |v: &Json| v.as_object().map_or(Map::Fields(&[]), |o| fields(bump, o));
    let message = |ty: &'static MessageType, fields: Vec<Value<'a>>| {
        Value::Message(Message { ty, fields: bump.alloc_slice_copy(&fields) })
    };
    let (p, r, aux) = (&json["principal"], &json["resource"], &json["auxData"]);
    let roles: Vec<&'a str> = p["roles"]
        .as_array()
        .map_or(Vec::new(), |roles| roles.iter().map(|r| &*bump.alloc_str(r.as_str().unwrap())).collect());
    let roles = Value::List(List::Strings(bump.alloc_slice_copy(&roles)));
    let principal = message(
        &PRINCIPAL,
        vec![text(&p["id"]), roles, Value::Map(map(&p["attr"])), text(&p["policyVersion"]), text(&p["scope"])],
    );
    let resource = message(
        &RESOURCE,
        vec![
            text(&r["kind"]),
            text(&r["id"]),
            Value::Map(map(&r["attr"])),
            text(&r["policyVersion"]),
            text(&r["scope"]),
        ],
    );
    let aux = message(&AUX_DATA, vec![Value::Map(map(&aux["jwt"])), Value::Map(Map::Fields(&[]))]);
    let request = message(&REQUEST, vec![principal, resource, aux]);
    let runtime = message(&RUNTIME, vec![Value::List(List::Strings(&[]))]);
    let globals = Value::Map(map(&json["globals"]));
    bump.alloc_slice_copy(&[request, principal, resource, runtime, globals])
}
