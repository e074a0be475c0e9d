//! Expressions: the time of one evaluation beside the `cel` and `cel-core` crates, and the time of loading.
//!
//! Input: a principal and a resource of some 1 kB. Ours makes a frame for each evaluation, as a decision does; the
//! rivals get a context that is built once, which flatters them. All three run in this process, one after the other.
//!
//! `cargo bench --bench cel`

#![allow(clippy::indexing_slicing)]

use std::hint::black_box;
use std::sync::Arc;

use bumpalo::Bump;
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value as Json, json};
use toolgate::cel::value::{Field, FieldType, List, Map, Message, MessageType, Value};
use toolgate::cel::{Budget, Env, Frame, Inputs, Root, RootType, Truth, UnitBuilder, compile};

/// The conditions of the table.
const CONDITIONS: [(&str, &str); 7] = [
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

fn principal() -> Json {
    json!({
        "id": "alice@example.com", "roles": ["user", "dev", "admin"],
        "attr": {
            "department": "eng", "clearance": 3.0, "active": true, "team": "platform", "manager": "bob@example.com",
            "location": "berlin", "hired": "2019-04-01T00:00:00Z", "groups": ["a", "b", "c", "d"]
        }
    })
}

fn resource() -> Json {
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

fn environment() -> Env {
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

fn roots(bump: &Bump) -> [Value<'_>; 2] {
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

fn theirs(json: &Json) -> cel::Value {
    match json {
        Json::Null => cel::Value::Null,
        Json::Bool(b) => cel::Value::Bool(*b),
        Json::Number(n) => cel::Value::Float(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => cel::Value::from(s.as_str()),
        Json::Array(a) => cel::Value::from(a.iter().map(theirs).collect::<Vec<_>>()),
        Json::Object(o) => {
            cel::Value::from(o.iter().map(|(k, v)| (k.clone(), theirs(v))).collect::<std::collections::HashMap<_, _>>())
        }
    }
}

fn core(json: &Json) -> cel_core::Value {
    use cel_core::Value as V;
    match json {
        Json::Null => V::Null,
        Json::Bool(b) => V::Bool(*b),
        Json::Number(n) => V::Double(n.as_f64().unwrap_or(0.0)),
        Json::String(s) => V::String(s.as_str().into()),
        Json::Array(a) => V::List(a.iter().map(core).collect::<Vec<_>>().into()),
        Json::Object(o) => V::Map(Arc::new(cel_core::ValueMap::from_entries(
            o.iter().map(|(k, v)| (cel_core::MapKey::String(k.as_str().into()), core(v))),
        ))),
    }
}

fn evaluation(c: &mut Criterion) {
    let env = environment();
    let data = Bump::new();
    let roots = roots(&data);
    for (name, source) in CONDITIONS {
        let mut group = c.benchmark_group(name);
        let mut builder = UnitBuilder::bare(&env);
        let Ok(checked) = compile(source, &env) else { continue };
        let id = builder.add(&checked);
        let unit = builder.build();
        let mut bump = Bump::with_capacity(1 << 14);
        group.bench_function("toolgate", |b| {
            b.iter(|| {
                let budget = Budget::default();
                let inputs = Inputs { roots: black_box(&roots), now: None, bump: &bump, budget: &budget };
                let truth = Frame::new(&unit, inputs).truth(id);
                assert!(matches!(truth, Truth::True));
                bump.reset();
            });
        });

        let program = cel::Program::compile(source).ok();
        let mut context = cel::Context::default();
        context.add_variable_from_value("P", theirs(&principal()));
        context.add_variable_from_value("R", theirs(&resource()));
        if let Some(program) = program
            && matches!(program.execute(&context), Ok(cel::Value::Bool(true)))
        {
            group.bench_function("cel", |b| b.iter(|| program.execute(black_box(&context))));
        }

        let rival = cel_core::Env::with_standard_library()
            .with_variable("P", cel_core::CelType::Dyn)
            .with_variable("R", cel_core::CelType::Dyn);
        let mut activation = cel_core::MapActivation::new();
        activation.insert("P", core(&principal()));
        activation.insert("R", core(&resource()));
        if let Ok(ast) = rival.compile(source)
            && let Ok(program) = rival.program(&ast)
            && matches!(program.eval(&activation), cel_core::Value::Bool(true))
        {
            group.bench_function("cel-core", |b| b.iter(|| program.eval(black_box(&activation))));
        }
        group.finish();
    }
}

/// 10,000 conditions that differ from each other: parse, check, lower.
fn loading(c: &mut Criterion) {
    let env = environment();
    let sources: Vec<String> = (0..10_000)
        .map(|i| {
            let (_, source) = CONDITIONS[i % CONDITIONS.len()];
            format!("({source}) && R.attr.serial != 'n{i}'")
        })
        .collect();
    let mut group = c.benchmark_group("load");
    group.sample_size(10);
    group.bench_function("10000_conditions", |b| {
        b.iter(|| {
            let mut builder = UnitBuilder::bare(&env);
            for source in &sources {
                if let Ok(checked) = compile(source, &env) {
                    builder.add(&checked);
                }
            }
            builder.build().len()
        });
    });
    group.finish();
}

criterion_group!(benches, evaluation, loading);
criterion_main!(benches);
