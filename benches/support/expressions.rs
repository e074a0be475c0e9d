//! Conditions to evaluate, and a principal and a resource of some 1 kB that meet them.

use bumpalo::Bump;
use serde_json::{Value as Json, json};
use toolgate::cel::unit::{ExprId, Unit};
use toolgate::cel::value::{Field, FieldType, List, Map, Message, MessageType, Value};
use toolgate::cel::{Budget, Env, Frame, Inputs, Root, RootType, Truth, UnitBuilder, compile};

/// Conditions of the kinds that policies are made of.
pub const CONDITIONS: [(&str, &str); 7] = [
    ("equality", "R.attr.owner == P.id"),
    ("in_and_less", "P.attr.department in ['eng', 'ops', 'legal'] && R.attr.level < 5.0"),
    ("prefix_and_not_in", "R.attr.path.startsWith('/srv/') && !(R.attr.state in ['archived', 'deleted', 'locked'])"),
    ("regex", "R.attr.email.matches('^[a-z0-9.]+@example[.](com|org)$')"),
    ("exists_20", "R.attr.items.exists(i, i == 'item19')"),
    ("timestamp", "timestamp(R.attr.created) < timestamp('2025-01-01T00:00:00Z')"),
    (
        "nine_terms",
        "R.attr.owner == P.id && P.attr.department == 'eng' && R.attr.level >= 2.0 && R.attr.state != 'archived' && \
         P.attr.clearance > 2.0 && R.attr.path.startsWith('/srv/') && 'admin' in P.roles && P.attr.active && \
         !(R.attr.region in ['cn', 'ru'])",
    ),
];

pub fn principal() -> Json {
    json!({
        "id": "alice@example.com", "roles": ["user", "dev", "admin"],
        "attr": {
            "department": "eng", "clearance": 3.0, "active": true, "team": "platform", "manager": "bob@example.com",
            "location": "berlin", "hired": "2019-04-01T00:00:00Z", "groups": ["a", "b", "c", "d"]
        }
    })
}

pub fn resource() -> Json {
    let items: Vec<String> = (0..20).map(|i| format!("item{i}")).collect();
    json!({
        "kind": "document", "id": "doc-1723",
        "attr": {
            "owner": "alice@example.com", "level": 3.0, "state": "open", "path": "/srv/data/reports/2024/q3.pdf",
            "email": "alice.smith@example.com", "created": "2024-03-10T07:30:00Z", "items": items, "region": "eu",
            "title": "Quarterly report", "size": 18273.0, "tags": ["finance", "internal"], "locked": false
        }
    })
}

const fn field(name: &'static str, ty: FieldType) -> Field {
    Field { name, alias: name, ty }
}

static PRINCIPAL: MessageType = MessageType {
    name: "bench.Principal",
    fields: &[field("id", FieldType::String), field("roles", FieldType::StringList), field("attr", FieldType::DynMap)],
};
static RESOURCE: MessageType = MessageType {
    name: "bench.Resource",
    fields: &[field("id", FieldType::String), field("kind", FieldType::String), field("attr", FieldType::DynMap)],
};

pub fn environment() -> Env {
    Env::new(vec![
        Root { name: "P".into(), ty: RootType::Message(&PRINCIPAL), index: 0 },
        Root { name: "R".into(), ty: RootType::Message(&RESOURCE), index: 1 },
    ])
}

fn ours<'a>(bump: &'a Bump, json: &Json) -> Value<'a> {
    match json {
        Json::Null => Value::Null,
        Json::Bool(b) => Value::Bool(*b),
        Json::Number(n) => Value::Double(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => Value::String(bump.alloc_str(s)),
        Json::Array(a) => Value::List(List::Values(bump.alloc_slice_fill_iter(a.iter().map(|v| ours(bump, v))))),
        Json::Object(o) => {
            let fields: Vec<(&str, Value<'a>)> = o.iter().map(|(k, v)| (&*bump.alloc_str(k), ours(bump, v))).collect();
            Value::Map(Map::Fields(bump.alloc_slice_copy(&fields)))
        }
    }
}

pub fn roots(bump: &Bump) -> [Value<'_>; 2] {
    let (p, r) = (principal(), resource());
    let roles: Vec<&str> =
        p["roles"].as_array().into_iter().flatten().filter_map(Json::as_str).map(|r| &*bump.alloc_str(r)).collect();
    let p = bump.alloc_slice_copy(&[
        ours(bump, &p["id"]),
        Value::List(List::Strings(bump.alloc_slice_copy(&roles))),
        ours(bump, &p["attr"]),
    ]);
    let r = bump.alloc_slice_copy(&[ours(bump, &r["id"]), ours(bump, &r["kind"]), ours(bump, &r["attr"])]);
    [Value::Message(Message { ty: &PRINCIPAL, fields: p }), Value::Message(Message { ty: &RESOURCE, fields: r })]
}

/// Each condition as a unit of its own.
pub fn units() -> Vec<(&'static str, Unit, ExprId)> {
    let env = environment();
    let unit = |(name, source): (&'static str, &str)| {
        let mut builder = UnitBuilder::bare(&env);
        let id = builder.add(&compile(source, &env).unwrap());
        (name, builder.build(), id)
    };
    CONDITIONS.into_iter().map(unit).collect()
}

/// One evaluation, with a frame of its own, as in a decision.
pub fn evaluate(unit: &Unit, id: ExprId, roots: &[Value<'_>], bump: &Bump) {
    let budget = Budget::default();
    let truth = Frame::new(unit, Inputs { roots, now: None, bump, budget: &budget }).truth(id);
    assert!(matches!(truth, Truth::True));
}
